"""Likelihood maps of all frames at one level, and what the clip teaches about colours."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .bare import mark_changed
from .likelihood import fill_maps
from .palette import SHIFT, UNIFORM, Palette, Table, histogram
from .scene import Level

Maps = NDArray[np.float32]
Windows = NDArray[np.int64]

HAND_GAP = 0.065
"""Parts of a hand nearer than this share of the picture's width belong together."""
SKIN_ALIKE = 4.0
"""Times more likely skin than any colour: what looks like skin."""
HIDDEN = 0.8
"""How surely a hand hides the tool between its parts."""


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
            rows, columns = slice(first_row, last_row), slice(first_column, last_column)
            image, filled = level.images[step, view, rows, columns], maps[step, view, :, rows, columns]
            _close_hand(image, palette.skin, filled, width)
    return maps


def _close_hand(image: NDArray[np.uint8], skin: Table, maps: Maps, width: int) -> None:
    """Let what looks like skin between parts of a hand hide the tool in maps (L + 1, h, w), though it looks bare.

    image: (h, w, 3), part of a picture that is so wide. On a wooden table much of an arm cannot be told from it.
    """
    i, j, k = (image >> SHIFT).transpose(2, 0, 1)
    alike = skin[i, j, k] > SKIN_ALIKE * UNIFORM
    hand = (alike & (maps[-1] > 0.5)).astype(np.uint8)
    if not hand.any():
        return
    reach = 2 * round(HAND_GAP * width / 2) + 1
    closed = cv2.morphologyEx(hand, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8)) > 0
    between = closed & alike & (maps[-1] < HIDDEN)
    maps[:-1, between] = np.where(maps[:-1, between] < 0, 1.0 - HIDDEN, 1.0) * maps[:-1, between]
    maps[-1, between] = HIDDEN


def scene_histogram(level: Level) -> Table:
    """Return the counts of the bare pictures' colours, in which each thing counts by its looks, not its size."""
    return np.asarray(np.sqrt(histogram(np.clip(level.bare, 0, 255).astype(np.uint8).reshape(-1, 3))), np.float32)


def changed(level: Level) -> NDArray[np.bool_]:
    """Return (12, 2, h, w): pixels that no longer show the bare scene."""
    marks = np.empty(level.images.shape[:4], np.bool_)
    for images, of_step in zip(level.images, marks, strict=True):
        for view, image in enumerate(images):
            mark_changed(image, level.bare[view], level.sigma[view], of_step[view])
    return marks
