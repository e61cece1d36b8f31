"""Both arms' kinematics: against the public models, and there and back."""

import json
from pathlib import Path

import numpy as np
import pinocchio as pin
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamitate_bench.public_arms import PublicArm
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import load_robot
from dreamitate_exec.chain import Chain
from dreamitate_exec.inverse import load_inverse

ARMS = ("ur5", "xarm7")
GOLDEN = json.loads(Path(__file__).with_name("golden_kinematics.json").read_text())
"""By make_golden_kinematics.py, from the PyPI package example-robot-data."""
angles = st.lists(st.floats(-3.1, 3.1), min_size=7, max_size=7).map(np.array)


@pytest.mark.parametrize("name", ARMS)
def test_flange_is_where_the_public_model_has_it(name: str) -> None:
    golden = GOLDEN[name]
    flange = Chain(load_robot(name)).flange(golden["position"])
    np.testing.assert_allclose(flange[:, :3], golden["transform_flange_to_base"], atol=2e-5)


@pytest.mark.parametrize("name", ARMS)
def test_audit_has_the_public_model(name: str) -> None:
    flange = PublicArm(name).flange(GOLDEN[name]["position"])
    np.testing.assert_allclose(flange[:, :3], GOLDEN[name]["transform_flange_to_base"], atol=2e-9)


@pytest.mark.parametrize("name", ARMS)
def test_limits_are_within_the_public_ones(name: str) -> None:
    robot, golden = load_robot(name), GOLDEN[name]
    assert (robot.position_lower >= np.array(golden["lower"]) - 1e-6).all()
    assert (robot.position_upper <= np.array(golden["upper"]) + 1e-6).all()
    assert (robot.velocity_limit <= np.array(golden["velocity"]) + 1e-6).all()


@pytest.mark.parametrize("name", ARMS)
def test_robot_yaml_says_what_the_urdf_says(name: str) -> None:
    robot = load_robot(name)
    model = pin.buildModelFromUrdf(str(robot.urdf))
    np.testing.assert_allclose(model.lowerPositionLimit, robot.position_lower, atol=1e-6)
    np.testing.assert_allclose(model.upperPositionLimit, robot.position_upper, atol=1e-6)
    np.testing.assert_allclose(model.effortLimit, robot.settings["effort_limit"])
    assert (robot.velocity_limit <= model.velocityLimit + 1e-6).all()


@pytest.mark.parametrize("name", ARMS)
@settings(max_examples=60, deadline=None)
@given(angles=angles)
def test_inverse_finds_every_position_and_only_right_ones(name: str, angles: np.ndarray) -> None:
    chain = Chain(robot := load_robot(name))
    inverse = load_inverse(robot, chain)
    position = angles[: chain.dof]
    if chain.dexterity(position) < 1e-3:  # where branches meet, rounding decides which ones are there
        return
    flange = chain.flange(position[None])
    found = inverse.solve(flange, position[None, -1])[0]
    found = found[np.isfinite(found[:, 0])]
    np.testing.assert_allclose(chain.flange(found), np.repeat(flange, len(found), axis=0), atol=1e-7)
    assert len(found) > 0
    if not inverse.redundant or abs(position[1]) > 1e-2:  # with axes 1 and 3 in line, only their sum is determined
        assert np.abs(found - position).max(axis=1).min() < 1e-5


@pytest.mark.parametrize("name", ARMS)
def test_inverse_says_nothing_where_nothing_reaches(name: str) -> None:
    chain = Chain(robot := load_robot(name))
    inverse = load_inverse(robot, chain)
    flange = chain.flange(robot.home[None])
    flange[0, :3, 3] = [1.5, 0.0, 0.3]
    assert np.isnan(inverse.solve(flange, np.zeros(1))).all()
    needed, limit = inverse.reach(flange)
    assert needed[0] > limit


@pytest.mark.parametrize("name", ARMS)
def test_jacobian_is_the_derivative_of_the_flange(name: str) -> None:
    chain = Chain(load_robot(name))
    position, step = np.linspace(-0.5, 0.9, chain.dof), 1e-6
    J = chain.jacobian(position, np.eye(4))
    for joint in range(chain.dof):
        moved = position + step * np.eye(chain.dof)[joint]
        rate = (chain.flange(moved) - chain.flange(position)) / step
        np.testing.assert_allclose(rate[:3, 3], J[:3, joint], atol=1e-5)
        spin = rate[:3, :3] @ chain.flange(position)[:3, :3].T
        np.testing.assert_allclose([spin[2, 1], spin[0, 2], spin[1, 0]], J[3:, joint], atol=1e-5)


def test_kinematics_that_do_not_fit_are_refused() -> None:
    robot = load_robot("ur5")
    robot.settings["kinematics"] = "unheard_of"
    with pytest.raises(DreamitateError, match=r"unheard_of.*spherical_shoulder, ur"):
        load_inverse(robot, Chain(robot))
