"""A demonstration, moved on the table: what the cameras would have seen of it elsewhere.

Diffusion Policy crops its photos at random. That would hide where on the table things are, which fixed cameras tell and
open-loop poses need; so pictures and path are moved together, as far as the video model's training moves its clips.
"""

import itertools

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from dreamitate_core.camera import Camera, StereoRig

Array = NDArray[np.float64]
Photos = NDArray[np.uint8]

REACH_M = (0.045, 0.03)
"""How far a demonstration is moved at most, along x and y."""
CORNERS_M = np.array([[-0.3, -0.2, 0.0], [0.3, -0.2, 0.0], [0.3, 0.2, 0.0], [-0.3, 0.2, 0.0]])


def random_move(random: torch.Generator, mirrored: bool) -> Array:
    """Return a move (4, 4) of the table frame: a shift, and half of the time x turned to -x where that is allowed."""
    shift = (2 * torch.rand(2, generator=random).double().numpy() - 1) * REACH_M
    move = np.eye(4)
    move[:2, 3] = shift
    if mirrored and float(torch.rand((), generator=random)) < 0.5:
        move[0, 0] = -1.0
    return move


def farthest_moves(mirrored: bool) -> list[Array]:
    """Return the moves (4, 4) between which all random ones lie."""
    moves = []
    for x, y, turn in itertools.product((-1, 1), (-1, 1), (1.0, -1.0) if mirrored else (1.0,)):
        move = np.diag([turn, 1.0, 1.0, 1.0])
        move[:2, 3] = x * REACH_M[0], y * REACH_M[1]
        moves.append(move)
    return moves


def moved_paths(paths: Array, move: Array) -> Array:
    """Return poses (..., 4, 4) moved on the table; where that mirrors, of a tool that is its own mirror image in x."""
    flip = np.diag([np.linalg.det(move[:3, :3]), 1.0, 1.0, 1.0])
    return np.asarray(move @ paths @ flip)


def moved_photos(photos: Photos, rig: StereoRig, move: Array) -> Photos:
    """Return photos (2, H, W, 3) of things moved on the table: exact for what is flat. rig: of the photos' size."""
    height, width = photos.shape[1:3]
    moved = []
    for photo, camera in zip(photos, rig.cameras, strict=True):
        before, after = (
            _pixels(camera, rig, points) for points in (CORNERS_M, CORNERS_M @ move[:3, :3].T + move[:3, 3])
        )
        warp = cv2.getPerspectiveTransform(before.astype(np.float32), after.astype(np.float32))
        moved.append(cv2.warpPerspective(photo, warp, (width, height), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(moved).astype(np.uint8)


def _pixels(camera: Camera, rig: StereoRig, points_table: Array) -> Array:
    to_table = rig.transform_reference_to_table
    assert to_table is not None
    return camera.project((points_table - to_table[:3, 3]) @ to_table[:3, :3])[0]
