"""The region tracker: find each tool in every frame, choose the path, fit all frames and both views together."""

from dataclasses import dataclass, replace

import numpy as np
from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.progress import Progress
from dreamitate_core.video import STEPS
from numpy.typing import NDArray

from .detect import Eyes, Hypothesis, distinct, places, spread_rotations
from .joint import Fit, Prior, fit
from .learn import learned, skin_tone
from .maps import Maps, make_maps, scene_histogram
from .model import Model, make_model, simplified
from .palette import Palette, palette_of
from .scene import Level, make_level, undistorted, without_drift
from .sequence import best_path, filled

Array = NDArray[np.float64]

COARSE_WIDTH = 192
COARSE_CELL_M, FINE_CELL_M = 0.006, 0.002
ROTATIONS = 400
KEPT = 8


@dataclass(frozen=True)
class Tracked:
    """One tool's path and what was seen on the way."""

    model: Model
    fit: Fit
    seen: NDArray[np.bool_]
    values: Array


class Views:
    """The clip's pictures at the sizes at which they are asked for."""

    def __init__(self, clip: Clip) -> None:
        pairs, self._bare = undistorted(clip)
        self._pairs = without_drift(pairs, self._bare)
        self._cameras = clip.rig.cameras
        self._levels: dict[int, Level] = {}
        self.full_width = clip.video.width
        self.reference_to_cameras = np.stack([se3.inverse(c.transform_camera_to_reference) for c in self._cameras])

    def level(self, width: int) -> Level:
        """Return the level of that width."""
        if width not in self._levels:
            self._levels[width] = make_level(self._pairs, self._bare, self._cameras, width)
        return self._levels[width]


def track_one(views: Views, model: Model, progress: Progress) -> Tracked:
    coarse = views.level(COARSE_WIDTH)
    eyes = Eyes(simplified(model, COARSE_CELL_M), views.reference_to_cameras, coarse.intrinsics)
    palette = palette_of(model.colours, scene_histogram(coarse))
    maps = make_maps(coarse, palette)
    tone = skin_tone(coarse, maps)
    if tone is not None:
        palette = palette.with_skin_tone(tone)
        maps = make_maps(coarse, palette)
    candidates = _search(eyes, maps, progress)
    poses, seen = filled(candidates, best_path(candidates))
    fine_level = views.level(min(768, max(views.full_width, 2 * COARSE_WIDTH)))
    fine_eyes = Eyes(simplified(model, FINE_CELL_M), views.reference_to_cameras, fine_level.intrinsics)
    palette = learned(palette, fine_level, fine_eyes, poses, seen)
    maps = make_maps(coarse, palette)
    candidates = _again(eyes, maps, candidates, progress)
    poses, seen = filled(candidates, best_path(candidates))
    result = Fit(poses, np.zeros((2, 3)), np.zeros((STEPS, 6, 6)), np.zeros((STEPS, 2)))
    result = fit(eyes, maps, result, Prior(), 8, 1.0, 0.5, 10, seen, progress)
    return result, seen, candidates, palette, maps, eyes


def _search(eyes: Eyes, maps: Maps, progress: Progress) -> list[list[Hypothesis]]:
    """Return per frame the best distinct hypotheses of a search without any idea where the tool is."""
    rotations = spread_rotations(ROTATIONS)
    found = []
    for step in range(len(maps)):
        tried: list[Hypothesis] = []
        for place in places(maps[step], eyes, 2):
            progress("searching for the tool", step / len(maps))
            tried += distinct(eyes.searched(place, rotations, maps[step]), 12, 0.3, 0.03)
        refined = [eyes.refined(h.pose, maps[step], 8, 1.0, 4) for h in distinct(tried, 16, 0.3, 0.03)]
        found.append(distinct(refined, KEPT, 0.2, 0.02))
    return found


def _again(
    eyes: Eyes, maps: Maps, candidates: list[list[Hypothesis]], progress: Progress
) -> list[list[Hypothesis]]:
    """Return per frame the best distinct hypotheses after refining its own and its neighbours' on new maps."""
    found = []
    for step in range(len(maps)):
        progress("searching for the tool again", step / len(maps))
        near = [h for t in (step - 1, step + 1) if 0 <= t < len(maps) for h in candidates[t][:3]]
        tried = [eyes.refined(h.pose, maps[step], 8, 1.0, 5) for h in [*candidates[step], *near]]
        found.append(distinct(tried, KEPT, 0.2, 0.02))
    return found
