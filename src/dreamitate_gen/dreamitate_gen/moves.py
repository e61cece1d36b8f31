"""A demonstration, moved on the table: what the cameras would have seen of it elsewhere.

Pictures and path are moved together: cropping photos at random would hide where on the table things are, which fixed
cameras tell and open-loop poses need. How far demonstrations may be turned, the task's file says (`turn_rad`).
"""

import itertools

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dreamitate_core.camera import Camera, StereoRig
from dreamitate_core.task import Task

Array = NDArray[np.float64]
Photos = NDArray[np.uint8]

REACH_M = (0.045, 0.03)
"""How far a demonstration is moved at most, along x and y."""
CORNERS_M = np.array([[-0.3, -0.2, 0.0], [0.3, -0.2, 0.0], [0.3, 0.2, 0.0], [-0.3, 0.2, 0.0]])
TRIES = 8
"""Moves that are drawn until one leaves the path on the table; the last is not turned."""


def workspace_m(task: Task) -> Array:
    """Return the least and the greatest x and y (2, 2) that the task's file lets a tool's tip reach."""
    planning = task.section("planning")
    return np.array([planning["workspace_lower_m"][:2], planning["workspace_upper_m"][:2]], float)


def random_move(random: torch.Generator, mirrored: bool, turn_rad: float, tips: Array, workspace: Array) -> Array:
    """Return a move (4, 4) of the table frame: a shift, a turn about its z by up to `turn_rad`, and half of the time x
    turned to -x where that is allowed.

    tips: (N, 3) of the tools along the path, in the table frame; moves that take them out of the workspace (2, 2) are
    drawn anew.
    """
    for turns in [True] * (TRIES - 1) + [False]:
        move = _random_move(random, mirrored, turn_rad if turns else 0.0)
        there = tips[:, :2] @ move[:2, :2].T + move[:2, 3]
        if ((workspace[0] <= there) & (there <= workspace[1])).all():
            break
    return move


def farthest_moves(mirrored: bool, turn_rad: float) -> list[Array]:
    """Return moves (4, 4) between which all random ones lie, turns by sixteenths."""
    moves = []
    angles = np.linspace(-turn_rad, turn_rad, 17) if turn_rad else [0.0]
    for x, y, angle, side in itertools.product((-1, 1), (-1, 1), angles, (1.0, -1.0) if mirrored else (1.0,)):
        moves.append(_made(x, y, float(angle), side))
    return moves


def _random_move(random: torch.Generator, mirrored: bool, turn_rad: float) -> Array:
    x, y, angle = (float(value) for value in 2 * torch.rand(3, generator=random) - 1)
    side = -1.0 if mirrored and float(torch.rand((), generator=random)) < 0.5 else 1.0
    return _made(x, y, turn_rad * angle, side)


def _made(x: float, y: float, angle_rad: float, side: float) -> Array:
    """The move (4, 4) that first mirrors (side: -1), then turns, then shifts by those shares of the reach."""
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    move = np.eye(4)
    move[:2, :2] = np.array([[cosine, -sine], [sine, cosine]]) * (side, 1.0)
    move[:2, 3] = x * REACH_M[0], y * REACH_M[1]
    return move


SPREAD_M, SPREAD_RAD = 0.015, 0.2
"""Standard deviations of how far a path that is known roughly (`closer`) is taken to be off."""


def straightening_move(path: Array, side: float = 1.0) -> Array:
    """Return the move (4, 4) of the table frame that brings the middle of a path to its origin and its way along x.

    path: (12, P, 3) on the table, of the tools' points (`dataset.tool_points`); its way is the one from which the first
    tool's first end is on the left. side: -1 turns x to -x first, with which the ends change places.
    """
    mirror = np.diag([side, 1.0, 1.0, 1.0])
    across = side * mirror[:2, :2] @ (path[:, 2, :2] - path[:, 1, :2]).mean(0)
    angle_rad = np.arctan2(across[0], -across[1])
    cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
    move = np.eye(4)
    move[:2, :2] = [[cosine, sine], [-sine, cosine]]
    move[:2, 3] = -move[:2, :2] @ mirror[:2, :2] @ path[:, :3, :2].mean((0, 1))
    return np.asarray(move @ mirror)


def spread_move(random: torch.Generator) -> Array:
    """Return a small move (4, 4) of the table frame, as far as a path may be off that is known roughly."""
    x, y, angle = torch.randn(3, generator=random, dtype=torch.float64).tolist()
    cosine, sine = np.cos(SPREAD_RAD * angle), np.sin(SPREAD_RAD * angle)
    move = np.eye(4)
    move[:2, :2] = [[cosine, -sine], [sine, cosine]]
    move[:2, 3] = SPREAD_M * x, SPREAD_M * y
    return move


def moved_paths(paths: Array, move: Array) -> Array:
    """Return poses (..., 4, 4) moved on the table; where that mirrors, of a tool that is its own mirror image in x."""
    flip = np.diag([np.linalg.det(move[:3, :3]), 1.0, 1.0, 1.0])
    return np.asarray(move @ paths @ flip)


def moved_photos(photos: Photos, rig: StereoRig, move: Array, surface_height_m: float) -> Photos:
    """Return photos (2, H, W, 3) of things moved on the table: exact for what lies so high above it. What does not is
    off, after half a turn by twice its parallax: 22 mm, if the table's own plane is taken for the top of a foam piece
    25 mm high; and by what its lens distorts more in one place than in the other. rig: of the photos' size."""
    height, width = photos.shape[1:3]
    corners = CORNERS_M + (0.0, 0.0, surface_height_m)
    moved = []
    for photo, camera in zip(photos, rig.cameras, strict=True):
        before, after = (_pixels(camera, rig, points) for points in (corners, corners @ move[:3, :3].T + move[:3, 3]))
        warp = cv2.getPerspectiveTransform(before.astype(np.float32), after.astype(np.float32))
        moved.append(cv2.warpPerspective(photo, warp, (width, height), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(moved).astype(np.uint8)


def _pixels(camera: Camera, rig: StereoRig, points_table: Array) -> Array:
    to_table = rig.transform_reference_to_table
    assert to_table is not None
    return camera.project((points_table - to_table[:3, 3]) @ to_table[:3, :3])[0]
