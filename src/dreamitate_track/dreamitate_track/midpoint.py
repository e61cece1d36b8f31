"""The paper's fusion of two views that were tracked alone: midpoint of the centre rays, mean rotation, both gated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.trajectory import Status

Array = NDArray[np.float64]

GAP_M, TURN_RAD = 0.05, 0.8
"""Views that disagree by more are not averaged: the one with the better score is taken, and trusted less."""
SURE, LOST = 0.5, 0.3
"""Scores from which a pose is sure, and below which it is lost."""


@dataclass(frozen=True)
class Fused:
    """poses: (T, 4, 4) transform_tool_to_reference; score: (T,); apart_m, apart_rad: (T,) how the views disagree, NaN
    where only one saw the tool; views: (T,) how many did."""

    poses: Array
    score: Array
    apart_m: Array
    apart_rad: Array
    views: NDArray[np.int64]

    def covariance(self) -> Array:
        """Return (T, 6, 6) of the twist in the tool frame, from how far the views are apart."""
        metres = np.where(np.isnan(self.apart_m), 0.03, 0.004 + 0.5 * np.nan_to_num(self.apart_m))
        angle = np.where(np.isnan(self.apart_rad), 0.2, 0.03 + 0.5 * np.nan_to_num(self.apart_rad))
        spread = np.repeat(np.stack([metres, angle], axis=1) ** 2, 3, axis=1)
        return np.asarray(spread[:, :, None] * np.eye(6))

    def status(self) -> NDArray[np.int64]:
        """Return (T,) of Status."""
        status = np.full(len(self.poses), int(Status.NOT_VISIBLE))
        found = lost = False
        for step in np.flatnonzero(self.views):
            apart = self.apart_m[step] > GAP_M or self.apart_rad[step] > TURN_RAD
            if self.score[step] < LOST or apart:
                status[step], lost = Status.LOST, found
            elif self.views[step] < 2 or self.score[step] < SURE:
                status[step] = Status.PARTIAL
            else:
                status[step] = Status.RECOVERED if lost else Status.OK
                found, lost = True, False
        return status


def midpoint(poses: Array, scores: Array, centre: Array, origins: Array) -> Fused:
    """Return the fused path.

    poses: (2, T, 4, 4) transform_tool_to_reference by each view; scores: (2, T), 0 where a view has none; centre: (3,)
    of the tool, in the tool frame: the rays go through it; origins: (2, 3) of the cameras in the reference frame.
    """
    steps = poses.shape[1]
    fused, score = np.tile(np.eye(4), (steps, 1, 1)), np.zeros(steps)
    fused[:, 2, 3] = 1.0
    apart_m, apart_rad = np.full(steps, np.nan), np.full(steps, np.nan)
    views = (scores > 0).sum(axis=0)
    for step in np.flatnonzero(views):
        one, two = poses[:, step]
        better = poses[int(scores[:, step].argmax()), step]
        score[step], fused[step] = scores[:, step].max(), better
        if views[step] < 2:
            continue
        centres = se3.transform_points(poses[:, step], centre[None])[:, 0]
        middle, apart_m[step] = _between(origins, centres - origins)
        apart_rad[step] = se3.rotation_distance_rad(one, two)
        if apart_m[step] > GAP_M or apart_rad[step] > TURN_RAD:
            score[step] *= 0.5
            continue
        rotation = Rotation.from_matrix(poses[:, step, :3, :3]).mean(scores[:, step]).as_matrix()
        fused[step] = se3.make_transform(rotation, middle - rotation @ centre)
        score[step] = scores[:, step].mean()
    return Fused(fused, score, apart_m, apart_rad, views)


def _between(origins: Array, directions: Array) -> tuple[Array, float]:
    """Return the point (3,) midway where two rays come closest, and their gap there."""
    a, b = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    between, cosine = origins[0] - origins[1], float(a @ b)
    bottom = max(1e-9, 1 - cosine**2)
    s = (cosine * float(b @ between) - float(a @ between)) / bottom
    p = origins[0] + s * a
    q = origins[1] + (float(b @ between) + s * cosine) * b
    return (p + q) / 2, float(np.linalg.norm(p - q))
