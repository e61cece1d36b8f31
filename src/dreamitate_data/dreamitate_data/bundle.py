"""Joint least squares over all corners of all pictures: reprojection errors in pixels, with exact derivatives.

Poses are a rotation vector and a translation each; scipy's trust region does the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.camera import Camera

Array = NDArray[np.float64]
Errors = tuple[list[Array], Array]
HUBER_PX = 1.0
"""Errors beyond it count linearly, not squared, while pictures may still be bad."""
_ROUNDS = 6
INTRINSICS = 9
"""fx, fy, cx, cy, k1, k2, p1, p2, k3"""


@dataclass(frozen=True)
class Observation:
    """The board's corners (n, 3) in its frame, metres, and their pixels (n, 2), in one view (0 or 1) of one shot."""

    shot: int
    view: int
    points: Array
    pixels: Array


@dataclass(frozen=True)
class RigFit:
    """Both cameras, the boards' poses in the reference frame by shot (4, 4), and what is left.

    residuals: by observation (n, 2), pixels; sigma_m, sigma_rad: one standard deviation of camera 2's place and
    direction, as the errors that are left and the geometry of the shots let expect.
    """

    cameras: tuple[Camera, Camera]
    transform_board_to_reference: dict[int, Array]
    residuals: list[Array]
    sigma_m: float
    sigma_rad: float


@dataclass(frozen=True)
class ArmFit:
    """Where the arm's base is in the reference frame and the board on the flange, (4, 4); the rest as in RigFit."""

    transform_base_to_reference: Array
    transform_board_to_flange: Array
    residuals: list[Array]
    sigma_m: float
    sigma_rad: float


def fit_rig(
    observations: Sequence[Observation],
    cameras: tuple[Camera, Camera],
    boards: dict[int, Array],
    estimate_intrinsics: bool,
    robust: bool,
) -> RigFit:
    """Return the cameras and board poses that fit best; all but `observations` is where the search starts."""
    shots = sorted({entry.shot for entry in observations})
    place = {shot: 6 + 6 * k for k, shot in enumerate(shots)}
    count = 6 + 6 * len(shots)
    stereo = len({entry.view for entry in observations}) == 2
    start = np.concatenate(
        [_vector(cameras[1].transform_camera_to_reference), *(_vector(boards[shot]) for shot in shots)]
    )
    if estimate_intrinsics:
        start = np.concatenate([start, *(_intrinsics(camera) for camera in cameras)])

    def at(x: Array) -> tuple[Camera, Camera]:
        one, two = cameras
        if estimate_intrinsics:
            one, two = (_with_intrinsics(c, x[count + INTRINSICS * v :][:INTRINSICS]) for v, c in enumerate(cameras))
        return one, replace(two, transform_camera_to_reference=_matrix(x[:6]))

    def errors(x: Array) -> Errors:
        now, found, rows = at(x), [], []
        for entry in observations:
            first = place[entry.shot]
            rotated, by_rotation = _turned(x[first : first + 3], entry.points)
            reference = rotated + x[first + 3 : first + 6]
            error, by_point, by_camera = _project(now[entry.view], entry, reference, x[:3] if entry.view else None)
            row = np.zeros((len(entry.points), 2, len(x)))
            row[..., first : first + 3] = by_point @ by_rotation
            row[..., first + 3 : first + 6] = by_point
            if entry.view:
                row[..., :6] = by_camera[..., :6]
            if estimate_intrinsics:
                row[..., count + INTRINSICS * entry.view :][..., :INTRINSICS] = by_camera[..., 6:]
            found.append(error)
            rows.append(row)
        return found, np.concatenate(rows).reshape(-1, len(x))

    x, residuals, covariance = _solve(errors, start, robust, fixed=() if stereo else tuple(range(6)))
    sigma_m, sigma_rad = _sigmas(covariance[:6, :6])
    poses = {shot: _matrix(x[place[shot] :][:6]) for shot in shots}
    return RigFit(at(x), poses, residuals, sigma_m, sigma_rad)


def fit_arm(
    observations: Sequence[Observation],
    cameras: tuple[Camera, Camera],
    transform_flange_to_base: dict[int, Array],
    base: Array,
    board: Array,
    robust: bool,
) -> ArmFit:
    """Return where base and board are; base, board: transform_base_to_reference, _board_to_flange to start from."""
    two = Rotation.from_matrix(cameras[1].transform_camera_to_reference[:3, :3]).as_rotvec()

    def errors(x: Array) -> Errors:
        found, rows = [], []
        for entry in observations:
            flange = transform_flange_to_base[entry.shot]
            on_flange, by_board = _turned(x[6:9], entry.points)
            in_base = se3.transform_points(flange, on_flange + x[9:12])
            rotated, by_base = _turned(x[:3], in_base)
            error, by_point, _ = _project(cameras[entry.view], entry, rotated + x[3:6], two if entry.view else None)
            to_reference = Rotation.from_rotvec(x[:3]).as_matrix() @ flange[:3, :3]
            row = np.concatenate(
                [by_point @ by_base, by_point, by_point @ to_reference @ by_board, by_point @ to_reference], axis=-1
            )
            found.append(error)
            rows.append(row)
        return found, np.concatenate(rows).reshape(-1, 12)

    x, residuals, covariance = _solve(errors, np.concatenate([_vector(base), _vector(board)]), robust)
    sigma_m, sigma_rad = _sigmas(covariance[:6, :6])
    return ArmFit(_matrix(x[:6]), _matrix(x[6:]), residuals, sigma_m, sigma_rad)


def rms(residuals: Sequence[Array]) -> float:
    """Return the root mean square length of residuals (n, 2)."""
    if not residuals:
        return 0.0
    return float(np.sqrt((np.concatenate(residuals) ** 2).sum(axis=1).mean()))


def _project(
    camera: Camera, entry: Observation, reference: Array, rotation: Array | None
) -> tuple[Array, Array, Array]:
    """Return errors (n, 2), and their derivatives by the points in the reference frame (n, 2, 3) and by the camera.

    The camera's are those of its pose (6), where it has one, and of its intrinsics (n, 2, 15).
    """
    T = camera.transform_camera_to_reference
    offset = reference - T[:3, 3]
    local = offset @ T[:3, :3]
    distortion = np.zeros(5)
    distortion[: camera.distortion.size] = camera.distortion[:5]
    pixels, jacobian = cv2.projectPoints(local, np.zeros(3), np.zeros(3), camera.K, distortion)
    jacobian = np.asarray(jacobian, float).reshape(len(local), 2, -1)
    by_local = jacobian[..., 3:6]
    by_camera = np.zeros((len(local), 2, 15))
    by_camera[..., 6:15] = jacobian[..., 6:15]
    if rotation is not None:
        turned = np.einsum("kji,nj->nik", _rotation_derivatives(rotation), offset)
        by_camera[..., :3] = by_local @ turned
        by_camera[..., 3:6] = -by_local @ T[:3, :3].T
    return np.asarray(pixels, float).reshape(-1, 2) - entry.pixels, by_local @ T[:3, :3].T, by_camera


def _solve(
    errors: Callable[[Array], Errors], start: Array, robust: bool, fixed: tuple[int, ...] = ()
) -> tuple[Array, list[Array], Array]:
    """Return the solution, its residuals by observation, and the covariance of all parameters.

    errors: returns the residuals (n, 2) by observation, and their derivatives, one row per number.
    """
    free = np.setdiff1d(np.arange(len(start)), fixed)

    def whole(x: Array) -> Array:
        full = start.copy()
        full[free] = x
        return full

    kept: dict[bytes, Errors] = {}

    def once(x: Array) -> Errors:
        key = x.tobytes()
        if key not in kept:
            kept.clear()
            kept[key] = errors(whole(x))
        return kept[key]

    x, weights = start[free], np.ones(0)
    for _ in range(_ROUNDS if robust else 1):
        weights = np.repeat(_huber(once(x)[0]) if robust else np.ones(len(once(x)[1]) // 2), 2)
        x = least_squares(
            lambda x, w=weights: w * np.concatenate(once(x)[0]).ravel(),
            x,
            lambda x, w=weights: w[:, None] * once(x)[1][:, free],
            x_scale="jac",
            max_nfev=50,
        ).x
    residuals, jacobian = once(x)
    jacobian = jacobian[:, free]
    sum_of_squares = float((np.concatenate(residuals) ** 2).sum())
    variance = sum_of_squares / max(len(jacobian) - len(free), 1)
    covariance = np.zeros((len(start), len(start)))
    covariance[np.ix_(free, free)] = variance * np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
    return whole(x), residuals, covariance


def _huber(residuals: Sequence[Array]) -> Array:
    """Return the roots of the corners' weights (n,) in the next round: errors beyond HUBER_PX count linearly."""
    length = np.linalg.norm(np.concatenate(residuals), axis=1)
    return np.sqrt(HUBER_PX / np.maximum(length, HUBER_PX))


def _sigmas(covariance: Array) -> tuple[float, float]:
    """Return one standard deviation of place [m] and direction [rad] along the worst axis."""
    turn, place = (float(np.sqrt(np.linalg.eigvalsh(covariance[k : k + 3, k : k + 3])[-1])) for k in (0, 3))
    return place, turn


def _turned(rotation: Array, points: Array) -> tuple[Array, Array]:
    """Return points (n, 3) turned by a rotation vector, and the derivatives by it (n, 3, 3)."""
    matrix = Rotation.from_rotvec(rotation).as_matrix()
    return points @ matrix.T, np.einsum("kij,nj->nik", _rotation_derivatives(rotation), points)


def _rotation_derivatives(rotation: Array) -> Array:
    """Return the derivatives of the rotation matrix by its vector: (3, 3, 3), the number of the vector first."""
    _, jacobian = cv2.Rodrigues(np.asarray(rotation, float))
    return np.asarray(jacobian, float).reshape(3, 3, 3)


def _vector(transform: Array) -> Array:
    return np.concatenate([Rotation.from_matrix(transform[:3, :3]).as_rotvec(), transform[:3, 3]])


def _matrix(vector: Array) -> Array:
    return se3.make_transform(Rotation.from_rotvec(vector[:3]).as_matrix(), vector[3:6])


def _intrinsics(camera: Camera) -> Array:
    K, distortion = camera.K, np.zeros(5)
    distortion[: camera.distortion.size] = camera.distortion[:5]
    return np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2], *distortion])


def _with_intrinsics(camera: Camera, values: Array) -> Camera:
    fx, fy, cx, cy, *distortion = values
    return replace(camera, K=np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), distortion=np.array(distortion))
