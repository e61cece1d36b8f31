"""Outlines of foam pieces seen from above: convex polygons, their hull, centre and symmetry."""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from dreamitate_core.errors import DreamitateError

from .objects import ObjectKind, Part

Array = NDArray[np.float64]

GRID_M, GRID_MIDDLE = 0.001, 150
"""A grid on which areas are counted: its step, and the number of the row and column through the origin."""
HIGHEST_SYMMETRY = 8
ALIKE = 0.97
"""A piece that covers itself so well after a turn looks the same to a judge."""


def polygon(part: Part) -> Array:
    """Return the corners (N, 2) of a part in the object's frame, counter-clockwise, metres.

    Raises DreamitateError for a part whose outline is not the same at all heights.
    """
    if part.shape == "box":
        corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.array(part.size[:2]) / 2.0
    elif part.shape == "prism" and part.size[1] == part.size[2]:
        angle = np.arange(int(part.size[0])) * 2.0 * np.pi / part.size[0]
        corners = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * part.size[1] / 2.0
    else:
        raise DreamitateError(f"A piece of foam is made of boxes and upright prisms; it has a part {part.shape!r}.")
    return turned(corners, part.yaw) + part.base[:2]


def polygons(kind: ObjectKind) -> list[Array]:
    """Return the corners (N, 2) of each of an object's parts."""
    return [polygon(part) for part in kind.parts]


def turned(points: Array, angle: float) -> Array:
    """Return points (..., 2) turned counter-clockwise about the origin by an angle in rad."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]))


def hull(kind: ObjectKind) -> Array:
    """Return the corners (N, 2) of the object's convex hull, counter-clockwise, metres in the object's frame."""
    points = np.concatenate(polygons(kind))
    return np.asarray(points[ConvexHull(points).vertices])


@lru_cache(maxsize=64)
def centre(kind: ObjectKind) -> tuple[float, float]:
    """Return the middle of the object's area, metres in the object's frame."""
    rows, columns = np.nonzero(_raster(polygons(kind)))
    x, y = (np.array([columns.mean(), rows.mean()]) - GRID_MIDDLE) * GRID_M
    return float(x), float(y)


@lru_cache(maxsize=64)
def symmetry(kind: ObjectKind) -> int:
    """Return by how many turns, about its middle, the object looks the same: 1 for an L, 2 for a Z, 4 for a square."""
    middle = np.array(centre(kind))
    shapes = [points - middle for points in polygons(kind)]
    own = _raster(shapes)
    for count in range(HIGHEST_SYMMETRY, 1, -1):
        other = _raster([turned(points, 2.0 * np.pi / count) for points in shapes])
        if (own & other).sum() >= ALIKE * (own | other).sum():
            return count
    return 1


def _raster(shapes: list[Array]) -> NDArray[np.bool_]:
    """The union of convex polygons on a grid around the origin."""
    size = 2 * GRID_MIDDLE + 1
    grid = np.zeros((size, size), np.uint8)
    for points in shapes:
        cv2.fillConvexPoly(grid, np.round(points / GRID_M + GRID_MIDDLE).astype(np.int32), 1)
    return grid > 0
