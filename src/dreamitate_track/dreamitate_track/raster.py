"""A small z-buffer rasteriser: which label of the tool's surface is seen at each pixel, and how far it is."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int8]

NOTHING = -1
"""The label of a pixel that the tool does not cover."""
NEAREST_M = 0.05
HAIR = 1e-6
"""By so many columns, or so much of a weight, faces are drawn too wide: those that share an edge leave no gap."""


@njit(cache=True, nogil=True)
def project(vertices: Array, transform: Array, intrinsics: Array, pixels: Array) -> bool:
    """Fill pixels (V, 3) with u, v, 1/depth of vertices (V, 3); false where one is nearer than NEAREST_M.

    transform: (4, 4) body to camera; intrinsics: (4,) fx, fy, cx, cy.
    """
    for i in range(vertices.shape[0]):
        x, y, z = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        cx = transform[0, 0] * x + transform[0, 1] * y + transform[0, 2] * z + transform[0, 3]
        cy = transform[1, 0] * x + transform[1, 1] * y + transform[1, 2] * z + transform[1, 3]
        cz = transform[2, 0] * x + transform[2, 1] * y + transform[2, 2] * z + transform[2, 3]
        if cz < NEAREST_M:
            return False
        pixels[i, 0] = intrinsics[0] * cx / cz + intrinsics[2]
        pixels[i, 1] = intrinsics[1] * cy / cz + intrinsics[3]
        pixels[i, 2] = 1.0 / cz
    return True


@njit(cache=True, nogil=True)
def rasterise(
    pixels: Array,
    faces: NDArray[np.int32],
    face_label: Labels,
    left: float,
    top: float,
    scale: float,
    inverse_depth: NDArray[np.float32],
    label: Labels,
) -> int:
    """Draw projected faces into inverse_depth (h, w) and label (h, w); return the number of covered pixels.

    Pixel (column, row) of the buffers lies at (left + column / scale, top + row / scale) of the picture.
    """
    height, width = label.shape
    label[:, :] = NOTHING
    inverse_depth[:, :] = 0.0
    covered = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = (pixels[a, 0] - left) * scale, (pixels[a, 1] - top) * scale, pixels[a, 2]
        bx, by, bz = (pixels[b, 0] - left) * scale, (pixels[b, 1] - top) * scale, pixels[b, 2]
        cx, cy, cz = (pixels[c, 0] - left) * scale, (pixels[c, 1] - top) * scale, pixels[c, 2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            continue
        first_row = max(0, int(np.ceil(min(ay, by, cy))))
        last_row = min(height - 1, int(np.floor(max(ay, by, cy))))
        leftmost = max(0, int(np.ceil(min(ax, bx, cx))))
        rightmost = min(width - 1, int(np.floor(max(ax, bx, cx))))
        if leftmost > rightmost or first_row > last_row:
            continue
        # Barycentric weights grow by so much from column to column, and reach zero after so many.
        step_b, step_c = (cy - ay) / area, -(by - ay) / area
        step_a = -step_b - step_c
        columns_a = -1.0 / step_a if step_a != 0.0 else 0.0
        columns_b = -1.0 / step_b if step_b != 0.0 else 0.0
        columns_c = -1.0 / step_c if step_c != 0.0 else 0.0
        rise_b, rise_c = bz - az, cz - az
        step_depth = step_b * rise_b + step_c * rise_c
        least, most = min(az, bz, cz), max(az, bz, cz)  # a sliver's weights say nothing
        for row in range(first_row, last_row + 1):
            dx, dy = leftmost - ax, row - ay
            wb = (dx * (cy - ay) - dy * (cx - ax)) / area
            wc = (dy * (bx - ax) - dx * (by - ay)) / area
            first, last = 0.0, float(rightmost - leftmost)
            first, last = _narrowed(first, last, 1.0 - wb - wc, step_a, columns_a)
            first, last = _narrowed(first, last, wb, step_b, columns_b)
            first, last = _narrowed(first, last, wc, step_c, columns_c)
            if first > last:
                continue
            depth = az + wb * rise_b + wc * rise_c
            for k in range(int(np.ceil(first)), int(np.floor(last)) + 1):
                column = leftmost + k
                here = min(most, max(least, depth + k * step_depth))
                if here > inverse_depth[row, column]:
                    if label[row, column] == NOTHING:
                        covered += 1
                    inverse_depth[row, column] = here
                    label[row, column] = face_label[f]
    return covered


@njit(cache=True, nogil=True)
def _narrowed(first: float, last: float, weight: float, step: float, columns: float) -> tuple[float, float]:
    """Return the range of columns in which a weight is not negative that is `weight` at column 0 and grows by `step`.

    columns: -1 / step.
    """
    if step > 0.0:
        return max(first, weight * columns - HAIR), last
    if step < 0.0:
        return first, min(last, weight * columns + HAIR)
    return (first, last) if weight >= -HAIR else (1.0, 0.0)
