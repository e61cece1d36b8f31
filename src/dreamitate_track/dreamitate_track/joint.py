"""All frames and both views in one Gauss-Newton system, with a motion prior and the views' disagreement as nuisance.

Unknowns: one twist per frame, and per view a shift of all its pictures (the
generator's systematic disagreement) and how much blur lets its silhouettes grow.
A further shift and shear per frame and view (its random disagreement, and what is left of elastic warps) is
marginalised in each view's own system.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.progress import Progress

from .detect import Eyes
from .lines import GROWTH, NO_BARE, NO_IMAGE, SHEAR, SHIFT, TWIST, UNKNOWNS, view_system
from .motion import add_motion, expected_accelerations
from .pose import multiplied
from .prior import USUAL, Prior
from .scene import Level

Array = NDArray[np.float64]
Maps = NDArray[np.float32]


INDEPENDENT = 0.2
"""Neighbouring contour lines err together: so much of their number counts."""


GROWTH_LIMIT_PX = 4.0


@dataclass(frozen=True)
class Fit:
    """A fitted path.

    poses: (12, 4, 4) body to reference; nuisance: (2, 3) shift and growth of each view's pictures, pixels at 768 wide;
    covariance: (12, 6, 6) of the twist in the body frame; weight: (12, 2) sum of the contour lines' weights;
    prior: as corrected by what the path and its uncertainty show.
    """

    poses: Array
    nuisance: Array
    covariance: Array
    weight: Array
    prior: Prior = USUAL

    @property
    def views_apart_px(self) -> float:
        """How far apart the views show the tool, across the epipolar lines, in pixels at 768 wide."""
        return float(np.linalg.norm(self.nuisance[:, :2], axis=1).sum())


class Picture(NamedTuple):
    """The system of one picture's contour lines. H: (13, 13), g: (13,) as `view_system` says; unknowns: (9,) where its
    twist, systematic shift and growth stand among all."""

    H: Array
    g: Array
    unknowns: NDArray[np.int64]


class Error(NamedTuple):
    """The random error of one picture: shift and shear (6,), in pixels of the level.

    mean: (6,) and spread: (6, 6) covariance, both for a known path; gain: (9, 6) by how much it falls as the picture's
    unknowns grow.
    """

    mean: Array
    spread: Array
    gain: Array
    unknowns: NDArray[np.int64]


def fit(
    eyes: Eyes,
    maps: Maps,
    level: Level | None,
    start: Fit,
    prior: Prior,
    reach: int,
    step: float,
    sharpness: float,
    iterations: int,
    seen: NDArray[np.bool_],
    progress: Progress,
    learning_rounds: int = 0,
) -> Fit:
    """Return the path after Gauss-Newton on maps (12, 2, L + 1, h, w), and on the level's pictures once it is near.

    Frames whose seen is false follow the prior, which is corrected in so many rounds of EM at each iteration.
    """
    poses, nuisance = start.poses.copy(), start.nuisance.copy()
    px = maps.shape[-1] / 768.0
    frames = len(poses)
    weight = start.weight
    for iteration in range(iterations):
        progress("fitting the path", iteration / iterations)
        pictures, weight = _pictures(eyes, maps, poses, nuisance * px, level, reach, step, sharpness, seen)
        nuisances = _nuisances(eyes, poses)
        change, covariance, errors = _solved(pictures, poses, nuisance * px, nuisances, prior, px)
        for _ in range(learning_rounds):
            moved = poses @ se3.exp(change[:-6].reshape(frames, 6))
            found = expected_accelerations(moved, covariance, prior) | _expected_errors(errors, change, covariance, px)
            prior = prior.corrected(found)
            change, covariance, errors = _solved(pictures, poses, nuisance * px, nuisances, prior, px)
        twists = change[:-6].reshape(frames, 6)
        angle = np.linalg.norm(twists[:, 3:], axis=1, keepdims=True)
        length = np.linalg.norm(twists[:, :3], axis=1, keepdims=True)
        twists *= np.minimum(1.0, np.minimum(0.35 / np.maximum(angle, 1e-9), 0.06 / np.maximum(length, 1e-9)))
        poses = poses @ se3.exp(twists)
        nuisance = nuisance + change[-6:].reshape(2, 3) / px
        nuisance[:, 2] = np.clip(nuisance[:, 2], -GROWTH_LIMIT_PX, GROWTH_LIMIT_PX)
        if np.abs(twists[:, :3]).max() < 5e-5 and np.abs(twists[:, 3:]).max() < 5e-4:
            break
    blocks = np.stack([covariance[6 * t : 6 * t + 6, 6 * t : 6 * t + 6] for t in range(frames)])
    return Fit(poses, nuisance, blocks, weight, prior)


def _pictures(
    eyes: Eyes,
    maps: Maps,
    poses: Array,
    nuisance: Array,
    level: Level | None,
    reach: int,
    step: float,
    sharpness: float,
    seen: NDArray[np.bool_],
) -> tuple[list[Picture], Array]:
    """Return the systems of the pictures that show contour lines, and the lines' weights (12, 2)."""
    frames = len(poses)
    weight, pictures = np.zeros((frames, 2)), []
    for t in np.flatnonzero(seen):
        for view in range(2):
            intrinsics = eyes.intrinsics[view].copy()
            intrinsics[2:] += nuisance[view, :2]
            H, g = np.empty((UNKNOWNS, UNKNOWNS)), np.empty(UNKNOWNS)
            weight[t, view] = view_system(
                *eyes.body,
                multiplied(eyes.reference_to_cameras[view], poses[t]),
                intrinsics,
                maps[t, view],
                NO_IMAGE if level is None else level.images[t, view],
                NO_BARE if level is None else level.bare[view],
                reach,
                step,
                sharpness,
                nuisance[view, 2],
                *eyes.buffers,
                H,
                g,
            )
            if weight[t, view] > 0:
                unknowns = np.r_[6 * t : 6 * t + 6, 6 * frames + 3 * view : 6 * frames + 3 * view + 3]
                pictures.append(Picture(INDEPENDENT * H, INDEPENDENT * g, unknowns))
    return pictures, weight


def _solved(
    pictures: list[Picture], poses: Array, nuisance: Array, nuisances: Array, prior: Prior, px: float
) -> tuple[Array, Array, list[Error]]:
    """Return one Gauss-Newton step of all unknowns (6 * 12 + 6,), their covariance, and the pictures' random errors.

    nuisance: (2, 3) as it is, nuisances: (6, 3) what it may be, in pixels of the level.
    """
    size = 6 * len(poses) + 6
    A, b, errors = np.zeros((size, size)), np.zeros(size), []
    kept, random = np.r_[TWIST, SHIFT, GROWTH], np.r_[SHIFT, SHEAR]
    loose = np.diag([1.0 / (prior.shift_px * px) ** 2] * 2 + [1.0 / (prior.shear_px * px) ** 2] * 4)
    for H, g, unknowns in pictures:
        spread = np.linalg.inv(H[np.ix_(random, random)] + loose)
        gain = H[np.ix_(kept, random)] @ spread
        A[np.ix_(unknowns, unknowns)] += H[np.ix_(kept, kept)] - gain @ H[np.ix_(random, kept)]
        b[unknowns] += g[kept] - gain @ g[random]
        errors.append(Error(spread @ g[random], spread, gain, unknowns))
    add_motion(A, b, poses, prior)
    M = np.eye(size, size - 3)
    M[size - 6 :, size - 6 :] = nuisances
    A, b = M.T @ A @ M, M.T @ b
    information = 1.0 / (np.array([prior.bias_px, prior.growth_px, prior.growth_px]) * px) ** 2
    A[np.arange(size - 6, size - 3), np.arange(size - 6, size - 3)] += information
    b[size - 6 :] -= information * (nuisances.T @ nuisance.ravel())
    damping = np.tile([1 / 0.1**2] * 3 + [1 / 0.6**2] * 3, len(poses))
    change = np.linalg.solve(A + np.diag(np.r_[damping, 0.0, 0.0, 0.0]), b)
    return M @ change, np.asarray(M @ np.linalg.inv(A + 1e-6 * np.eye(len(A))) @ M.T, float), errors


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


def _expected_errors(errors: list[Error], change: Array, covariance: Array, px: float) -> dict[str, float]:
    """Return the scales of random errors expected under a change and covariance of all unknowns: EM's E step."""
    if not errors:
        return {}
    squares = np.array(
        [
            (mean - change[unknowns] @ gain) ** 2
            + np.diag(spread + gain.T @ covariance[np.ix_(unknowns, unknowns)] @ gain)
            for mean, spread, gain, unknowns in errors
        ]
    )
    shift, shear = np.sqrt(squares[:, :2].mean()), np.sqrt(squares[:, 2:].mean())
    return {"shift_px": float(shift) / px, "shear_px": float(shear) / px}
