"""All frames and both views in one Gauss-Newton system, with a motion prior and the views' disagreement as nuisance.

Unknowns: one twist per frame, and per view a shift of all its pictures (the
generator's systematic disagreement) and how much blur lets its silhouettes grow.
A further shift per frame and view (its random disagreement) is marginalised in each view's own system.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.progress import Progress

from .detect import Eyes
from .lines import view_system
from .pose import multiplied

Array = NDArray[np.float64]
Maps = NDArray[np.float32]


INDEPENDENT = 0.2
"""Neighbouring contour lines err together: so much of their number counts."""


GROWTH_LIMIT_PX = 4.0
LEAST, MOST = 0.2, 2.0
"""How calm or sudden a clip's motion may be learned to be, times the usual."""
HEAVY = 9.0
"""Degrees of freedom of the accelerations' distribution: now and then one is large."""


@dataclass(frozen=True)
class Prior:
    """How tools move and how generated views disagree, as standard deviations.

    acceleration_m, acceleration_rad: change of the step from frame to frame, until the clip says; shift_px: of one
    picture; bias_px: of all pictures across the epipolar lines; growth_px: of one view's silhouettes by blur; in pixels
    at 768 wide.
    """

    acceleration_m: float = 0.006
    acceleration_rad: float = 0.07
    shift_px: float = 0.7
    bias_px: float = 4.0
    growth_px: float = 1.2

    def of_clip(self, acceleration: tuple[float, float]) -> "Prior":
        """Return the prior for a clip in which the tool moves like that (m, rad): the M step of EM."""
        metres, radians = (
            float(np.clip(found, LEAST * usual, MOST * usual))
            for found, usual in zip(acceleration, (Prior.acceleration_m, Prior.acceleration_rad), strict=True)
        )
        return replace(self, acceleration_m=metres, acceleration_rad=radians)


@dataclass(frozen=True)
class Fit:
    """A fitted path.

    poses: (12, 4, 4) body to reference; nuisance: (2, 3) shift and growth of each view's pictures, pixels at 768 wide;
    covariance: (12, 6, 6) of the twist in the body frame; weight: (12, 2) sum of the contour lines' weights;
    acceleration: (m, rad) by which a step differs from the one before, as the pictures tell and leave open.
    """

    poses: Array
    nuisance: Array
    covariance: Array
    weight: Array
    acceleration: tuple[float, float] = (0.0, 0.0)

    @property
    def views_apart_px(self) -> float:
        """How far apart the views show the tool, across the epipolar lines, in pixels at 768 wide."""
        return float(np.linalg.norm(self.nuisance[:, :2], axis=1).sum())


def fit(
    eyes: Eyes,
    maps: Maps,
    start: Fit,
    prior: Prior,
    reach: int,
    step: float,
    sharpness: float,
    iterations: int,
    seen: NDArray[np.bool_],
    progress: Progress,
) -> Fit:
    """Return the path after Gauss-Newton on maps (12, 2, L + 1, h, w); frames whose seen is false follow the prior."""
    poses, nuisance = start.poses.copy(), start.nuisance.copy()
    px = maps.shape[-1] / 768.0
    frames = len(poses)
    size = 6 * frames + 6
    covariance, weight = start.covariance, start.weight
    for iteration in range(iterations):
        progress("fitting the path", iteration / iterations)
        A, b, weight = _lines(eyes, maps, poses, nuisance * px, prior, px, reach, step, sharpness, seen)
        _add_motion(A, b, poses, prior)
        M = np.zeros((size, size - 3))
        M[: size - 6, : size - 6] = np.eye(size - 6)
        M[size - 6 :, size - 6 :] = _nuisances(eyes, poses)
        A, b = M.T @ A @ M, M.T @ b
        small = M[size - 6 :, size - 6 :].T @ nuisance.ravel() * px
        information = 1.0 / (np.array([prior.bias_px, prior.growth_px, prior.growth_px]) * px) ** 2
        A[np.arange(size - 6, size - 3), np.arange(size - 6, size - 3)] += information
        b[size - 6 :] -= information * small
        damped = A.copy()
        damped[np.arange(size - 6), np.arange(size - 6)] += np.tile([1 / 0.1**2] * 3 + [1 / 0.6**2] * 3, frames)
        change = M @ np.linalg.solve(damped, b)
        twists = change[:-6].reshape(frames, 6)
        angle = np.linalg.norm(twists[:, 3:], axis=1, keepdims=True)
        length = np.linalg.norm(twists[:, :3], axis=1, keepdims=True)
        twists *= np.minimum(1.0, np.minimum(0.35 / np.maximum(angle, 1e-9), 0.06 / np.maximum(length, 1e-9)))
        poses = poses @ se3.exp(twists)
        nuisance = nuisance + change[-6:].reshape(2, 3) / px
        nuisance[:, 2] = np.clip(nuisance[:, 2], -GROWTH_LIMIT_PX, GROWTH_LIMIT_PX)
        if np.abs(twists[:, :3]).max() < 5e-5 and np.abs(twists[:, 3:]).max() < 5e-4:
            break
    inverse = np.linalg.inv(A + 1e-6 * np.eye(len(A)))
    acceleration = _expected_acceleration(poses, np.asarray(inverse, float), prior)
    covariance = np.stack([inverse[6 * t : 6 * t + 6, 6 * t : 6 * t + 6] for t in range(frames)])
    return Fit(poses, nuisance, covariance, weight, acceleration)


def _lines(
    eyes: Eyes,
    maps: Maps,
    poses: Array,
    nuisance: Array,
    prior: Prior,
    px: float,
    reach: int,
    step: float,
    sharpness: float,
    seen: NDArray[np.bool_],
) -> tuple[Array, Array, Array]:
    """Return the system (A, b) of all contour lines, and the lines' weights (12, 2)."""
    frames = len(poses)
    size = 6 * frames + 6
    A, b, weight = np.zeros((size, size)), np.zeros(size), np.zeros((frames, 2))
    H, g = np.empty((9, 9)), np.empty(9)
    loose = np.eye(2) / (prior.shift_px * px) ** 2
    for t in np.flatnonzero(seen):
        for view in range(2):
            intrinsics = eyes.intrinsics[view].copy()
            intrinsics[2:] += nuisance[view, :2]
            weight[t, view] = view_system(
                *eyes.body,
                multiplied(eyes.reference_to_cameras[view], poses[t]),
                intrinsics,
                maps[t, view],
                reach,
                step,
                sharpness,
                nuisance[view, 2],
                *eyes.buffers,
                H,
                g,
            )
            if weight[t, view] <= 0:
                continue
            H *= INDEPENDENT
            g *= INDEPENDENT
            gain = H[:, 6:8] @ np.linalg.inv(H[6:8, 6:8] + loose)
            reduced, vector = H - gain @ H[6:8, :], g - gain @ g[6:8]
            index = np.r_[6 * t : 6 * t + 6, 6 * frames + 3 * view : 6 * frames + 3 * view + 3]
            A[np.ix_(index, index)] += reduced
            b[index] += vector
    return A, b, weight


def _nuisances(eyes: Eyes, poses: Array) -> Array:
    """Return (6, 3): how the shift across the epipolar lines and the two views' growths make shifts and growths (2, 3).

    Of a shift of both views' pictures, three parts look like a move of the tool; only the fourth shows as disagreement.
    """
    point = poses[:, :3, 3].mean(axis=0)
    jacobian = np.empty((4, 3))
    for view, (fx, fy, _, _) in enumerate(eyes.intrinsics):
        to_camera = eyes.reference_to_cameras[view]
        x, y, z = to_camera[:3, :3] @ point + to_camera[:3, 3]
        jacobian[2 * view] = fx / z * (to_camera[0, :3] - x / z * to_camera[2, :3])
        jacobian[2 * view + 1] = fy / z * (to_camera[1, :3] - y / z * to_camera[2, :3])
    across = np.linalg.svd(jacobian)[0][:, 3]
    across = across * np.sign(across[np.argmax(np.abs(across[:2]))])
    N = np.zeros((6, 3))
    N[[0, 1, 3, 4], 0] = across
    N[2, 1] = N[5, 2] = 1.0
    return N


def _add_motion(A: Array, b: Array, poses: Array, prior: Prior) -> None:
    """Add the prior: steps from frame to frame change little, in translation and rotation (heavy-tailed)."""
    for kind, (sigma, accelerations) in enumerate(_accelerations(poses, prior)):
        for t, residual in enumerate(accelerations, 1):
            information = 1.0 / sigma**2 / (1.0 + residual @ residual / (HEAVY * sigma**2))
            for i, c in ((t - 1, 1.0), (t, -2.0), (t + 1, 1.0)):
                rows = slice(6 * i + 3 * kind, 6 * i + 3 * kind + 3)
                b[rows] -= information * c * poses[i, :3, :3].T @ residual
                for j, d in ((t - 1, 1.0), (t, -2.0), (t + 1, 1.0)):
                    columns = slice(6 * j + 3 * kind, 6 * j + 3 * kind + 3)
                    A[rows, columns] += information * c * d * poses[i, :3, :3].T @ poses[j, :3, :3]


def _accelerations(poses: Array, prior: Prior) -> tuple[tuple[float, Array], tuple[float, Array]]:
    """Return for translation and rotation the prior's sigma and the steps' changes (10, 3) in the reference frame."""
    steps = np.diff(poses[:, :3, 3], axis=0)
    turns = se3.log(_rotations(poses[1:, :3, :3] @ np.swapaxes(poses[:-1, :3, :3], 1, 2)))[:, 3:]
    return (prior.acceleration_m, np.diff(steps, axis=0)), (prior.acceleration_rad, np.diff(turns, axis=0))


def _expected_acceleration(poses: Array, covariance: Array, prior: Prior) -> tuple[float, float]:
    """Return the scales (m, rad) of accelerations expected under the fit and its covariance: the E step of EM."""
    found = []
    for kind, (sigma, accelerations) in enumerate(_accelerations(poses, prior)):
        squares = np.empty(len(accelerations))
        for t, residual in enumerate(accelerations, 1):
            rows = np.concatenate([np.arange(6 * i + 3 * kind, 6 * i + 3 * kind + 3) for i in (t - 1, t, t + 1)])
            C = np.concatenate([c * poses[i, :3, :3] for i, c in ((t - 1, 1.0), (t, -2.0), (t + 1, 1.0))], axis=1)
            square = residual @ residual
            weight = (HEAVY + 3.0) / (HEAVY + square / sigma**2)
            squares[t - 1] = weight * (square + np.trace(C @ covariance[np.ix_(rows, rows)] @ C.T)) / 3.0
        found.append(float(np.sqrt(squares.mean())))
    return found[0], found[1]


def _rotations(matrices: Array) -> Array:
    return se3.make_transform(matrices, np.zeros(3))
