"""Where two flat pads hold an object between them: seen from above, at the minima of its width (Goldberg, 1993)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from .objects import ObjectKind, Part

Array = NDArray[np.float64]

NEAR_RAD, NEAR_STEPS = np.deg2rad(25.0), 10
ROUND_M = 1.0e-3
"""An object that is wider by no more than this is as narrow: all directions of a disc are alike."""
SAME_RAD = 1.0e-4
TOUCHING_M = 1.0e-3
"""What lies so near to a pad touches it, once it is pressed."""
CIRCLE = 72


@dataclass(frozen=True)
class Grasp:
    """Two pads that face each other. middle: (2,) metres, between the pads, in the middle of what both of them touch;
    angle_rad: the direction from the first pad to the second; width_m: between them."""

    middle: Array
    angle_rad: float
    width_m: float


def outline(kind: ObjectKind, low_m: float, high_m: float) -> Array:
    """Return the corners (N, 2) of the hull of what the object has between two heights, metres in its own frame.

    Parts that only taper are taken at their widest.
    """
    points = [
        _part_outline(part) for part in kind.parts if part.base[2] < high_m and part.base[2] + part.height > low_m
    ]
    together = np.concatenate(points)
    return np.asarray(together[ConvexHull(together).vertices])


def find_grasps(corners: Array) -> list[Grasp]:
    """Return the grasps of a convex outline (N, 2), of directions in [-pi / 2, pi / 2), in the outline's frame.

    A pad lies flat on a side there, and the object is as narrow as near by; what the two pads touch lies face to face.
    """
    side = np.roll(corners, -1, axis=0) - corners
    normals = (np.arctan2(-side[:, 0], side[:, 1]) + 0.5 * np.pi + SAME_RAD) % np.pi - 0.5 * np.pi - SAME_RAD
    grasps = []
    for angle in np.unique(np.round(normals / SAME_RAD)) * SAME_RAD:
        around = angle + np.linspace(-NEAR_RAD, NEAR_RAD, 2 * NEAR_STEPS + 1)
        widths = np.ptp(np.stack([np.cos(around), np.sin(around)], axis=-1) @ corners.T, axis=1)
        if widths[NEAR_STEPS] > widths.min() + ROUND_M:
            continue
        grasp = _grasp(corners, float(angle))
        if grasp is not None:
            grasps.append(grasp)
    return grasps


def _grasp(corners: Array, angle: float) -> Grasp | None:
    """The grasp of that direction; None where the pads touch the object in different places beside it."""
    direction, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    along, beside = corners @ direction, corners @ across
    low, high = along.min(), along.max()
    first, second = beside[along < low + TOUCHING_M], beside[along > high - TOUCHING_M]
    begin, end = max(first.min(), second.min()), min(first.max(), second.max())
    if begin > end + TOUCHING_M:
        return None
    return Grasp(0.5 * (low + high) * direction + 0.5 * (begin + end) * across, angle, float(high - low))


def _part_outline(part: Part) -> Array:
    """The part from above (N, 2)."""
    if part.shape == "box":
        points = 0.5 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * part.size[:2]
    elif part.shape == "capsule":
        points = 0.5 * part.size[0] * _corners(CIRCLE)
        points[:, 0] += 0.5 * (part.size[1] - part.size[0]) * np.where(points[:, 0] >= 0.0, 1.0, -1.0)
    elif part.shape == "prism":
        points = 0.5 * max(part.size[1:3]) * _corners(int(part.size[0]))
    else:
        across = part.size[:2] if part.shape == "ellipsoid" else (part.size[0], part.size[0])
        points = 0.5 * np.array(across) * _corners(CIRCLE)
    return np.asarray(points + part.base[:2], float)


def _corners(number: int) -> Array:
    """The corners (number, 2) of a regular polygon in the unit circle, the first one at x = 1."""
    turn = np.arange(number) * 2.0 * np.pi / number
    return np.stack([np.cos(turn), np.sin(turn)], axis=-1)
