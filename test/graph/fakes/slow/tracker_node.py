"""The real tracker node around a stand-in tracker that knows the truth, lingers, or is lost, as the clip says."""

import os
import sys
import time
import types
from pathlib import Path

import numpy as np

from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.progress import Progress
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import STEPS as FRAMES

LINGER_S, STEP_S = 60.0, 0.1
LOST = slice(4, 8)


def track(clip: Clip, _: str, progress: Progress, hints: object) -> dict[str, ToolTrajectory]:
    """Return the true poses of the test's clip; some are lost where the shown clip says so."""
    steps = round(LINGER_S / STEP_S) if clip.info["linger"] else 0
    for step in range(steps):
        progress("lingering", step / steps)
        time.sleep(STEP_S)
    truth = read_clip(Path(os.environ["DREAMITATE_TEST_CLIP"])).truth
    assert truth is not None
    covariance = np.tile(np.diag([1e-6] * 3 + [1e-5] * 3), (FRAMES, 1, 1))
    status = np.full(FRAMES, int(Status.OK))
    status[LOST] = int(Status.LOST if clip.info["lost"] else Status.OK)
    return {
        name: ToolTrajectory(name, "reference", clip.video.time_s, poses, covariance, np.ones(FRAMES), status)
        for name, poses in truth.items()
    }


stand_in = types.ModuleType("dreamitate_track.track")  # put there before: the real one takes seconds to compile
stand_in.track = track  # type: ignore[attr-defined]
sys.modules["dreamitate_track.track"] = stand_in

from dreamitate_track.tracker_node import main  # noqa: E402 - with the stand-in in its place

if __name__ == "__main__":
    main()
