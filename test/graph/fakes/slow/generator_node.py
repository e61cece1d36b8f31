"""The real generator node around a stand-in generator that takes its time, so that a test can step in."""

import time
from pathlib import Path
from typing import Any

from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.progress import Progress
from dreamitate_gen import generator_node

STEPS, STEP_S = 20, 0.1


class SlowReplay:
    """Shows a clip, slowly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def dream(self, _1: Any, _2: Any, _rig: Any, _seed: int, progress: Progress) -> Clip:
        """Return the clip after a while."""
        for step in range(STEPS):
            progress("remembering", step / STEPS)
            time.sleep(STEP_S)
        return read_clip(self._folder)


if __name__ == "__main__":
    generator_node.load_generator = lambda name, task, model, replay: SlowReplay(replay)
    generator_node.main()
