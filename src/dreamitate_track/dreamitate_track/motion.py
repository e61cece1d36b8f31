"""The motion prior: a tool's steps from frame to frame change little, in translation and rotation (heavy-tailed)."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .prior import Prior

Array = NDArray[np.float64]

STENCIL = (1.0, -2.0, 1.0)
HEAVY = 9.0
"""Degrees of freedom of their distribution: now and then one is large."""


def add_motion(A: Array, b: Array, poses: Array, prior: Prior) -> None:
    """Add the prior to a system whose first unknowns are the twists in the body frame of poses (T, 4, 4)."""
    for kind, (sigma, accelerations) in enumerate(_accelerations(poses, prior)):
        for t, residual in enumerate(accelerations):
            information = 1.0 / sigma**2 / (1.0 + residual @ residual / (HEAVY * sigma**2))
            rows, C = _stencil(poses, t, kind)
            b[rows] -= information * C.T @ residual
            A[np.ix_(rows, rows)] += information * C.T @ C


def expected_accelerations(poses: Array, covariance: Array, prior: Prior) -> dict[str, float]:
    """Return the prior's scales as expected under poses (T, 4, 4) and the covariance of all unknowns: EM's E step."""
    found = []
    for kind, (sigma, accelerations) in enumerate(_accelerations(poses, prior)):
        squares = np.empty(len(accelerations))
        for t, residual in enumerate(accelerations):
            rows, C = _stencil(poses, t, kind)
            square = residual @ residual
            weight = (HEAVY + 3.0) / (HEAVY + square / sigma**2)
            squares[t] = weight * (square + np.trace(C @ covariance[np.ix_(rows, rows)] @ C.T)) / 3.0
        found.append(float(np.sqrt(squares.mean())))
    return {"acceleration_m": found[0], "acceleration_rad": found[1]}


def _accelerations(poses: Array, prior: Prior) -> tuple[tuple[float, Array], tuple[float, Array]]:
    """Return for translation and rotation the prior's sigma and the steps' changes (N, 3) in the reference frame."""
    turned = poses[1:, :3, :3] @ np.swapaxes(poses[:-1, :3, :3], 1, 2)
    turns = se3.log(se3.make_transform(turned, np.zeros(3)))[:, 3:]
    moved = np.diff(poses[:, :3, 3], 2, axis=0)
    return (prior.acceleration_m, moved), (prior.acceleration_rad, np.diff(turns, axis=0))


def _stencil(poses: Array, t: int, kind: int) -> tuple[NDArray[np.int64], Array]:
    """Return the unknowns that the change numbered t depends on, and how (3, unknowns). kind: 0 moves, 1 turns."""
    frames = range(t, t + 3)
    unknowns = np.concatenate([np.arange(6 * i + 3 * kind, 6 * i + 3 * kind + 3) for i in frames])
    return unknowns, np.concatenate([c * poses[i, :3, :3] for i, c in zip(frames, STENCIL, strict=True)], axis=1)
