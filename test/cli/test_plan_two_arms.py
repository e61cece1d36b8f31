"""`dreamitate plan` for a task with two arms: a plan file for each, with the same times."""

from pathlib import Path

import numpy as np
import pytest

from dreamitate import cli
from dreamitate_bench.plan_pairs import feasible_pair
from dreamitate_core.arms import load_arms
from dreamitate_core.plan import read_plan
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import write_tracks

SEED = 203_000


def test_each_arm_gets_a_plan_and_a_refusal_names_the_arm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = load_task("rotation")
    tracks = {asked.track.tool: asked.track for asked in feasible_pair(SEED, task, load_arms(task))}
    write_tracks(tmp_path / "track.npz", tracks)
    wanted = ["plan", str(tmp_path / "track.npz"), "--task", "rotation", "--out", str(tmp_path / "plan.npz")]
    assert cli.main(wanted) == 0
    left, right = (read_plan(tmp_path / f"plan.{side}.npz") for side in ("left", "right"))
    np.testing.assert_array_equal(left.time_s, right.time_s)
    tracks["box_right"].status[3:8] = 4
    write_tracks(tmp_path / "track.npz", tracks)
    capsys.readouterr()
    assert cli.main(wanted) == 3
    assert "right: waypoint 3" in capsys.readouterr().err
