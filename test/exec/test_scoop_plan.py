"""Scooping by the xArm 7: its redundant joint moves freely, it keeps over what stands there, and bears errors."""

from dataclasses import replace

import numpy as np
import pytest

from dreamitate.motion import move
from dreamitate_core import se3
from dreamitate_core.arms import load_arms
from dreamitate_core.plan import Plan
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import STEPS
from dreamitate_exec.embedded import EmbeddedPlanner
from dreamitate_exec.free_joint import least_effort
from dreamitate_exec.plan import plan
from dreamitate_exec.refusal import PlanRefused
from dreamitate_exec.settings import planning_settings
from dreamitate_sim.scene import make_scene, scene_kind
from dreamitate_sim.table_simulation import TableSimulation

TASK = load_task("scooping")
ARM = load_arms(TASK)[0]
SETTINGS = planning_settings(TASK)
HARD_SEED = 0
"""Of a scene with a way that needs the redundant joint's freedom."""


def a_track(lower_m: float = 0.0) -> ToolTrajectory:
    motion = scene_kind(TASK).ways(make_scene(TASK, HARD_SEED, "train"))[0]
    time_s = np.arange(1, STEPS + 1) / TASK.fps
    poses = motion.transform_tool_to_table[np.searchsorted(motion.time_s, time_s - time_s[0] - 1e-6)].copy()
    poses[:, 2, 3] -= lower_m
    covariance = np.tile(1e-6 * np.eye(6), (STEPS, 1, 1))
    status = np.full(STEPS, Status.OK)
    return ToolTrajectory("scoop", "table", time_s, poses, covariance, np.ones(STEPS), status)


@pytest.fixture(scope="module")
def track() -> ToolTrajectory:
    return a_track()


@pytest.fixture(scope="module")
def made(track: ToolTrajectory) -> Plan:
    return plan(track, TASK, ARM.robot, ARM.tool, ARM.robot.home)


def test_a_redundant_joint_that_moves_freely_follows_what_straight_courses_do_not(
    track: ToolTrajectory, made: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = made.waypoint_transform_tool_to_table[:, :3, 3] - track.transform_tool_to_frame[:, :3, 3]
    assert np.linalg.norm(off, axis=1).max() < 0.002
    planner = EmbeddedPlanner(TASK, ARM)
    monkeypatch.setattr(planner.follower, "freed", lambda *_: [])
    with pytest.raises(PlanRefused, match="joint_jump"):
        planner.plan(track, ARM.robot.home, lambda *_: None)


def test_on_the_way_there_and_home_the_tool_stays_over_what_stands_on_the_table(made: Plan) -> None:
    inside = (made.time_s > made.waypoint_time_s[0] - 1.0) & (made.time_s < made.waypoint_time_s[-1] + 1.0)
    poses = made.transform_tool_to_table[~inside]
    assert len(poses) > 100
    assert se3.transform_points(poses, ARM.tool.mesh.vertices)[..., 2].min() > SETTINGS.clear_height_m - 0.002


def test_a_lip_that_was_seen_too_low_is_held_over_the_bowls_floors() -> None:
    low = a_track(lower_m=0.015)
    assert low.transform_tool_to_frame[:, 2, 3].min() < 0.0
    made = plan(low, TASK, ARM.robot, ARM.tool, ARM.robot.home)
    assert made.transform_tool_to_table[:, 2, 3].min() > SETTINGS.tip_height_lower_m - 5e-4


def test_beads_are_brought_over_although_the_tool_was_seen_10_mm_off(track: ToolTrajectory) -> None:
    poses = track.transform_tool_to_frame.copy()
    poses[:, :3, 3] += np.array([0.6, -0.6, -0.52]) * 0.010
    simulation = TableSimulation(make_scene(TASK, HARD_SEED, "train"), [ARM])
    off = replace(track, transform_tool_to_frame=poses)
    assert not move(simulation, [plan(off, TASK, ARM.robot, ARM.tool, ARM.robot.home)], filmed=False).problem
    verdict = simulation.judge()
    assert verdict.success
    assert verdict.figures["bowls_moved_m"] < 0.01


def test_least_effort_is_the_least_of_all_courses() -> None:
    random = np.random.default_rng(5)
    position = random.uniform(-0.4, 0.4, (4, 3, 2))
    position[1, 0], position[2, 2, 1] = np.nan, np.nan
    step_s, limit = np.array([0.2, 0.3, 0.25]), np.array([2.0, 3.0])
    start, end = random.uniform(-1.0, 1.0, (2, 2))

    def effort(course: tuple[int, ...]) -> float:
        q = position[np.arange(4), course]
        along = (np.diff(q, axis=0) / limit / step_s[:, None]) ** 2 * step_s[:, None]
        ends = np.abs(q[[0, -1]] - [start, end]) / limit
        return float(along.sum() + ends.max(axis=1).sum())

    every = {course: effort(course) for course in np.ndindex(3, 3, 3, 3)}
    best = min((course for course in every if np.isfinite(every[course])), key=lambda course: every[course])
    course, found = least_effort(position, step_s, limit, start, end)
    assert tuple(course) == best
    assert found == pytest.approx(every[best])


def test_least_effort_is_infinite_where_no_course_leads_to_the_end() -> None:
    apart = np.array([[[0.0]], [[1.5]]])
    assert least_effort(apart, np.ones(1), np.ones(1), np.zeros(1), np.zeros(1))[1] == np.inf
    gone = np.array([[[0.0]], [[np.nan]]])
    assert least_effort(gone, np.ones(1), np.ones(1), np.zeros(1), np.zeros(1))[1] == np.inf
