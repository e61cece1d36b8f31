"""The preview: what it measures, and that its picture is drawn with a plan and without one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamitate.preview_figure import draw_preview
from dreamitate_bench.plan_paths import feasible
from dreamitate_core.clip import read_image
from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_exec.plan import plan
from dreamitate_exec.preview import preview

TASK, ROBOT, TOOL = load_task("sweeping"), load_robot("ur5"), load_tool("brush")


@pytest.fixture(scope="module")
def track() -> ToolTrajectory:
    return feasible(202_000, TASK).track


@pytest.fixture(scope="module")
def made(track: ToolTrajectory) -> Plan:
    return plan(track, TASK, ROBOT, TOOL, ROBOT.home)


def test_what_is_measured(track: ToolTrajectory, made: Plan) -> None:
    seen = preview(track, made, TASK, ROBOT, TOOL)
    assert 0.0015 < seen.tip[seen.swept, 2].min() <= seen.tip[seen.swept, 2].max() < 0.0045
    assert (seen.lowest_m <= seen.tip[:, 2] + 1e-9).all()
    assert ((seen.reach > 0.0) & (seen.reach < 1.0)).all()
    assert seen.time_s[seen.swept][0] == pytest.approx(made.waypoint_time_s[0], abs=0.01)
    np.testing.assert_allclose(seen.quality, track.score)


def test_a_pose_out_of_reach_and_one_that_is_none(track: ToolTrajectory, tmp_path: Path) -> None:
    poses, score = track.transform_tool_to_frame.copy(), track.score.copy()
    poses[3, 1, 3] -= 2.0
    poses[5], score[5] = np.nan, np.nan
    bad = replace(track, transform_tool_to_frame=poses, score=score)
    seen = preview(bad, None, TASK, ROBOT, TOOL, refused=3)
    assert np.flatnonzero(np.isnan(seen.reach)).tolist() == [3, 5]
    assert seen.quality[5] == 0.0
    draw_preview(tmp_path / "refused.png", seen, "Plan refused (out_of_reach): waypoint 3")
    assert read_image(tmp_path / "refused.png").std() > 5


def test_picture(track: ToolTrajectory, made: Plan, tmp_path: Path) -> None:
    draw_preview(tmp_path / "preview.png", preview(track, made, TASK, ROBOT, TOOL), "ur5 with brush")
    image = read_image(tmp_path / "preview.png")
    assert image.shape[1] > image.shape[0] > 400
    assert image.std() > 5
