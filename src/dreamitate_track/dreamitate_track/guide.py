"""How hints guide the region tracker: where it looks, which colours it learns, which poses it may choose."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.video import STEPS

from .detect import Eyes, Hypothesis
from .hints import Place, ToolHints
from .likelihood import LIMIT
from .maps import changed
from .palette import SHIFT, Palette, histogram
from .scene import Level

Array = NDArray[np.float64]
Maps = NDArray[np.float32]

MARGIN = 0.04
"""A box or mask is believed up to this share of the picture's width beyond its edge."""
NEAR_M, NEAR_RAD = 0.04, 0.5
"""How far the tracker may move away from a pose that was given."""
TURNED_RAD = 2.1
"""Nothing turns further than this within a clip: what is, seen from the nearest given pose, is the tool turned over."""


class Guide:
    """What is said of one tool, as the region tracker needs it. No hints: everything passes through unchanged."""

    def __init__(self, hints: ToolHints | None, transform_body_to_tool: Array, video_width: int) -> None:
        self._hints = hints or ToolHints()
        self._video_width = video_width
        self.poses = {step: pose @ transform_body_to_tool for step, pose in self._hints.poses.items()}

    def taught(self, palette: Palette, level: Level) -> Palette:
        """Return the palette with the colours that boxes and masks show of the tool, where they changed from bare."""
        places = [*self._hints.boxes, *self._hints.masks]
        if not places:
            return palette
        parts = np.zeros_like(palette.parts)
        moved = changed(level)
        for step, view in places:
            height, width = level.images.shape[2:4]
            inside = self._area((step, view), height, width, 0.0)
            colours = level.images[step, view][inside & moved[step, view]]
            i, j, k = (colours >> SHIFT).T
            own = palette.parts[:, i, j, k] + 1e-7
            tool = own.max(axis=0) / (own.max(axis=0) + palette.skin[i, j, k])
            for part, share in enumerate(own / own.sum(axis=0)):
                parts[part] += histogram(colours, np.asarray(share * tool, float))
        return palette.with_learned(parts, np.zeros_like(palette.skin))

    def confined(self, maps: Maps) -> Maps:
        """Return maps (12, 2, L + 1, h, w) that deny the tool outside boxes and masks; they are changed in place."""
        for step, view in {*self._hints.boxes, *self._hints.masks}:
            inside = self._area((step, view), maps.shape[3], maps.shape[4], MARGIN)
            maps[step, view, :-1, ~inside] = -LIMIT
            maps[step, view, -1, ~inside] = 0.0
        return maps

    def held(self, eyes: Eyes, maps: Maps, candidates: list[list[Hypothesis]]) -> list[list[Hypothesis]]:
        """Return the candidates per frame; where a pose was given only it, refined, and those near it.

        In the other frames those that are turned over, seen from the nearest given pose, are left out.
        """
        if not self.poses:
            return candidates
        kept = []
        for step, frame in enumerate(candidates):
            nearest = self.poses[min(self.poses, key=lambda given: abs(given - step))]
            kept.append([h for h in frame if se3.rotation_distance_rad(h.pose, nearest) < TURNED_RAD])
        for step, pose in self.poses.items():
            near = [h for h in candidates[step] if _near(h.pose, pose)]
            refined = eyes.refined(pose, maps[step], 4)
            own = refined if _near(refined.pose, pose) else Hypothesis(pose, max(refined.score, 1.0))
            kept[step] = sorted([own, *near], key=lambda h: -h.score)
        return kept

    @property
    def whole(self) -> bool:
        """Is a pose given in every frame, so that no search is needed?"""
        return len(self.poses) == STEPS

    def _area(self, place: Place, height: int, width: int, margin: float) -> NDArray[np.bool_]:
        """Return (height, width) where the tool may be in one picture of that size."""
        if place in self._hints.masks:
            mask = self._hints.masks[place].astype(np.uint8) * 255
            small = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)
            reach = 2 * round(margin * width) + 1
            return np.asarray(cv2.dilate(small, np.ones((reach, reach), np.uint8)) > 100)
        left, top, right, bottom = self._hints.boxes[place] * (width / self._video_width)
        rows, columns = np.mgrid[:height, :width]
        across = (columns >= left - margin * width) & (columns <= right + margin * width)
        return np.asarray(across & (rows >= top - margin * width) & (rows <= bottom + margin * width))


def _near(pose: Array, given: Array) -> bool:
    apart = float(np.linalg.norm(pose[:3, 3] - given[:3, 3]))
    return apart < NEAR_M and float(se3.rotation_distance_rad(pose, given)) < NEAR_RAD
