"""A task that tracks one part of its tool gives the tracker that part alone, and the track is still the tool's."""

from dataclasses import replace

import numpy as np
import pytest

from dreamitate_core.clip import Clip
from dreamitate_core.progress import Progress
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_track import track as tracking
from dreamitate_track.hints import Hints


@pytest.mark.parametrize(("task", "is_part"), [("scooping", True), ("sweeping", False), ("juggling", False)])
def test_the_task_says_which_part(task: str, is_part: bool, small_clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Clip] = []

    def spy(clip: Clip, progress: Progress, hints: Hints) -> dict[str, ToolTrajectory]:
        given.append(clip)
        return {}

    monkeypatch.setattr(tracking.trackers, "get", lambda name: spy)
    scoop = load_tool("brush" if task == "sweeping" else "scoop")
    clip = replace(small_clip, tools=[scoop], info={"task": task})
    tracking.track(clip, "spy")
    mesh = given[0].tools[0].mesh
    if is_part:
        assert mesh.vertices[:, 2].min() > 0.03
        assert len(mesh.faces) < len(scoop.mesh.faces)
    else:
        assert mesh is scoop.mesh
    assert given[0].tools[0].name == scoop.name
    np.testing.assert_array_equal(given[0].tools[0].tip, scoop.tip)
    assert clip.tools[0] is scoop
