"""Rigid motions as 4x4 matrices, batched over leading dimensions.

A twist is [v, w]: translation part first, then rotation part, both in the moving frame, so that
`T @ exp(twist)` moves T by the twist. Formulas: Barfoot, State Estimation for Robotics, chapter 7.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from .errors import DreamitateError

Array = NDArray[np.float64]


def make_transform(rotation: ArrayLike, translation: ArrayLike) -> Array:
    """Return (..., 4, 4) from rotation matrices (..., 3, 3) and translations (..., 3)."""
    rotation, translation = np.asarray(rotation, float), np.asarray(translation, float)
    shape = np.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    transform = np.zeros((*shape, 4, 4))
    transform[..., :3, :3] = rotation
    transform[..., :3, 3] = translation
    transform[..., 3, 3] = 1.0
    return transform


def inverse(transform: ArrayLike) -> Array:
    """Return the inverse of rigid motions (..., 4, 4)."""
    transform = np.asarray(transform, float)
    rotation = np.swapaxes(transform[..., :3, :3], -1, -2)
    return make_transform(rotation, -np.einsum("...ij,...j->...i", rotation, transform[..., :3, 3]))


def transform_points(transform: ArrayLike, points: ArrayLike) -> Array:
    """Return points (..., N, 3) moved by rigid motions (..., 4, 4)."""
    transform, points = np.asarray(transform, float), np.asarray(points, float)
    return points @ np.swapaxes(transform[..., :3, :3], -1, -2) + transform[..., None, :3, 3]


def skew(vector: ArrayLike) -> Array:
    """Return (..., 3, 3) with skew(a) @ b = cross(a, b), for vectors (..., 3)."""
    vector = np.asarray(vector, float)
    matrix = np.zeros((*vector.shape[:-1], 3, 3))
    matrix[..., 0, 1], matrix[..., 0, 2], matrix[..., 1, 2] = -vector[..., 2], vector[..., 1], -vector[..., 0]
    return matrix - np.swapaxes(matrix, -1, -2)


def exp(twist: ArrayLike) -> Array:
    """Return the rigid motions (..., 4, 4) of twists (..., 6) = [v, w]."""
    twist = np.asarray(twist, float)
    translation = np.einsum("...ij,...j->...i", _left(twist[..., 3:]), twist[..., :3])
    return make_transform(_rotation(twist[..., 3:]), translation)


def log(transform: ArrayLike) -> Array:
    """Return the twists (..., 6) = [v, w] of rigid motions (..., 4, 4); rotation angle at most pi."""
    transform = np.asarray(transform, float)
    flat = transform[..., :3, :3].reshape(-1, 3, 3)
    vector = Rotation.from_matrix(flat).as_rotvec().reshape(*transform.shape[:-2], 3)
    translation = np.linalg.solve(_left(vector), transform[..., :3, 3, None])[..., 0]
    return np.concatenate([translation, vector], axis=-1)


def interpolate(transform_from: ArrayLike, transform_to: ArrayLike, fraction: ArrayLike) -> Array:
    """Return the motions at `fraction` (0..1) of the way along the screw from one transform to the other."""
    transform_from = np.asarray(transform_from, float)
    twist = log(inverse(transform_from) @ np.asarray(transform_to, float))
    return transform_from @ exp(np.asarray(fraction, float)[..., None] * twist)


def adjoint(transform: ArrayLike) -> Array:
    """Return (..., 6, 6) with T exp(x) T^-1 = exp(adjoint(T) x), for twists [v, w]."""
    transform = np.asarray(transform, float)
    rotation = transform[..., :3, :3]
    matrix = np.zeros((*transform.shape[:-2], 6, 6))
    matrix[..., :3, :3] = matrix[..., 3:, 3:] = rotation
    matrix[..., :3, 3:] = skew(transform[..., :3, 3]) @ rotation
    return matrix


def rotation_distance_rad(transform_a: ArrayLike, transform_b: ArrayLike) -> Array:
    """Return the angle (...,) of the rotation between matrices (..., 3, 3) or (..., 4, 4)."""
    a, b = np.asarray(transform_a, float)[..., :3, :3], np.asarray(transform_b, float)[..., :3, :3]
    # 2 asin(|A - B| / sqrt 8) keeps its precision near zero, where the arc cosine of the trace loses it.
    chord = np.linalg.norm(a - b, axis=(-2, -1))
    return 2.0 * np.arcsin(np.clip(chord / np.sqrt(8.0), 0.0, 1.0))


def from_quaternion_xyzw(quaternion: ArrayLike) -> Array:
    """Return rotation matrices (..., 3, 3) of quaternions (..., 4) in ROS's order x, y, z, w."""
    quaternion = np.asarray(quaternion, float)
    return Rotation.from_quat(quaternion.reshape(-1, 4)).as_matrix().reshape(*quaternion.shape[:-1], 3, 3)


def to_quaternion_xyzw(rotation: ArrayLike) -> Array:
    """Return unit quaternions (..., 4) in ROS's order of matrices (..., 3, 3) or (..., 4, 4)."""
    rotation = np.asarray(rotation, float)[..., :3, :3]
    return Rotation.from_matrix(rotation.reshape(-1, 3, 3)).as_quat().reshape(*rotation.shape[:-2], 4)


def check_transform(transform: ArrayLike, name: str) -> Array:
    """Return the transforms (..., 4, 4) as floats. Raises DreamitateError where one is no rigid motion."""
    try:
        transform = np.asarray(transform, float)
    except (TypeError, ValueError, OverflowError):
        raise DreamitateError(f"{name} must be a 4x4 matrix of numbers.") from None
    if transform.shape[-2:] != (4, 4):
        raise DreamitateError(f"{name} has shape {transform.shape}; a rigid motion is a 4x4 matrix.")
    if not np.isfinite(transform).all():
        raise DreamitateError(f"{name} holds numbers that are not finite.")
    rotation = np.clip(transform[..., :3, :3], -1e6, 1e6)  # the square of an absurd number must not overflow
    error = np.abs(np.swapaxes(rotation, -1, -2) @ rotation - np.eye(3)).max()
    last_row_error = np.abs(transform[..., 3, :] - (0, 0, 0, 1)).max()
    if error > 1e-4 or np.any(np.linalg.det(rotation) < 0) or last_row_error > 1e-9:
        raise DreamitateError(f"{name} is not a right-handed rigid motion (rotation off by {error:.2g}, allowed 1e-4).")
    return transform


def _rotation(vector: Array) -> Array:
    return Rotation.from_rotvec(vector.reshape(-1, 3)).as_matrix().reshape(*vector.shape[:-1], 3, 3)


def _left(vector: Array) -> Array:
    """Return the left Jacobian (..., 3, 3) of SO(3): Barfoot eq. 7.37, by series near zero."""
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    small = angle < 1e-5
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    b = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    cross = skew(vector)
    return np.eye(3) + a * cross + b * cross @ cross
