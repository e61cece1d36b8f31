"""A stop on a plan's path: within the limits, on the path, and no longer than it must be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline

from dreamitate_bench.plan_paths import feasible
from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_exec.plan import plan
from dreamitate_exec.stopping import stop_along, stop_motion

PERIOD_S = 0.008
UR5 = load_robot("ur5")


@pytest.fixture(scope="module")
def made() -> Plan:
    task = load_task("sweeping")
    return plan(feasible(200_010, task).track, task, UR5, load_tool("brush"), UR5.home)


@settings(max_examples=12, deadline=None)
@given(share=st.floats(0.0, 1.0))
def test_stop_along_a_plan(made: Plan, share: float) -> None:
    from_s = share * made.duration_s
    stop = stop_along(made, from_s, UR5.acceleration_limit, PERIOD_S)
    path = CubicHermiteSpline(made.time_s, made.position, made.velocity)
    np.testing.assert_allclose(stop.position, path(stop.parameter), atol=1e-12)
    assert stop.parameter[0] == from_s
    assert (np.diff(stop.parameter) >= 0).all()
    np.testing.assert_allclose(stop.velocity[0], path(from_s, 1), atol=1e-12)
    assert not stop.velocity[-1].any()
    assert np.abs(stop.acceleration / UR5.acceleration_limit).max() <= 1.0
    step_s = np.diff(stop.time_s)[:, None]
    between = np.diff(stop.velocity, axis=0) / step_s
    assert (np.abs(between / UR5.acceleration_limit) <= 1.0).all()  # there is nothing between where it rests already
    moved = 0.5 * (stop.velocity[1:] + stop.velocity[:-1]) * step_s
    np.testing.assert_allclose(np.diff(stop.position, axis=0), moved, atol=1e-4)


def test_stop_is_as_quick_as_the_slowest_joint_allows(made: Plan) -> None:
    fastest = int(np.abs(made.velocity).max(axis=1).argmax())
    stop = stop_along(made, float(made.time_s[fastest]), UR5.acceleration_limit, PERIOD_S)
    needed_s = float((np.abs(made.velocity[fastest]) / UR5.acceleration_limit).max())
    assert needed_s <= stop.duration_s < 1.5 * needed_s + 0.05


def test_straight_stop_from_where_the_arm_is() -> None:
    velocity = np.array([1.0, -0.5, 0.0, 0.0, 0.2, 2.0])
    stop = stop_motion(UR5.home, velocity, UR5)
    assert stop.duration_s == pytest.approx(0.4)
    assert not stop.velocity[-1].any()
    assert np.abs(stop.acceleration / UR5.acceleration_limit).max() <= 1.0 + 1e-9
    across = (
        stop.position
        - stop.position[0]
        - np.outer((stop.position - stop.position[0]) @ velocity, velocity) / (velocity @ velocity)
    )
    assert np.abs(across).max() < 1e-12
