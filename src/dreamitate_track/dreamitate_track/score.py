"""How well a pose explains the maps: the sum of log-likelihood ratios over the pixels that the tool would cover."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .likelihood import CLEAR
from .raster import NOTHING, project, rasterise

Array = NDArray[np.float64]
Maps = NDArray[np.float32]

BUFFER = 192
"""Rows and columns of the drawing buffers; a tool that appears larger is drawn at a smaller scale."""
VALUES = 5


@njit(cache=True, nogil=True)
def window(pixels: Array, width: int, height: int) -> tuple[int, int, int, int]:
    """Return first column, first row, columns, rows of the projected vertices' box inside the picture; may be empty."""
    left, right, top, bottom = 1e9, -1e9, 1e9, -1e9
    for i in range(pixels.shape[0]):
        left, right = min(left, pixels[i, 0]), max(right, pixels[i, 0])
        top, bottom = min(top, pixels[i, 1]), max(bottom, pixels[i, 1])
    first, first_row = int(max(0.0, np.floor(left))), int(max(0.0, np.floor(top)))
    last, last_row = int(min(width - 1.0, np.ceil(right))), int(min(height - 1.0, np.ceil(bottom)))
    return first, first_row, last - first + 1, last_row - first_row + 1


@njit(cache=True, fastmath=True, nogil=True)
def score_view(
    vertices: Array,
    faces: NDArray[np.int32],
    face_label: NDArray[np.int8],
    transform_body_to_camera: Array,
    intrinsics: Array,
    maps: Maps,
    pixels: Array,
    inverse_depth: Maps,
    label: NDArray[np.int8],
    values: Array,
) -> bool:
    """Fill values (5,) for one view; false where the tool is behind the camera or outside the picture.

    values: sum of log-likelihood ratios; pixels covered inside the picture; of them not hidden; sum of columns and
    of rows of the free ones.
    """
    values[:] = 0.0
    if not project(vertices, transform_body_to_camera, intrinsics, pixels):
        return False
    labels, height, width = maps.shape[0] - 1, maps.shape[1], maps.shape[2]
    first, first_row, columns, rows = window(pixels, width, height)
    if columns <= 0 or rows <= 0:
        return False
    stride = 1 + (max(columns, rows) - 1) // BUFFER
    columns, rows = (columns + stride - 1) // stride, (rows + stride - 1) // stride
    depth_part, label_part = inverse_depth[:rows, :columns], label[:rows, :columns]
    rasterise(pixels, faces, face_label, float(first), float(first_row), 1.0 / stride, depth_part, label_part)
    gained, covered, seen, across, down = 0.0, 0, 0.0, 0.0, 0.0
    for i in range(rows):
        for j in range(columns):
            part = label_part[i, j]
            if part == NOTHING:
                continue
            row, column = first_row + i * stride, first + j * stride
            ratio = maps[part, row, column]
            free = 1.0 if ratio > CLEAR else 1.0 - maps[labels, row, column]
            gained += ratio
            covered += 1
            seen += free
            across += free * column
            down += free * row
    weight = float(stride * stride)
    values[0], values[1], values[2] = weight * gained, weight * covered, weight * seen
    values[3], values[4] = weight * across, weight * down
    return covered > 0
