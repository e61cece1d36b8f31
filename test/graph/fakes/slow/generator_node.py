"""The real generator node around a stand-in generator that shows a clip at once, or, for some seeds, lingers."""

import time
from pathlib import Path
from typing import Any

from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task
from dreamitate_gen import generator_node
from dreamitate_gen.registry import Generator

LINGER_S, STEP_S = 60.0, 0.1
LINGERS_IN_DREAM, LINGERS_IN_TRACK, LOST_IN_TRACK = 1, 2, 3
"""What is left of a seed divided by ten tells where a rollout shall linger until it is stopped, or the tool be lost."""


class SlowReplay:
    """Shows a clip; tells the stand-in tracker, through the clip's info, whether to linger, or to lose the tool."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def dreams(self, photo_1: Any, photo_2: Any, rig: Any, seed: int, progress: Progress = quiet) -> list[Clip]:
        """Return the clip, after a long while where the seed says so."""
        if seed % 10 == LINGERS_IN_DREAM:
            linger(progress)
        clip = read_clip(self._folder)
        clip.info["linger"] = seed % 10 == LINGERS_IN_TRACK
        clip.info["lost"] = seed % 10 == LOST_IN_TRACK
        return [clip]


def linger(progress: Progress) -> None:
    """Work on nothing for a long time; `progress` may end it."""
    steps = round(LINGER_S / STEP_S)
    for step in range(steps):
        progress("lingering", step / steps)
        time.sleep(STEP_S)


def load_slow(name: str, task: Task, model: Path | None = None, replay: Path | None = None) -> Generator:
    """Stand in for the registry."""
    assert replay is not None
    return SlowReplay(replay)


if __name__ == "__main__":
    generator_node.load_generator = load_slow
    generator_node.main()
