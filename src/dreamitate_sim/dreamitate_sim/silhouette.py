"""The silhouette of a foam piece as a camera sees it, without anything before it: goal masks, and how well it lies."""

import cv2
import numpy as np

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig
from dreamitate_core.goal import Mask

from .outline import polygon, turned
from .scene import Placed

FINER = 4
"""Silhouettes are drawn so much larger, then made small: a pixel belongs to the object if half of it does."""
SUBPIXEL_BITS = 6


def goal_masks(goal: Placed, rig: StereoRig) -> tuple[Mask, Mask]:
    """Return the masks of an object at its goal, of each camera's size. The rig must be tied to the table."""
    one, two = (silhouette(goal, rig, camera) for camera in rig.cameras)
    return one, two


def silhouette(placed: Placed, rig: StereoRig, camera: Camera) -> Mask:
    """Return the mask (height, width) of 0 and 255 of an object that stands upright on the table, seen by a camera.

    The parts are convex, so that each one's silhouette is the hull of its projected corners.
    """
    assert rig.transform_reference_to_table is not None
    transform_table_to_reference = se3.inverse(rig.transform_reference_to_table)
    fine = np.zeros((camera.height * FINER, camera.width * FINER), np.uint8)
    for part in placed.kind.parts:
        flat = turned(polygon(part), placed.yaw) + (placed.x, placed.y)
        bottom, top = part.base[2], part.base[2] + part.height
        corners = np.concatenate([np.column_stack([flat, np.full(len(flat), z)]) for z in (bottom, top)])
        pixels, _ = camera.project(se3.transform_points(transform_table_to_reference, corners))
        # Pixel centres are at integers, before and after.
        scaled = np.round(((pixels + 0.5) * FINER - 0.5) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.fillConvexPoly(fine, cv2.convexHull(scaled), 255, shift=SUBPIXEL_BITS)
    coarse = cv2.resize(fine, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.where(coarse > 127, 255, 0).astype(np.uint8)


def overlap(one: Mask, other: Mask) -> float:
    """Return the intersection over union of two masks; 0 where both are empty."""
    union = ((one > 0) | (other > 0)).sum()
    return float(((one > 0) & (other > 0)).sum() / union) if union else 0.0
