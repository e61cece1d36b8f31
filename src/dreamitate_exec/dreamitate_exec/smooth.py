"""The most likely tool path: near the tracked poses by their covariance, and with little acceleration."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3

Array = NDArray[np.float64]

FLOOR = np.diag(np.array([5e-4, 5e-4, 5e-4, 5e-3, 5e-3, 5e-3]) ** 2)
"""Covariance that every tracked pose has at least, whatever its tracker says: 0.5 mm and 0.3 degrees."""
DOUBLINGS = 12
"""How often the expected accelerations are doubled before the tracked poses are taken as they are."""


@dataclass(frozen=True)
class Upright:
    """What is known of a tool that works on the table: its tip's height and, but for small tilts, its z axis.

    tip: (3,) in the tool frame; height_m, height_sigma_m: above the table; tilt_sigma_rad: per axis.
    """

    tip: Array
    height_m: float
    height_sigma_m: float
    tilt_sigma_rad: float


def smooth(
    time_s: Array,
    poses: Array,
    covariance: Array,
    acceleration_m_s2: float,
    acceleration_rad_s2: float,
    limit_m: float,
    limit_rad: float,
    upright: Upright | None = None,
) -> tuple[Array, Array]:
    """Return the smoothed poses (N, 4, 4) and what they differ by, (N, 2) in metres and radians.

    time_s: (N,); poses: (N, 4, 4) in the table frame; covariance: (N, 6, 6) of the twist [v, w] in the tool frame.
    The accelerations are those that the tool is expected to have; they are raised until no pose is moved by more
    than the limits.
    """
    weight = np.asarray(np.linalg.inv(covariance + FLOOR), float)
    for _ in range(DOUBLINGS):
        smoothed = _most_likely(time_s, poses, weight, acceleration_m_s2, acceleration_rad_s2, upright)
        moved = np.stack(
            [
                np.linalg.norm(smoothed[:, :3, 3] - poses[:, :3, 3], axis=1),
                se3.rotation_distance_rad(smoothed, poses),
            ],
            axis=1,
        )
        if np.all(moved <= (limit_m, limit_rad)):
            return smoothed, moved
        acceleration_m_s2, acceleration_rad_s2 = 2 * acceleration_m_s2, 2 * acceleration_rad_s2
    return poses, np.zeros((len(poses), 2))


def _most_likely(
    time_s: Array, poses: Array, weight: Array, per_m: float, per_rad: float, upright: Upright | None
) -> Array:
    """Gauss-Newton over corrections [R^T dp, dw] of every pose, in its tool frame."""
    n = len(time_s)
    corrected = poses.copy()
    measured = poses[:, :3, :3]
    for _ in range(3):
        H, g = np.zeros((n, 6, n, 6)), np.zeros((n, 6))
        R = corrected[:, :3, :3]
        offset = np.einsum("nji,nj->ni", measured, corrected[:, :3, 3] - poses[:, :3, 3])
        turn = Rotation.from_matrix(np.swapaxes(measured, 1, 2) @ R).as_rotvec()
        residual = np.concatenate([offset, turn], axis=1)
        index = np.arange(n)
        H[index, :, index, :] = weight
        g += np.einsum("nij,nj->ni", weight, residual)
        _add_prior(H, g, time_s, corrected, per_m, per_rad)
        if upright is not None:
            _add_upright(H, g, corrected, upright)
        step = np.linalg.solve(H.reshape(6 * n, 6 * n), -g.reshape(-1)).reshape(n, 6)
        corrected[:, :3, 3] += np.einsum("nij,nj->ni", R, step[:, :3])
        corrected[:, :3, :3] = R @ Rotation.from_rotvec(step[:, 3:]).as_matrix()
    return corrected


def _add_prior(H: Array, g: Array, time_s: Array, poses: Array, per_m: float, per_rad: float) -> None:
    """Add the penalty on accelerations: translation in the table's axes, rotation in the tool's."""
    step = np.diff(time_s)
    R = poses[:, :3, :3]
    relative = np.swapaxes(R[:-1], 1, 2) @ R[1:]
    rate = Rotation.from_matrix(relative).as_rotvec() / step[:, None]
    for i in range(1, len(time_s) - 1):
        before, after, mean = step[i - 1], step[i], 0.5 * (step[i - 1] + step[i])
        scale = np.array([1 / before, -1 / before - 1 / after, 1 / after]) / mean
        acceleration = scale @ poses[i - 1 : i + 2, :3, 3]
        J = np.zeros((6, 3, 6))
        for k in range(3):
            J[:3, k, :3] = scale[k] * R[i - 1 + k]
        # The rate between poses a and b changes by (dw_b - R_ab^T dw_a) / step for small turns.
        J[3:, 0, 3:] = relative[i - 1].T / (before * mean)
        J[3:, 1, 3:] = -(np.eye(3) / before + relative[i].T / after) / mean
        J[3:, 2, 3:] = np.eye(3) / (after * mean)
        residual = np.concatenate([acceleration, (rate[i] - rate[i - 1]) / mean])
        flat = J.reshape(6, 18) / np.array([per_m] * 3 + [per_rad] * 3)[:, None]
        residual /= np.array([per_m] * 3 + [per_rad] * 3)
        H[i - 1 : i + 2, :, i - 1 : i + 2, :] += (flat.T @ flat).reshape(3, 6, 3, 6)
        g[i - 1 : i + 2] += (flat.T @ residual).reshape(3, 6)


def _add_upright(H: Array, g: Array, poses: Array, upright: Upright) -> None:
    """Add the penalty on the tip's height and on the two components of the tool's z axis along the table."""
    R = poses[:, :3, :3]
    J = np.zeros((len(poses), 3, 6))
    J[:, 0, :3] = R[:, 2]
    J[:, 0, 3:] = -R[:, 2] @ se3.skew(upright.tip)
    J[:, 1:, 3:] = -R[:, :2] @ se3.skew([0.0, 0.0, 1.0])
    height = poses[:, 2, 3] + R[:, 2] @ upright.tip - upright.height_m
    residual = np.column_stack([height, R[:, :2, 2]])
    sigma = np.array([upright.height_sigma_m, upright.tilt_sigma_rad, upright.tilt_sigma_rad])
    J, residual = J / sigma[:, None], residual / sigma
    index = np.arange(len(poses))
    H[index, :, index, :] += np.swapaxes(J, 1, 2) @ J
    g += np.einsum("nij,ni->nj", J, residual)
