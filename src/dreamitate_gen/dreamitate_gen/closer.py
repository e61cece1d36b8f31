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
from .dataset import mirrored_part
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
    pictures, as `rig` describes them. Where the rig does not say where the table is, the path stays as it is.
    """
    to_table = rig.transform_reference_to_table
    if to_table is None:
        return path
    random = torch.Generator().manual_seed(seed)
    sides = (1.0, -1.0) if mirrored_part(task) != "nothing" else (1.0,)
    for _ in range(ROUNDS):
        there = se3.transform_points(to_table, path)
        moves = [spread_move(random) @ straightening_move(there, sides[look % len(sides)]) for look in range(LOOKS)]
        paths, likely = answered_paths(places, photos, rig, size, task.surface_height_m, moves)
        path = most_agreed(paths, likely, near_m=NEAR_M)[0]
    return path
