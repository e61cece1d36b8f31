"""Closed-form inverse kinematics of seven-joint arms whose first three axes meet in the shoulder, as the xArm 7's do.

The last joint's angle is the free parameter. Given it, the wrist point (where axes 5 and 6 meet) is known; its
distance to the shoulder gives joint 4, the shoulder's direction seen from the wrist gives 5 and 6, and what is left
of the rotation gives 1, 2 and 3. Derived here from the geometry.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .chain import Chain, turn

Array = NDArray[np.float64]

SIGNS = np.array(list(itertools.product((1.0, -1.0), repeat=3)))
"""(8, 3): which side the elbow, the wrist and the shoulder take."""


class ShoulderInverse:
    """Eight branches for every angle of the last joint."""

    branches = 8
    redundant = True

    def __init__(self, chain: Chain) -> None:
        P = chain.placements
        self._placements = P
        self._transform_flange_to_last = chain.transform_flange_to_last
        self._shoulder = P[0][:3, 3]
        # The shoulder seen from joint 4 before it turns, and the wrist seen from joint 4 after it has turned.
        self._before = (se3.inverse(P[2] @ P[3]))[:2, 3]
        self._after = P[4][:2, 3]

    def solve(self, transform_flange_to_base: Array, free: Array, branch: int | None = None) -> Array:
        """Return joint positions (N, 8, 7) in (-pi, pi] of flange poses (N, 4, 4) with the last joint at free (N,).

        With a branch, that one alone: (N, 1, 7). NaN where a branch cannot reach.
        """
        P, signs = self._placements, SIGNS if branch is None else SIGNS[[branch]]
        last = P[6] @ turn(free) @ self._transform_flange_to_last
        T6 = transform_flange_to_base @ se3.inverse(last)
        to_shoulder = np.einsum("nji,nj->ni", T6[:, :3, :3], self._shoulder - T6[:, :3, 3])[:, None]
        with np.errstate(invalid="ignore"):
            q4 = self._elbow(np.linalg.norm(to_shoulder, axis=-1), signs[:, 0])
            seen = turn(-q4)[..., :2, :2] @ self._before - self._after
            seen = np.concatenate([seen, np.zeros((*seen.shape[:-1], 1))], axis=-1) @ P[4][:3, :3]
            flat = np.hypot(to_shoulder[..., 0], to_shoulder[..., 1])
            bend = np.arcsin(seen[..., 2] / flat)
            bend = np.where(signs[:, 1] > 0, bend, np.pi - bend)
            q6 = bend - np.arctan2(to_shoulder[..., 1], to_shoulder[..., 0])
            turned = np.einsum("ij,nbjk,nbk->nbi", P[5][:3, :3], turn(q6)[..., :3, :3], to_shoulder + 0 * seen)
            q5 = np.arctan2(seen[..., 1], seen[..., 0]) - np.arctan2(turned[..., 1], turned[..., 0])
            upper = P[3] @ turn(q4) @ P[4] @ turn(q5) @ P[5] @ turn(q6)
            R = T6[:, None, :3, :3] @ np.swapaxes(upper[..., :3, :3], -1, -2)
            side = signs[:, 2]
            q1 = np.arctan2(side * R[..., 1, 2], side * R[..., 0, 2])
            s1, c1 = np.sin(q1), np.cos(q1)
            q2 = np.arctan2(c1 * R[..., 0, 2] + s1 * R[..., 1, 2], R[..., 2, 2])
            q3 = np.arctan2(c1 * R[..., 1, 0] - s1 * R[..., 0, 0], c1 * R[..., 1, 1] - s1 * R[..., 0, 1])
            q7 = np.broadcast_to(free[:, None], q1.shape)
            q = np.stack([q1, q2, q3, q4, q5, q6, q7], axis=-1)
            q = np.pi - np.mod(np.pi - q, 2 * np.pi)
        return np.where(np.isfinite(q).all(axis=-1, keepdims=True), q, np.nan)

    def reach(self, transform_flange_to_base: Array) -> tuple[Array, float]:
        """Return the distances (N,) in metres from shoulder to flange, and the longest that the arm spans."""
        hand = np.linalg.norm((self._placements[6] @ self._transform_flange_to_last)[:3, 3])
        longest = np.linalg.norm(self._before) + np.linalg.norm(self._after) + hand
        return np.linalg.norm(transform_flange_to_base[:, :3, 3] - self._shoulder, axis=-1), float(longest)

    def _elbow(self, distance: Array, sign: Array) -> Array:
        """Return joint 4 (N, B) that puts the wrist at distances (N, 1) from the shoulder, to the sides sign (B,)."""
        a, b = np.linalg.norm(self._before), np.linalg.norm(self._after)
        opening = np.arccos((a**2 + b**2 - distance**2) / (2 * a * b))
        rest = np.arctan2(self._before[1], self._before[0]) - np.arctan2(self._after[1], self._after[0])
        return rest + sign * opening
