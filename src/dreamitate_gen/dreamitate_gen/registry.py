"""Generators by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.registry import Registry
from dreamitate_core.task import Task


class Generator(Protocol):
    """Dreams a stereo video of the task being done in the scene on two photos."""

    def dreams(
        self,
        photo_1: NDArray[np.uint8],
        photo_2: NDArray[np.uint8],
        rig: StereoRig,
        seed: int,
        progress: Progress = quiet,
    ) -> list[Clip]:
        """Return dreams of photos (H, W, 3) RGB, at the generator's own size, the rig cropped and resized to it. The
        first is the one to be trusted most.

        Raises DreamitateError for photos that do not fit the rig, and Cancelled through `progress`.
        """
        ...


generators: Registry[Callable[[Task, Path | None, Path | None], Generator]] = Registry("generator")


def load_generator(name: str, task: Task, model: Path | None = None, replay: Path | None = None) -> Generator:
    """Return a generator, ready to dream. model: the folder of a trained model, by default `models/<task>`; replay: the
    clip folder that the generator `replay` shows. Raises DreamitateError: unknown name, missing weights or clip.
    """
    return generators.get(name)(task, model, replay)


@generators.register("svd")
def _svd(task: Task, model: Path | None, _: Path | None) -> Generator:
    from .svd import SvdGenerator  # imports torch, which takes seconds

    return SvdGenerator(task, model)


@generators.register("replay")
def _replay(task: Task, _: Path | None, replay: Path | None) -> Generator:
    from .replay import ReplayGenerator

    if replay is None:
        raise DreamitateError("The generator 'replay' needs a clip folder to show: give replay:=CLIP or --replay CLIP.")
    return ReplayGenerator(task, replay)
