"""Axioms of SE(3), on random motions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError

twists = arrays(np.float64, 6, elements=st.floats(-1.7, 1.7))


@given(twists)
def test_log_inverts_exp(twist: np.ndarray) -> None:
    np.testing.assert_allclose(se3.log(se3.exp(twist)), twist, atol=1e-7)


@given(twists, twists)
def test_adjoint_carries_a_twist_through_a_motion(a: np.ndarray, b: np.ndarray) -> None:
    T = se3.exp(a)
    np.testing.assert_allclose(T @ se3.exp(b) @ se3.inverse(T), se3.exp(se3.adjoint(T) @ b), atol=1e-7)


@given(twists)
def test_inverse_and_batches(twist: np.ndarray) -> None:
    T = se3.exp(np.stack([twist, -twist]))
    np.testing.assert_allclose(T[0] @ T[1], np.eye(4), atol=1e-9)
    np.testing.assert_allclose(se3.inverse(T)[0], T[1], atol=1e-9)


@given(twists, twists, st.floats(0, 1))
def test_interpolation_moves_at_constant_speed(a: np.ndarray, b: np.ndarray, fraction: float) -> None:
    start, end = se3.exp(a), se3.exp(a) @ se3.exp(b)
    np.testing.assert_allclose(se3.interpolate(start, end, fraction), start @ se3.exp(fraction * b), atol=1e-7)


@given(twists)
def test_quaternions_return_the_rotation(twist: np.ndarray) -> None:
    rotation = se3.exp(twist)[:3, :3]
    np.testing.assert_allclose(se3.from_quaternion_xyzw(se3.to_quaternion_xyzw(rotation)), rotation, atol=1e-9)


@given(st.floats(0, np.pi))
def test_rotation_distance_is_the_angle(angle: float) -> None:
    turned = se3.exp(np.array([0, 0, 0, 0, angle, 0]))
    assert se3.rotation_distance_rad(turned, np.eye(4)) == pytest.approx(angle, abs=1e-7)


@pytest.mark.parametrize(
    "wrong",
    [np.eye(3), np.diag([1.0, 1, -1, 1]), np.diag([1.1, 1, 1, 1]), np.full((4, 4), np.nan)],
    ids=["shape", "left-handed", "scaled", "nan"],
)
def test_what_is_no_rigid_motion_is_refused_by_name(wrong: np.ndarray) -> None:
    with pytest.raises(DreamitateError, match="the mount"):
        se3.check_transform(wrong, "the mount")
