"""What is sent was checked: good plans pass, and each kind of bad one is named."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dreamitate_bench.plan_paths import feasible
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_exec.plan import plan
from dreamitate_exec.plan_check import PlanCheck

TASK, TOOL = load_task("sweeping"), load_tool("brush")
ROBOTS = {name: load_robot(name) for name in ("ur5", "xarm7")}
SEED = 201_000


def planned(name: str, seed: int = SEED) -> Plan:
    return plan(feasible(seed, TASK).track, TASK, ROBOTS[name], TOOL, ROBOTS[name].home)


@pytest.fixture(scope="module")
def made() -> Plan:
    return planned("ur5")


@pytest.fixture(scope="module")
def check() -> PlanCheck:
    return PlanCheck(TASK, ROBOTS["ur5"], TOOL)


@pytest.mark.parametrize("name", ROBOTS)
def test_good_plans_pass_quickly(name: str) -> None:
    checker = PlanCheck(TASK, ROBOTS[name], TOOL)
    for seed in range(SEED, SEED + 3):
        good = planned(name, seed)
        began_s = time.process_time()
        checker.check(good)
        assert time.process_time() - began_s < 0.5


def _moved(made: Plan, **changes: float) -> Plan:
    tables = {name: getattr(made, name).copy() for name in changes}
    for name, value in changes.items():
        tables[name][len(made.time_s) // 2] += value
    return replace(made, **tables)


BAD: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "other joints": (lambda p: replace(p, joint_names=p.joint_names[::-1]), "the arm has shoulder_pan_joint"),
    "shape": (lambda p: replace(p, velocity=p.velocity[:, :5]), "velocity must be"),
    "not finite": (lambda p: _moved(p, acceleration=np.nan), "acceleration must be"),
    "time": (lambda p: replace(p, time_s=p.time_s[::-1]), "times must increase"),
    "start": (lambda p: replace(p, velocity=p.velocity + 0.1), "start at rest"),
    "position": (lambda p: replace(p, position=p.position + 9.0), "position .* its limit is 3.142"),
    "speed": (lambda p: replace(p, time_s=p.time_s / 4, velocity=4 * p.velocity), "joint_limit.* its limit is"),
    "jump": (lambda p: _moved(p, position=0.05), "speed between two points"),
    "jerk": (lambda p: _moved(p, velocity=0.1), "acceleration between two points"),
    "claim": (lambda p: _moved(p, transform_tool_to_table=0.01), "from the pose that is claimed"),
    "late": (lambda p: replace(p, waypoint_time_s=p.waypoint_time_s + 0.2), "from the pose that is aimed at"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_plan_is_named(check: PlanCheck, made: Plan, kind: str) -> None:
    spoil, said = BAD[kind]
    with pytest.raises(DreamitateError, match=said):
        check.check(spoil(made))


@pytest.mark.parametrize(("height_m", "said"), [(0.004, "tip_height.*above the table"), (-0.30, "collision.*touches")])
def test_a_plan_at_another_height(made: Plan, height_m: float, said: str) -> None:
    """The same plan, right in itself, where the table is higher or lower than it was planned for."""
    task = load_task("sweeping")
    task.settings["robots"]["ur5"]["transform_base_to_table"][2][3] = height_m
    path, waypoints = made.transform_tool_to_table.copy(), made.waypoint_transform_tool_to_table.copy()
    path[:, 2, 3] += height_m
    waypoints[:, 2, 3] += height_m
    moved = replace(made, transform_tool_to_table=path, waypoint_transform_tool_to_table=waypoints)
    if height_m < 0:
        task.settings["planning"] |= {"tip_height_lower_m": -1.0, "on_limit": "refuse"}
    with pytest.raises(DreamitateError, match=said):
        PlanCheck(task, ROBOTS["ur5"], TOOL).check(moved)
