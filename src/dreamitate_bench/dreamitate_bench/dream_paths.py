"""What a dreamed path is compared with: the demonstrator's ways, and guesses that need no model."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import crop_and_resize, read_rig
from dreamitate_core.clip import read_image
from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool

Array = NDArray[np.float64]
SMALL = (48, 28)
"""Width and height at which photos are compared."""


def tips_of(transform_tool_to_frame: Array, tip: Array) -> Array:
    """Return where the tip (3,) is, (N, 3), on a path of poses (N, 4, 4)."""
    return np.asarray(transform_tool_to_frame[:, :3, :3] @ tip + transform_tool_to_frame[:, :3, 3])


def error_mm(tips: Array, ways: Array) -> float:
    """Return the median distance in mm of tips (12, 3) to the nearest of ways (W, 12, 3), time step by time step."""
    return 1e3 * float(np.median(np.linalg.norm(ways - tips, axis=2), axis=1).min())


class Library:
    """Training clips. photos: (C, n), both small photos in a row; tips: (C, 12, 3) in the table frame."""

    def __init__(self, photos: Array, tips: Array) -> None:
        self.photos, self.tips = photos, tips

    def guesses(self, photo_1: Any, photo_2: Any) -> dict[str, Array]:
        """Return the mean of all paths, and the path of the clip whose photos are nearest."""
        nearest = np.abs(self.photos - _small(photo_1, photo_2)).mean(axis=1).argmin()
        return {"mean path": self.tips.mean(axis=0), "nearest clip": self.tips[nearest]}


def read_library(data: Path, tool: Tool) -> Library:
    """Return what the clips in a folder show of the tool. Raises DreamitateError where one does not say."""
    from dreamitate_gen.latent_cache import find_clips

    photos, tips = [], []
    for folder in find_clips(data):
        photos.append(_small(*(read_image(folder / f"background_{view}.png") for view in (1, 2))))
        to_table = read_rig(folder / "cameras.json").transform_reference_to_table
        if to_table is None or not (folder / "truth.npz").is_file():
            raise DreamitateError(f"{folder} does not say where the tool was (truth.npz), or where the table is.")
        with np.load(folder / "truth.npz") as truth:
            tips.append(tips_of(to_table @ truth[tool.name], tool.tip))
    return Library(np.stack(photos), np.stack(tips))


def _small(photo_1: Any, photo_2: Any) -> Array:
    return np.concatenate([crop_and_resize(photo, *SMALL).astype(float).ravel() for photo in (photo_1, photo_2)])
