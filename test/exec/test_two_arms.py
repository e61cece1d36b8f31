"""Two arms in step: the same times, apart from each other, and refused together."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from dreamitate_bench.plan_audit import Auditor
from dreamitate_bench.plan_pairs import KINDS, feasible_pair, infeasible_pair
from dreamitate_bench.plan_physics import Physics
from dreamitate_core.arms import load_arms
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.task import load_task
from dreamitate_exec.plan import plan_arms
from dreamitate_exec.refusal import PlanRefused
from dreamitate_exec.settings import planning_settings
from dreamitate_exec.tool_path import smooth_path
from dreamitate_sim.grasps import Grasp
from dreamitate_sim.press import Press, press_motion

TASK = load_task("rotation")
PAIR = load_arms(TASK)
HOMES = [arm.robot.home for arm in PAIR]
SEED = 202_000
"""Of this file's paths: none that a report uses."""


@pytest.fixture(scope="module")
def made() -> list[Plan]:
    return plan_arms([asked.track for asked in feasible_pair(SEED, TASK, PAIR)], TASK, PAIR, HOMES)


def test_both_start_follow_and_stop_together(made: list[Plan]) -> None:
    np.testing.assert_array_equal(made[0].time_s, made[1].time_s)
    np.testing.assert_array_equal(made[0].waypoint_time_s, made[1].waypoint_time_s)
    for plan, home in zip(made, HOMES, strict=True):
        np.testing.assert_allclose(plan.position[[0, -1]], [home, home], atol=1e-9)
        np.testing.assert_allclose(plan.velocity[[0, -1]], 0.0, atol=1e-9)


def test_plans_hold_when_looked_at_by_another_engine(made: list[Plan]) -> None:
    paths = []
    for asked, arm in zip(feasible_pair(SEED, TASK, PAIR), PAIR, strict=True):
        path, _ = smooth_path(asked.track, np.arange(12), arm.tool.tip, planning_settings(TASK))
        paths.append(path.poses(np.linspace(path.time_s[0], path.time_s[-1], 2000)))
    found = Auditor(TASK, PAIR).audit(made, paths)
    assert found.violations == 0, found
    assert found.deviation_m < 5e-4
    assert found.deviation_rad < np.radians(0.2)


def test_auditor_sees_arms_that_touch_and_arms_out_of_step(made: list[Plan]) -> None:
    near = copy.deepcopy(TASK)
    near.settings["arms"][1]["transform_base_to_table"][0][3] = -0.35
    paths = [plan.waypoint_transform_tool_to_table for plan in made]
    assert Auditor(near, load_arms(near)).audit(made, paths).collisions > 0
    late = replace(made[1], time_s=made[1].time_s * 1.01)
    assert Auditor(TASK, PAIR).audit([made[0], late], paths).not_in_step == 1


def test_arms_with_mass_stay_in_step(made: list[Plan]) -> None:
    moved = Physics(TASK, PAIR).move(made)
    assert moved.done
    assert moved.contacts == 0
    assert moved.far_m < 2e-3
    assert moved.far_rad < np.radians(0.5)
    assert moved.apart_s < 0.010


@pytest.mark.parametrize("number", range(len(KINDS)), ids=KINDS)
def test_what_one_cannot_do_neither_does(number: int) -> None:
    _, asked = infeasible_pair(SEED - SEED % len(KINDS) + number, TASK, PAIR)
    bad = next(each for each in asked if each.reasons)
    with pytest.raises(PlanRefused) as refused:
        plan_arms([each.track for each in asked], bad.task(TASK), PAIR, HOMES)
    assert refused.value.reason in bad.reasons
    assert bad.first is not None
    assert bad.last is not None
    assert refused.value.waypoint is not None
    assert bad.first <= refused.value.waypoint <= bad.last
    if refused.value.reason not in ("arms_collide", "not_in_step"):
        assert refused.value.arm == PAIR[asked.index(bad)].name
        assert refused.value.arm in str(refused.value)


@pytest.mark.parametrize(("between_m", "is_planned"), [(0.025, True), (0.008, False)])
def test_tools_may_come_nearer_to_each_other_than_arms(between_m: float, is_planned: bool) -> None:
    """0.025: an object 45 mm wide that is pressed by 10 mm from both sides."""
    press = Press(Grasp(np.array([0.0, 0.03]), np.radians(-20.0), between_m + 0.02), np.radians(40.0))
    motion = press_motion(press, TASK.clip_duration_s, np.random.default_rng(SEED))
    frames = np.round(np.linspace(0, len(motion.time_s) - 1, 12)).astype(int)
    tracks = [
        replace(asked.track, transform_tool_to_frame=poses)
        for asked, poses in zip(feasible_pair(SEED, TASK, PAIR), motion.transform_tool_to_table[:, frames], strict=True)
    ]
    if is_planned:
        assert len(plan_arms(tracks, TASK, PAIR, HOMES)) == 2
    else:
        with pytest.raises(PlanRefused, match="left tool touches right tool"):
            plan_arms(tracks, TASK, PAIR, HOMES)


def test_wrong_numbers_of_arms_and_planners_for_one_are_refused() -> None:
    tracks = [asked.track for asked in feasible_pair(SEED, TASK, PAIR)]
    with pytest.raises(DreamitateError, match="One or two arms are planned"):
        plan_arms(tracks[:1], TASK, PAIR, HOMES)
    with pytest.raises(DreamitateError, match="Unknown planner 'teleport'"):
        plan_arms(tracks, TASK, PAIR, HOMES, "teleport")


def test_arms_of_a_task_are_checked() -> None:
    wrong = copy.deepcopy(TASK)
    wrong.settings["arms"][0]["name"] = "right"
    with pytest.raises(DreamitateError, match="same name"):
        load_arms(wrong)
    wrong = replace(TASK, tools=["box_right", "box_left"])
    with pytest.raises(DreamitateError, match="one per arm, in the same order"):
        load_arms(wrong)
    with pytest.raises(DreamitateError, match="has arms of its own"):
        load_arms(TASK, "ur5")
