"""Likelihood maps of all frames at one level, and what the clip teaches about colours."""

import numpy as np
from numpy.typing import NDArray

from .likelihood import fill_maps
from .palette import Palette, Table, histogram
from .scene import Level

Maps = NDArray[np.float32]
Windows = NDArray[np.int64]


def make_maps(level: Level, palette: Palette, windows: Windows | None = None) -> Maps:
    """Return maps (12, 2, L + 1, h, w); with windows (12, 2, 4) first row, last row, first and last column filled only
    there and saying nothing elsewhere. Broken pictures say nothing."""
    frames, _, height, width = level.images.shape[:4]
    maps = np.zeros((frames, 2, len(palette.parts) + 1, height, width), np.float32)
    for step in range(frames):
        for view in range(2):
            if not level.usable[step, view]:
                continue
            whole = (0, height, 0, width)
            first_row, last_row, first_column, last_column = whole if windows is None else windows[step, view]
            fill_maps(
                level.images[step, view],
                level.bare[view],
                level.sigma[view],
                palette.parts,
                palette.skin,
                palette.scene,
                palette.trust,
                int(first_row),
                int(last_row),
                int(first_column),
                int(last_column),
                maps[step, view],
            )
    return maps


def scene_histogram(level: Level) -> Table:
    """Return the counts of the bare pictures' colours, in which each thing counts by its looks, not its size."""
    return np.asarray(np.sqrt(histogram(np.clip(level.bare, 0, 255).astype(np.uint8).reshape(-1, 3))), np.float32)


def changed(level: Level) -> NDArray[np.bool_]:
    """Return (12, 2, h, w): pixels that no longer show the bare scene."""
    distance = np.abs(level.images.astype(np.float32) - level.bare[None]).max(axis=-1)
    return np.asarray(distance > 3.5 * level.sigma[None] + 6.0)
