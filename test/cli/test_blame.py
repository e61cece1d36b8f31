"""Who is to blame: each stage's own fault, made on purpose in a real scene, is found by physics."""

from dataclasses import replace

import numpy as np
import pytest

from dreamitate import blame
from dreamitate.motion import Motion
from dreamitate_core.camera import load_rig
from dreamitate_core.clip import Clip
from dreamitate_core.plan import Plan
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import StereoVideo
from dreamitate_sim.demonstrator import Demonstration
from dreamitate_sim.scene import make_scene

SIDEWAYS_M = 0.12
"""A shift across the sweep that makes the brush miss: more than half its width."""


def plan_through(poses: np.ndarray) -> Plan:
    joints = np.zeros((12, 6))
    names = [f"joint_{k}" for k in range(6)]
    return Plan(names, np.arange(12.0), joints, joints, joints, poses, np.arange(12.0), poses)


def missing(poses: np.ndarray) -> np.ndarray:
    """The same path, moved away across the sweep: the tool misses the particle."""
    moved = poses.copy()
    moved[:, :3, 3] += SIDEWAYS_M * moved[:, :3, 0]
    return moved


def with_truth(evidence: blame.Evidence, truth: dict[str, np.ndarray] | None) -> blame.Evidence:
    """The same episode, with a clip of another truth."""
    assert evidence.clip is not None
    return replace(evidence, clip=replace(evidence.clip, truth=truth))


@pytest.fixture(scope="module")
def good() -> blame.Evidence:
    """An episode in which every stage did right, in a development scene."""
    task = load_task("sweeping")
    scene = make_scene(task, 1000, "test")
    demonstration = Demonstration(scene)
    poses = next(demonstration.successes()).truth[0]
    rig = demonstration.rig.cropped_and_resized(24, 14)
    assert rig.transform_reference_to_table is not None
    black = np.zeros((13, 14, 24, 3), np.uint8)
    truth = {"brush": np.linalg.inv(rig.transform_reference_to_table) @ poses}
    video = StereoVideo(black, black[1:], task.fps)
    clip = Clip(video, black[0], black[0], rig, [load_tool("brush")], truth=truth)
    covariance = np.tile(1e-6 * np.eye(6), (12, 1, 1))
    status = np.full(12, int(Status.OK))
    track = ToolTrajectory("brush", "table", video.time_s, poses, covariance, np.full(12, 0.9), status)
    plan = plan_through(poses)
    motion = Motion(plan.time_s, plan.position, missing(poses))
    return blame.Evidence(scene, clip, [track], [plan], [motion])


def test_a_policy_without_a_dream(good: blame.Evidence) -> None:
    assert blame.find(replace(good, clip=None))[0] == "execute"
    aside = missing(good.tracks[0].transform_tool_to_frame)
    wrong = [replace(good.tracks[0], transform_tool_to_frame=aside)]
    evidence = replace(good, clip=None, tracks=wrong, plans=[plan_through(aside)])
    assert blame.find(evidence)[0] == "policy"
    assert "tracking_error_m" not in blame.measure(evidence)


def test_execute(good: blame.Evidence) -> None:
    assert blame.find(good)[0] == "execute"


def test_plan(good: blame.Evidence) -> None:
    wrong = plan_through(missing(good.tracks[0].transform_tool_to_frame))
    assert blame.find(replace(good, plans=[wrong]))[0] == "plan"


def shifted(good: blame.Evidence) -> blame.Evidence:
    """The tracked path, and so the plan, is beside the mark."""
    poses = missing(good.tracks[0].transform_tool_to_frame)
    track = replace(good.tracks[0], transform_tool_to_frame=poses)
    return replace(good, tracks=[track], plans=[plan_through(poses)])


def test_track_is_found_by_truth(good: blame.Evidence) -> None:
    assert blame.find(shifted(good))[0] == "track"


def test_dream_without_truth(good: blame.Evidence) -> None:
    evidence = shifted(good)
    stage, reason = blame.find(with_truth(evidence, None))
    assert stage == "dream"
    assert "0.90" in reason


@pytest.mark.parametrize("lost", [True, False])
def test_track_without_truth_by_its_own_doubt(good: blame.Evidence, lost: bool) -> None:
    status = good.tracks[0].status.copy()
    status[5] = Status.LOST if lost else Status.OK
    track = replace(good.tracks[0], status=status, score=np.full(12, 0.9 if lost else 0.3))
    evidence = shifted(replace(good, tracks=[track]))
    assert blame.find(with_truth(evidence, None))[0] == "track"


def test_dream_whose_truth_does_not_do_it(good: blame.Evidence) -> None:
    poses = missing(good.tracks[0].transform_tool_to_frame)
    to_table = load_rig("paper").transform_reference_to_table
    assert to_table is not None
    truth = {"brush": np.linalg.inv(to_table) @ poses}
    assert blame.find(with_truth(shifted(good), truth))[0] == "dream"


def test_tilted_and_lifted_track_is_held_as_the_planner_does(good: blame.Evidence) -> None:
    """What the planner mends without harm, a few millimetres and degrees off the table, is no fault of the track."""
    poses = good.tracks[0].transform_tool_to_frame.copy()
    poses[:, 2, 3] += 0.02
    wrong = plan_through(missing(poses))
    track = replace(good.tracks[0], transform_tool_to_frame=poses)
    assert blame.find(replace(good, tracks=[track], plans=[wrong]))[0] == "plan"
    held = blame.hold(poses, good.scene.task, load_tool("brush").tip)
    assert np.abs(held[:, 2, 3] - 0.003).max() < 0.002
    assert np.abs(held[:, :3, 2] - (0, 0, 1)).max() < 0.021


def test_measures(good: blame.Evidence) -> None:
    figures = blame.measure(good)
    assert figures["tracking_error_m"] == pytest.approx(0.0, abs=1e-9)
    assert figures["planning_change_m"] == pytest.approx(0.0, abs=1e-9)
    assert SIDEWAYS_M / 2 < figures["following_error_m"] <= SIDEWAYS_M
    assert blame.measure(shifted(good))["tracking_error_m"] == pytest.approx(SIDEWAYS_M)
    assert "tracking_error_m" not in blame.measure(with_truth(good, None))


def test_two_tools_are_judged_together() -> None:
    """Both tools' true paths turn the object; with one tool's tracked path beside it, the tracker is to blame."""
    task = load_task("rotation")
    scene = make_scene(task, 1001, "test")
    demonstration = Demonstration(scene)
    poses = next(demonstration.successes()).truth
    rig = demonstration.rig.cropped_and_resized(24, 14)
    assert rig.transform_reference_to_table is not None
    to_reference = np.linalg.inv(rig.transform_reference_to_table)
    black = np.zeros((13, 14, 24, 3), np.uint8)
    video = StereoVideo(black, black[1:], task.fps)
    truth = {tool.name: to_reference @ path for tool, path in zip(demonstration.tools, poses, strict=True)}
    clip = Clip(video, black[0], black[0], rig, demonstration.tools, truth=truth)
    covariance, status = np.tile(1e-6 * np.eye(6), (12, 1, 1)), np.full(12, int(Status.OK))
    tracks = [
        ToolTrajectory(tool.name, "table", video.time_s, path, covariance, np.full(12, 0.9), status)
        for tool, path in zip(demonstration.tools, poses, strict=True)
    ]
    plans = [plan_through(path) for path in poses]
    motions = [Motion(plan.time_s, plan.position, path) for plan, path in zip(plans, poses, strict=True)]
    evidence = blame.Evidence(scene, clip, tracks, plans, motions)
    assert blame.find(evidence)[0] == "execute"
    assert blame.measure(evidence)["following_error_m"] == pytest.approx(0.0, abs=1e-9)
    aside = poses[1].copy()
    aside[:, :3, 3] += 0.04 * aside[:, :3, 0]
    wrong = [tracks[0], replace(tracks[1], transform_tool_to_frame=aside)]
    found = replace(evidence, tracks=wrong, plans=[plans[0], plan_through(aside)])
    assert blame.find(found)[0] == "track"
    assert blame.measure(found)["tracking_error_m"] == pytest.approx(0.02)


def test_a_tool_that_may_tilt_is_followed_as_it_was_tracked(good: blame.Evidence) -> None:
    """A task that does not hold its tool upright has no working height, and no pose is turned."""
    task = good.scene.task
    planning = {key: value for key, value in task.section("planning").items() if "tip_height" not in key}
    tilting = replace(task, settings={**task.settings, "planning": {**planning, "on_limit": "refuse"}})
    evidence = replace(good, scene=replace(good.scene, task=tilting))
    wrong = plan_through(missing(good.tracks[0].transform_tool_to_frame))
    assert blame.find(replace(evidence, plans=[wrong]))[0] == "plan"
    lifted = good.tracks[0].transform_tool_to_frame.copy()
    lifted[:, 2, 3] += 0.1
    track = replace(good.tracks[0], transform_tool_to_frame=lifted)
    assert blame.find(replace(evidence, plans=[wrong], tracks=[track]))[0] == "track"
