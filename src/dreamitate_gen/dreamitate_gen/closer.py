"""A second, closer look at where the tool goes: around the path that the first look found.

The first look must know every path on the table, whichever way it goes. Once one is found roughly, both photos are
moved on the table (`moves`) so that its middle lies in one place and the tool goes one way, and an image encoder that
knows nothing else says more exactly where. A path is seen alike wherever it lies, so there is less to learn.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.camera import Image, StereoRig
from dreamitate_core.task import Task

from .agreement import answered_paths, most_agreed
from .dataset import POINTS, mirrored_part
from .moves import spread_move, straightening_move
from .picture_size import PictureSize
from .places import Places

Array = NDArray[np.float64]

ROUNDS, LOOKS = 2, 4
"""Times that a path is looked at more closely, each time around what was found; and looks at each, half of them in the
mirror where that may be."""
NEAR_M = 0.015
"""How far apart paths are at most that go the same way, as a root mean square over their points."""


def closer_path(
    places: Callable[[Tensor], Places],
    photos: tuple[Image, Image],
    rig: StereoRig,
    size: PictureSize,
    task: Task,
    path: Array,
    seed: int,
) -> Array:
    """Return the path (12, P, 3) that the closer looks agree on, around `path`, both in the reference frame.

    places: their image encoder's answers to photos (B, 2, 3, H, W) of that size in 0..1; photos: both cameras' whole
    pictures, as `rig` describes them. Where the rig does not say where the table is, the path stays as it is. Where an
    arm holds a tool is often outside the closer picture; it is carried along with the tool's tip and ends.
    """
    to_table = rig.transform_reference_to_table
    if to_table is None:
        return path
    random = torch.Generator().manual_seed(seed)
    sides = (1.0, -1.0) if mirrored_part(task) != "nothing" else (1.0,)
    first = there = se3.transform_points(to_table, path)
    for _ in range(ROUNDS):
        moves = [spread_move(random) @ straightening_move(there, sides[look % len(sides)]) for look in range(LOOKS)]
        paths, likely = answered_paths(places, photos, rig, size, task.surface_height_m, moves)
        answers = [_carried(first, se3.transform_points(to_table, answer)) for answer in paths]
        there = most_agreed(np.stack(answers), likely, near_m=NEAR_M)[0]
    return np.asarray(se3.transform_points(se3.inverse(to_table), there))


def _carried(before: Array, now: Array) -> Array:
    """Return the points (12, P, 3) on the table as they are now, each tool's last one carried along from before: moved
    as the tool's tip is, and turned about it as its ends are."""
    carried = now.copy()
    for first in range(0, now.shape[1], POINTS):
        tip, left, right, held = range(first, first + POINTS)
        was, across = before[:, right, :2] - before[:, left, :2], now[:, right, :2] - now[:, left, :2]
        angle_rad = np.arctan2(across[:, 1], across[:, 0]) - np.arctan2(was[:, 1], was[:, 0])
        cosine, sine = np.cos(angle_rad), np.sin(angle_rad)
        x, y, z = (before[:, held] - before[:, tip]).T
        carried[:, held] = now[:, tip] + np.column_stack([cosine * x - sine * y, sine * x + cosine * y, z])
    return carried
