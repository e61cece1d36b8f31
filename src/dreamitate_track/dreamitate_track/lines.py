"""Lines across the tool's contours: which way, and how far, does each contour point want to move?

A contour point lies where the rendered label changes: at the silhouette or between colours. Along the line through it,
across the contour, every boundary position has a likelihood: the product of the near label's over the pixels inside
and the far label's over those outside. Its mean and variance make one row of a Gauss-Newton system. The idea is that
of region-based tracking (Prisacariu and Reid 2012; Stoiber et al., "SRT3D", IJCV 2022).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .likelihood import CLEAR, LIMIT
from .raster import NOTHING, project, rasterise

Array = NDArray[np.float64]
Maps = NDArray[np.float32]

BUFFER = 192
FINEST_SCALE = 3.0
TARGET_PX = 150.0
"""The tool is drawn about this large, whatever its size in the picture."""
OUTLIER = 0.35
"""Share of the reach from which a line's wish is doubted (Geman and McClure's weight)."""
LONGEST = 16
"""Samples to each side of the contour at most."""
BLURRED, LOCAL = 1, 2
"""Samples to each side of a contour in which both sides' colours are mixed, and those after them that show one."""
ALIKE, UNLIKE = 24.0, 25.0
"""Grey levels by which two sides differ too little, or by which a pixel is not the bare scene."""
SURE = 0.3
"""Mean log-likelihood ratio from which the near side does show the tool."""
LEAST_SHADE, MOST_SHADE = 0.3, 1.3
HUE = 40.0
"""Grey levels by which a tool differs from any shade of the bare scene, from which shadows do not matter."""
NOISE = 16.0
"""Grey levels, over three channels, by which a pixel is off."""
UNKNOWNS = 13
TWIST, SHIFT, SHEAR, GROWTH = slice(0, 6), slice(6, 8), slice(8, 12), 12
"""Unknowns of one view: the tool's, and how the picture of it is shifted, turned and stretched, and grown by blur."""
NO_IMAGE, NO_BARE = np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0, 3), np.float32)
SHEAR_PX = 40.0
"""A shear is given by how far it moves what is so far from the tool's middle, in pixels at 768 wide."""


@njit(cache=True, fastmath=True, nogil=True)
def _sample(maps: Maps, part: int, u: float, v: float) -> float:
    """Return maps[part] at column u, row v, bilinearly; the caller keeps inside."""
    column, row = int(u), int(v)
    column, row = min(column, maps.shape[2] - 2), min(row, maps.shape[1] - 2)
    du, dv = u - column, v - row
    top = maps[part, row, column] * (1 - du) + maps[part, row, column + 1] * du
    bottom = maps[part, row + 1, column] * (1 - du) + maps[part, row + 1, column + 1] * du
    return top * (1 - dv) + bottom * dv


@njit(cache=True, fastmath=True, nogil=True)
def _pixel(image: Maps | NDArray[np.uint8], channel: int, u: float, v: float) -> float:
    """Return a channel of image (h, w, 3) at column u, row v, bilinearly; the caller keeps inside."""
    column, row = int(u), int(v)
    column, row = min(column, image.shape[1] - 2), min(row, image.shape[0] - 2)
    du, dv = u - column, v - row
    top = image[row, column, channel] * (1 - du) + image[row, column + 1, channel] * du
    bottom = image[row + 1, column, channel] * (1 - du) + image[row + 1, column + 1, channel] * du
    return top * (1 - dv) + bottom * dv


@njit(cache=True, fastmath=True, nogil=True)
def _normal(label: NDArray[np.int8], near: int, row: float, column: float) -> tuple[float, float]:
    """Return the unit vector (columns, rows) that points out of the near label, or zeros."""
    nx, ny = 0.0, 0.0
    first_row, first = int(np.ceil(row - 2.6)), int(np.ceil(column - 2.6))
    for i in range(max(0, first_row), min(label.shape[0], first_row + 6)):
        for j in range(max(0, first), min(label.shape[1], first + 6)):
            dx, dy = j - column, i - row
            if dx * dx + dy * dy > 6.8:
                continue
            if label[i, j] == near:
                nx -= dx
                ny -= dy
            else:
                nx += dx
                ny += dy
    length = np.sqrt(nx * nx + ny * ny)
    if length < 2.0:
        return 0.0, 0.0
    return nx / length, ny / length


@njit(cache=True, fastmath=True, nogil=True)
def _mixed(
    image: NDArray[np.uint8],
    bare: Maps,
    first_u: float,
    first_v: float,
    step_u: float,
    step_v: float,
    inner: int,
    outer: int,
    onto_bare: bool,
    colours: Array,
    gain: Array,
) -> None:
    """Replace a line's gains by where each of its pixels lies between the colours on both sides of the contour.

    A pixel half of the one and half of the other is worth nothing, so that blur does not move contours, as it does
    where the mixed colour is likelier on one side. Gains stay as they are where the two sides look alike, or where the
    tool or what lies beyond does not show.
    first_u, first_v: the line's first pixel, step_u, step_v: to the next; inner, outer: how many lie on each side;
    onto_bare: what lies beyond is the bare scene, however shaded; colours: (2 * LONGEST, 6) buffer.
    """
    if inner <= BLURRED or outer <= BLURRED:
        return
    count = inner + outer
    first, last = max(0, inner - BLURRED - LOCAL), min(count, inner + BLURRED + LOCAL)
    evidence = 0.0
    for k in range(first, inner - BLURRED):
        evidence += gain[LONGEST - inner + k]
    if onto_bare and evidence < SURE * (inner - BLURRED - first):
        return
    for k in range(count):
        u, v = first_u + k * step_u, first_v + k * step_v
        for channel in range(3):
            colours[k, channel] = _pixel(image, channel, u, v)
            colours[k, 3 + channel] = _pixel(bare, channel, u, v)
    near, beyond = np.zeros(3), np.zeros(3)
    along, square = 0.0, 1e-6
    for channel in range(3):
        for k in range(first, inner - BLURRED):
            near[channel] += colours[k, channel] / (inner - BLURRED - first)
        for k in range(inner + BLURRED, last):
            beyond[channel] += colours[k, channel] / (last - inner - BLURRED)
            along += colours[k, channel] * colours[k, 3 + channel]
            square += colours[k, 3 + channel] ** 2
    shade = min(MOST_SHADE, max(LEAST_SHADE, along / square))
    off = 0.0
    for k in range(inner + BLURRED, last):
        for channel in range(3):
            off += abs(colours[k, channel] - shade * colours[k, 3 + channel]) / (3 * (last - inner - BLURRED))
    if onto_bare and off > UNLIKE:  # a hand, or what is not known
        return
    for k in range(count):
        own, length = 0.0, 1e-6
        for channel in range(3):
            own += near[channel] * colours[k, 3 + channel]
            length += colours[k, 3 + channel] ** 2
        hue = 0.0
        for channel in range(3):
            hue += (near[channel] - own / length * colours[k, 3 + channel]) ** 2
        contrast, place = 1e-6, 0.0
        for channel in range(3):
            far = shade * colours[k, 3 + channel] if onto_bare else beyond[channel]
            apart = near[channel] - far
            if onto_bare and hue > HUE * HUE:  # what no shadow can do
                apart = near[channel] - own / length * colours[k, 3 + channel]
            contrast += apart**2
            place += (colours[k, channel] - far) * apart
        if contrast < ALIKE * ALIKE:
            continue
        value = min(LIMIT, 0.5 * contrast / (NOISE * NOISE))
        gain[LONGEST - inner + k] = value * min(1.0, max(-1.0, 2.0 * place / contrast - 1.0))


@njit(cache=True, fastmath=True, nogil=True)
def view_system(
    vertices: Array,
    faces: NDArray[np.int32],
    face_label: NDArray[np.int8],
    transform: Array,
    intrinsics: Array,
    maps: Maps,
    image: NDArray[np.uint8],
    bare: Maps,
    reach: int,
    step: float,
    sharpness: float,
    growth: float,
    pixels: Array,
    inverse_depth: Maps,
    label: NDArray[np.int8],
    H: Array,
    g: Array,
) -> float:
    """Fill H (13, 13) and g (13,) of one view and return the sum of the lines' weights.

    Unknowns: the twist [v, w] in the body frame, then the shift (2,) of the picture, its shear (4,: columns by columns
    and rows, rows by columns and rows) around the tool's middle, and the growth of the silhouette (blur lets it look
    larger or smaller than it is), in pixels of the level.
    image, bare: (h, w, 3) the picture and the bare scene, which place contours free of bias once they are near;
    NO_IMAGE, NO_BARE: the maps alone do.
    transform: (4, 4) body to camera; reach: samples to each side of the contour, step pixels apart;
    sharpness: how far neighbouring pixels count as independent; growth: of the silhouette, in pixels.
    """
    H[:, :] = 0.0
    g[:] = 0.0
    if not project(vertices, transform, intrinsics, pixels):
        return 0.0
    height, width = maps.shape[1], maps.shape[2]
    left, right, top, bottom = 1e9, -1e9, 1e9, -1e9
    for i in range(pixels.shape[0]):
        left, right = min(left, pixels[i, 0]), max(right, pixels[i, 0])
        top, bottom = min(top, pixels[i, 1]), max(bottom, pixels[i, 1])
    if right < 0 or left > width - 1 or bottom < 0 or top > height - 1:
        return 0.0
    scale = min(FINEST_SCALE, TARGET_PX / max(right - left, bottom - top, 1.0))
    left, top = left - 3.0 / scale, top - 3.0 / scale
    columns = min(BUFFER, int((right - left) * scale) + 5)
    rows = min(BUFFER, int((bottom - top) * scale) + 5)
    depth_part, label_part = inverse_depth[:rows, :columns], label[:rows, :columns]
    rasterise(pixels, faces, face_label, left, top, scale, depth_part, label_part)
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    gain, colours = np.empty(2 * LONGEST), np.empty((2 * LONGEST, 6))
    row_J = np.empty(UNKNOWNS)
    middle_u, middle_v = left + 0.5 * columns / scale, top + 0.5 * rows / scale
    far_px = SHEAR_PX * width / 768.0
    total = 0.0
    front = maps.shape[0] - 1
    for i in range(1, rows - 1):
        for j in range(1, columns - 1):
            for way in range(2):
                i2, j2 = i + way, j + 1 - way
                a, b = label_part[i, j], label_part[i2, j2]
                if a == b:
                    continue
                if b == NOTHING or (a != NOTHING and depth_part[i, j] >= depth_part[i2, j2]):
                    near, far, depth = a, b, 1.0 / depth_part[i, j]
                else:
                    near, far, depth = b, a, 1.0 / depth_part[i2, j2]
                row, column = i + 0.5 * way, j + 0.5 * (1 - way)
                u, v = left + column / scale, top + row / scale
                if u < 1.0 or v < 1.0 or u > width - 2.0 or v > height - 2.0:
                    continue
                nx, ny = _normal(label_part, near, row, column)
                if nx == 0.0 and ny == 0.0:
                    continue
                grown = growth if far == NOTHING else 0.0
                inner, outer, hidden = 0, 0, False
                for side in range(-1, 2, 2):
                    expected = near if side < 0 else far
                    for n in range(reach):
                        s = side * (n + 0.5) * step
                        su, sv = u + (s + grown) * nx, v + (s + grown) * ny
                        if su < 0.0 or sv < 0.0 or su > width - 1.0 or sv > height - 1.0:
                            break
                        p, q = int(np.rint(row + s * ny * scale)), int(np.rint(column + s * nx * scale))
                        seen = NOTHING
                        if 0 <= p < rows and 0 <= q < columns:
                            seen = label_part[p, q]
                        if seen != expected and abs(s) * scale > 1.5:
                            break
                        value = _sample(maps, near, su, sv)
                        if value < CLEAR and _sample(maps, front, su, sv) > 0.5:  # the contour may be behind the hand
                            hidden = hidden or n < 0.4 * reach
                            break
                        if far != NOTHING:
                            value -= _sample(maps, far, su, sv)
                        if side < 0:
                            gain[LONGEST - 1 - n] = value
                            inner = n + 1
                        else:
                            gain[LONGEST + n] = value
                            outer = n + 1
                if hidden or inner + outer < 2:
                    continue
                if image.shape[0] > 0:
                    first = 0.5 - inner
                    _mixed(
                        image,
                        bare,
                        u + (first * step + grown) * nx,
                        v + (first * step + grown) * ny,
                        step * nx,
                        step * ny,
                        inner,
                        outer,
                        far == NOTHING,
                        colours,
                        gain,
                    )
                # Energies of the boundary at (k - inner) * step, k = 0..inner + outer.
                energy, best = 0.0, 0.0
                for k in range(inner + outer):
                    energy += gain[LONGEST - inner + k]
                    best = max(best, energy)
                energy, weight_sum, mean, square = 0.0, 0.0, 0.0, 0.0
                for k in range(inner + outer + 1):
                    if k > 0:
                        energy += gain[LONGEST - inner + k - 1]
                    weight = np.exp(sharpness * step * (energy - best))
                    d = (k - inner) * step
                    weight_sum += weight
                    mean += weight * d
                    square += weight * d * d
                mean /= weight_sum
                variance = square / weight_sum - mean * mean
                span = (inner + outer + 1) * step
                flat = span * span / 12.0
                known = 1.0 / (variance + 0.3) - 1.0 / (flat + 0.3)
                if known <= 0.0:
                    continue
                off = mean / (OUTLIER * reach * step)
                known /= scale * (abs(nx) + abs(ny)) * (1.0 + off * off) ** 2
                x, y = (u - cx) / fx * depth, (v - cy) / fy * depth
                ax, ay = nx * fx / depth, ny * fy / depth
                az = -(ax * x + ay * y) / depth
                lx, ly, lz = x - transform[0, 3], y - transform[1, 3], depth - transform[2, 3]
                bx, by, bz = ly * az - lz * ay, lz * ax - lx * az, lx * ay - ly * ax
                for k in range(3):
                    row_J[k] = transform[0, k] * ax + transform[1, k] * ay + transform[2, k] * az
                    row_J[3 + k] = transform[0, k] * bx + transform[1, k] * by + transform[2, k] * bz
                row_J[6], row_J[7] = nx, ny
                off_u, off_v = (u - middle_u) / far_px, (v - middle_v) / far_px
                row_J[8], row_J[9], row_J[10], row_J[11] = nx * off_u, nx * off_v, ny * off_u, ny * off_v
                row_J[12] = 1.0 if far == NOTHING else 0.0
                for p in range(UNKNOWNS):
                    g[p] += known * mean * row_J[p]
                    for q in range(p + 1):
                        H[p, q] += known * row_J[p] * row_J[q]
                total += known
    for p in range(UNKNOWNS):
        for q in range(p):
            H[q, p] = H[p, q]
    return total
