"""Where an arm's base and the board on its flange are, without a guess to start from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3

Array = NDArray[np.float64]


def robot_world(flanges: Sequence[Array], boards: Sequence[Array]) -> tuple[Array, Array, float]:
    """Return transform_base_to_reference, transform_board_to_flange (4, 4), and how much larger the board is than said.

    flanges: transform_flange_to_base; boards: transform_board_to_reference, of the same moments, (4, 4) each. For every
    moment flange @ X = Y @ board, with X the board on the flange and Y the reference frame in the base. The rotations
    are the dominant singular vectors of a sum of Kronecker products (Shah, Solving the Robot-World/Hand-Eye Calibration
    Problem Using the Kronecker Product, 2013); places and the board's scale then follow linearly.
    """
    products = sum(np.kron(board[:3, :3], flange[:3, :3]) for flange, board in zip(flanges, boards, strict=True))
    left, _, right = np.linalg.svd(np.asarray(products))
    X, Y = (vector.reshape(3, 3, order="F") for vector in (right[0], left[:, 0]))
    sign = np.sign(np.linalg.det(X))
    X, Y = _rotation(sign * X), _rotation(sign * Y)
    rows = [np.hstack([f[:3, :3], -np.eye(3), -(Y @ b[:3, 3])[:, None]]) for f, b in zip(flanges, boards, strict=True)]
    solution = np.linalg.lstsq(np.vstack(rows), -np.concatenate([f[:3, 3] for f in flanges]), rcond=None)[0]
    transform_reference_to_base = se3.make_transform(Y, solution[3:6])
    return se3.inverse(transform_reference_to_base), se3.make_transform(X, solution[:3]), float(solution[6])


def rotation_about_two_axes_rad(transforms: Sequence[Array]) -> float:
    """Return how much rotations (4, 4) differ about their second axis; from turns about one axis nothing follows."""
    rotations = Rotation.from_matrix(np.array(transforms)[:, :3, :3])
    vectors = (rotations.mean().inv() * rotations).as_rotvec()
    return float(2.0 * np.linalg.svd(vectors, compute_uv=False)[1] / np.sqrt(len(vectors)))


def fit_points(source: Array, target: Array) -> Array:
    """Return the rigid motion (4, 4) that maps points (n, 3) best onto others (n, 3) (Kabsch)."""
    centre_source, centre_target = source.mean(axis=0), target.mean(axis=0)
    left, _, right = np.linalg.svd((target - centre_target).T @ (source - centre_source))
    rotation = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    return se3.make_transform(rotation, centre_target - rotation @ centre_source)


def _rotation(matrix: Array) -> Array:
    left, _, right = np.linalg.svd(matrix)
    return np.asarray(left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right)
