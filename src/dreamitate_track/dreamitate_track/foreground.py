"""Boxes around what may be a tool, as the paper finds them: what differs from the bare scene and is not skin."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .maps import changed
from .palette import SKIN_TONES, UNIFORM, shaded
from .scene import Level

Array = NDArray[np.float64]

CLOSED = 0.02
"""Gaps up to this share of the picture's width, such as a finger, do not part a tool."""
SMALLEST = 0.0012
"""Smaller parts of the picture are no tool."""
OTHER_COLOUR = 0.15
"""What a pixel counts that does not have the tool's colour."""
PADDING = 0.01


@dataclass(frozen=True)
class Box:
    """left, top, right, bottom in pixels of the level; weight: how much of a tool it may hold."""

    corners: Array
    weight: float


def foreground(level: Level, colours: Array) -> list[list[list[Box]]]:
    """Return per step and view the boxes, heaviest first. colours: (N, 3) RGB of all tools; may be empty."""
    skin = shaded(SKIN_TONES, 0.6)
    tool = shaded(colours, 1.0) if len(colours) else np.zeros_like(skin)
    moved = changed(level)
    found = []
    for step, pair in enumerate(level.images):
        views = []
        for view, image in enumerate(pair):
            i, j, k = (image >> 3).transpose(2, 0, 1)
            hand = skin[i, j, k] > np.maximum(tool[i, j, k], 4 * UNIFORM)
            alike = tool[i, j, k] > np.maximum(skin[i, j, k], 4 * UNIFORM)
            views.append(_boxes(moved[step, view] & ~hand, alike))
        found.append(views)
    return found


def _boxes(mask: NDArray[np.bool_], alike: NDArray[np.bool_]) -> list[Box]:
    height, width = mask.shape
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    reach = 2 * round(CLOSED * width / 2) + 1
    closed = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, part = cv2.connectedComponents(closed)
    boxes = []
    for label in range(1, count):
        own = (part == label) & (opened > 0)
        if own.sum() < SMALLEST * width * height:
            continue
        sure = own & alike
        rows, columns = np.nonzero(sure if sure.sum() > 0.2 * own.sum() else own)
        left, right = np.quantile(columns, (0.01, 0.99)) + (-PADDING * width, PADDING * width)
        top, bottom = np.quantile(rows, (0.01, 0.99)) + (-PADDING * width, PADDING * width)
        corners = np.clip([left, top, right, bottom], 0, [width - 1, height - 1] * 2)
        boxes.append(Box(corners, float(sure.sum() + OTHER_COLOUR * (own.sum() - sure.sum()))))
    return sorted(boxes, key=lambda box: -box.weight)
