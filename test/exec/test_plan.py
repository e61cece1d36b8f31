"""Plans of random paths: looked at again by MuJoCo, refused for the right reasons, the same every time."""

import copy
import time
from dataclasses import replace

import numpy as np
import pytest

from dreamitate_bench.plan_audit import Auditor
from dreamitate_bench.plan_paths import feasible
from dreamitate_bench.plan_physics import Physics
from dreamitate_bench.plan_plain import follow_plainly
from dreamitate_bench.plan_refusals import KINDS, infeasible
from dreamitate_core import se3
from dreamitate_core.arms import load_arms, transform_base_to_table
from dreamitate_core.camera import load_rig
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import Status
from dreamitate_exec.collision import CollisionWorld
from dreamitate_exec.plan import plan
from dreamitate_exec.refusal import PlanRefused
from dreamitate_exec.settings import planning_settings
from dreamitate_exec.tool_path import smooth_path

ARMS = ("ur5", "xarm7")
TASK, TOOL = load_task("sweeping"), load_tool("brush")
ROBOTS = {name: load_robot(name) for name in ARMS}
SEED = 200_000
"""Of this file's paths: none that a report uses."""


def plan_seed(name: str, seed: int, noise: float = 1.0) -> Plan:
    return plan(feasible(seed, TASK, noise).track, TASK, ROBOTS[name], TOOL, ROBOTS[name].home)


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_plan_holds_when_looked_at_by_another_engine(name: str, seed: int) -> None:
    made = plan_seed(name, seed)
    path, _ = smooth_path(feasible(seed, TASK).track, np.arange(12), TOOL.tip, planning_settings(TASK))
    found = Auditor(TASK, load_arms(TASK, name)).audit([made], [path.poses(np.linspace(0.25, 3.0, 3000))])
    assert found.violations == 0, found
    assert found.deviation_m < 5e-4
    assert found.deviation_rad < np.radians(0.2)


@pytest.mark.parametrize("name", ARMS)
def test_arm_with_mass_and_motors_goes_where_it_is_told_and_more_gently_than_plainly(name: str) -> None:
    asked, arms, made = feasible(SEED, TASK), load_arms(TASK, name), plan_seed(name, SEED)
    moved = Physics(TASK, arms).move([made])
    assert moved.done
    assert moved.contacts == 0
    assert moved.far_m < 2e-3
    assert moved.far_rad < np.radians(0.5)
    plain = follow_plainly(asked, TASK, ROBOTS[name], TOOL)
    assert plain is not None
    tracked = (made.time_s >= made.waypoint_time_s[0]) & (made.time_s <= made.waypoint_time_s[-1])
    assert np.abs(made.acceleration[tracked]).max() <= 0.5 * np.abs(plain.acceleration).max()
    auditor = Auditor(TASK, arms)
    assert auditor.tool_error_m([made], [asked.truth]) <= auditor.tool_error_m([plain], [asked.truth])


@pytest.mark.parametrize("name", ARMS)
def test_auditor_sees_what_is_wrong(name: str) -> None:
    made = plan_seed(name, SEED)
    auditor, path = Auditor(TASK, load_arms(TASK, name)), made.waypoint_transform_tool_to_table
    hasty = replace(made, time_s=made.time_s / 4, waypoint_time_s=made.waypoint_time_s / 4, velocity=4 * made.velocity)
    assert auditor.audit([hasty], [path]).over_acceleration > 0
    sunk = copy.deepcopy(TASK)
    sunk.settings["robots"][name]["transform_base_to_table"][2][3] = -0.03
    found = Auditor(sunk, load_arms(sunk, name)).audit([made], [path])
    assert found.collisions > 0
    assert found.over_height > 0
    assert found.deviation_m > 0.025


@pytest.mark.parametrize("name", ARMS)
def test_plan_goes_from_the_start_over_the_waypoints_home(name: str) -> None:
    robot = ROBOTS[name]
    start = robot.home + np.eye(robot.dof)[0] * 0.1
    asked = feasible(SEED + 5, TASK)
    made = plan(asked.track, TASK, robot, TOOL, start)
    np.testing.assert_allclose(made.position[[0, -1]], [start, robot.home], atol=1e-9)
    np.testing.assert_allclose(made.velocity[[0, -1]], 0.0, atol=1e-9)
    assert (np.diff(made.time_s) > 0).all()
    assert np.diff(made.time_s).max() <= 1 / robot.settings["command_rate_hz"] + 1e-9
    predicted = made.position[:-1] + 0.5 * (made.velocity[:-1] + made.velocity[1:]) * np.diff(made.time_s)[:, None]
    np.testing.assert_allclose(predicted, made.position[1:], atol=1e-4)
    for when, pose in zip(made.waypoint_time_s, made.waypoint_transform_tool_to_table, strict=True):
        near = made.transform_tool_to_table[np.argmin(np.abs(made.time_s - when))]
        assert np.linalg.norm(near[:3, 3] - pose[:3, 3]) < 2e-3
    lift = planning_settings(TASK).approach_height_m
    first, last = made.waypoint_time_s[[0, -1]]
    height = made.transform_tool_to_table[:, 2, 3]
    assert height[(made.time_s < first - 1.0) | (made.time_s > last + 1.0)].min() > 0.5 * lift


def test_plan_lasts_as_the_clip_does() -> None:
    made = plan_seed("ur5", SEED + 1)
    clip_s = 11 / TASK.fps
    assert made.waypoint_time_s[-1] - made.waypoint_time_s[0] == pytest.approx(clip_s, rel=0.005)
    assert any("as in the clip" in note for note in made.notes)


def test_plan_is_slower_than_a_clip_that_the_arm_cannot_keep_up_with() -> None:
    asked = feasible(SEED, TASK, noise=0.0)
    hurried = replace(asked.track, time_s=asked.track.time_s / 5)
    made = plan(hurried, TASK, ROBOTS["ur5"], TOOL, ROBOTS["ur5"].home)
    assert made.waypoint_time_s[-1] - made.waypoint_time_s[0] > 11 / TASK.fps / 5
    assert np.abs(made.acceleration).max() <= ROBOTS["ur5"].acceleration_limit.max()
    assert any("instead of the clip's" in note for note in made.notes)


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("number", range(len(KINDS)), ids=list(KINDS))
def test_bad_paths_are_refused_with_reason_and_waypoint(name: str, number: int) -> None:
    for seed in (SEED - SEED % len(KINDS) + number + turn * len(KINDS) for turn in range(2)):
        _, asked = infeasible(seed, TASK, ROBOTS[name], TOOL)
        with pytest.raises(PlanRefused) as refused:
            plan(asked.track, asked.task(TASK), ROBOTS[name], TOOL, ROBOTS[name].home)
        assert refused.value.reason in asked.reasons
        assert refused.value.reason in str(refused.value)
        if asked.first is not None and asked.last is not None:
            assert refused.value.waypoint is not None
            assert asked.first <= refused.value.waypoint <= asked.last


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (ROBOTS["ur5"].home[:5], "6 finite numbers"),
        (np.full(6, np.nan), "6 finite numbers"),
        (ROBOTS["ur5"].home + [0, 0, 3.0, 0, 0, 0], "elbow_joint is at 5.269 rad"),
        (ROBOTS["ur5"].home + [0, 0.9, 0, 0, 0, 0], "touches"),
    ],
)
def test_bad_start_is_refused(start: np.ndarray, says: str) -> None:
    with pytest.raises(PlanRefused, match=says) as refused:
        plan(feasible(SEED, TASK).track, TASK, ROBOTS["ur5"], TOOL, start)
    assert refused.value.reason == "start_state"


def test_short_gaps_are_bridged_and_unseen_ends_left_out() -> None:
    asked = feasible(SEED, TASK, noise=0.0)
    track = replace(asked.track, status=asked.track.status.copy(), transform_tool_to_frame=asked.truth.copy())
    track.status[[0, 5, 6]] = [Status.NOT_VISIBLE, Status.LOST, Status.LOST]
    track.transform_tool_to_frame[[0, 5, 6]] = np.nan
    made = plan(track, TASK, ROBOTS["ur5"], TOOL, ROBOTS["ur5"].home)
    assert len(made.waypoint_time_s) == 9
    when = made.waypoint_time_s[3] + 1 / TASK.fps  # waypoint 4, one time step before the gap's first frame
    near = made.transform_tool_to_table[np.argmin(np.abs(made.time_s - when))]
    assert np.linalg.norm(near[:3, 3] - asked.truth[5, :3, 3]) < 0.01
    assert any("Bridged 2" in note for note in made.notes)
    assert any("Left out 1 unseen frames at the start" in note for note in made.notes)


def test_height_and_tilt_are_held() -> None:
    asked = feasible(SEED, TASK, noise=0.0)
    poses = asked.truth @ se3.exp(np.array([0.0, 0.0, 0.02, 0.15, -0.1, 0.0]))
    made = plan(replace(asked.track, transform_tool_to_frame=poses), TASK, ROBOTS["ur5"], TOOL, ROBOTS["ur5"].home)
    settings = planning_settings(TASK)
    tracked = (made.time_s >= made.waypoint_time_s[0]) & (made.time_s <= made.waypoint_time_s[-1])
    tool = made.transform_tool_to_table[tracked]
    assert tool[:, 2, 3].min() >= settings.tip_height_lower_m - 1e-5
    assert tool[:, 2, 3].max() <= settings.tip_height_upper_m + 1e-5
    assert np.arccos(tool[:, 2, 2].clip(-1, 1)).max() <= settings.tilt_limit_rad + 1e-4
    assert any("Held to the task's height" in note for note in made.notes)


def test_freedom_about_the_tools_axis_is_used() -> None:
    free = replace(TASK, settings={**TASK.settings, "planning": {**TASK.section("planning"), "free_axis": [0, 0, 1]}})
    asked, robot = feasible(SEED + 2, TASK, noise=0.0), ROBOTS["ur5"]
    bound, loose = (plan(asked.track, task, robot, TOOL, robot.home) for task in (TASK, free))
    truth = asked.truth[:, :2, 3]
    for made in (bound, loose):
        at = np.searchsorted(made.time_s, made.waypoint_time_s)
        assert np.linalg.norm(made.transform_tool_to_table[at, :2, 3] - truth, axis=1).max() < 5e-3
    assert loose.duration_s < bound.duration_s


def test_same_track_same_plan() -> None:
    one, two = plan_seed("xarm7", SEED), plan_seed("xarm7", SEED)
    np.testing.assert_array_equal(one.position, two.position)


def test_cancel_passes_through() -> None:
    def cancel(stage: str, fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        plan(feasible(SEED, TASK).track, TASK, ROBOTS["ur5"], TOOL, ROBOTS["ur5"].home, progress=cancel)


def test_unknown_planner_names_the_known() -> None:
    with pytest.raises(DreamitateError, match=r"Unknown planner 'teleport'.*embedded"):
        plan(feasible(SEED, TASK).track, TASK, ROBOTS["ur5"], TOOL, ROBOTS["ur5"].home, planner="teleport")


def test_planning_takes_no_more_than_a_quarter_of_a_second_of_one_core() -> None:
    plan_seed("ur5", SEED)
    spent = []
    for seed in range(SEED, SEED + 7):
        begin = time.process_time()
        plan_seed("ur5", seed)
        spent.append(time.process_time() - begin)
    assert np.median(spent) < 0.25


@pytest.mark.parametrize("name", ARMS)
def test_home_touches_nothing(name: str) -> None:
    robot = ROBOTS[name]
    world = CollisionWorld(robot, TOOL, transform_base_to_table(TASK, robot), load_rig(TASK.rig))
    assert world.first_contact(robot.home[None]) is None
