"""The generator `replay`: a clip of the same scene instead of a dream, to measure the other stages without one."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import StereoRig, crop_and_resize
from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task

from .photos import fitted_photos

LARGEST_DIFFERENCE = 12.0
"""Mean difference (of 255) between photo and clip background up to which they show the same scene."""
LARGEST_CHANGE = 0.015
"""Share of pixels that may differ clearly (a moved object); camera noise and light stay below."""
CLEAR_DIFFERENCE = 40.0


class ReplayGenerator:
    """Shows one clip folder, after checking that it belongs to the photos."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.folder = Path(folder)
        self.clip = read_clip(self.folder)
        names = [tool.name for tool in self.clip.tools]
        if names != task.tools:
            raise DreamitateError(f"{folder} shows the tools {names}, but the task {task.name!r} uses {task.tools}.")

    def dreams(
        self,
        photo_1: NDArray[np.uint8],
        photo_2: NDArray[np.uint8],
        rig: StereoRig,
        seed: int,
        progress: Progress = quiet,
    ) -> list[Clip]:
        """Return the clip alone. Raises DreamitateError where its scene is not the one on the photos (H, W, 3).

        seed: of no effect.
        """
        progress("replaying", 0.0)
        clip = self.clip
        width, height = clip.video.width, clip.video.height
        one, two, _ = fitted_photos(photo_1, photo_2, rig, width, height)
        for number, (photo, background) in enumerate(((one, clip.background_1), (two, clip.background_2)), start=1):
            self._compare(photo, background, number)
        progress("replaying", 1.0)
        return [clip]

    def _compare(self, photo: NDArray[np.uint8], background: NDArray[np.uint8], number: int) -> None:
        size = min(photo.shape[1], 192), min(photo.shape[0], 112)
        pair = (crop_and_resize(image, *size).astype(float) for image in (photo, background))
        difference = np.abs(np.subtract(*pair)).mean(axis=2)
        mean, changed = float(difference.mean()), float((difference > CLEAR_DIFFERENCE).mean())
        if mean > LARGEST_DIFFERENCE or changed > LARGEST_CHANGE:
            raise DreamitateError(
                f"{self.folder} does not show the scene on photo {number}: mean difference {mean:.1f} of 255 (at most"
                f" {LARGEST_DIFFERENCE:.0f}), {changed:.1%} of the pixels changed (at most {LARGEST_CHANGE:.1%})."
                " Give the clip of this scene."
            )
