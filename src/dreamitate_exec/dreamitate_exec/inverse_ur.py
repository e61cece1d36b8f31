"""Closed-form inverse kinematics of arms built like Universal Robots': three parallel axes, then two crossed ones.

Derived from the manufacturer's Denavit-Hartenberg frames; compare K. P. Hawkins, Analytic Inverse Kinematics for the
Universal Robots UR-5/UR-10 Arms, 2013.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .chain import Chain

Array = NDArray[np.float64]

SIGNS = np.array(list(itertools.product((1.0, -1.0), repeat=3)))
"""(8, 3): which side the shoulder, the wrist and the elbow take."""


class UrInverse:
    """Eight branches; nothing is free."""

    branches = 8
    redundant = False

    def __init__(self, chain: Chain) -> None:
        P = chain.placements
        turned = P[0].copy()
        turned[2, 3] = 0.0
        self._transform_base_to_first = se3.inverse(turned)
        self.d1, self.a2, self.a3, self.d4 = P[0][2, 3], P[2][0, 3], P[3][0, 3], P[3][2, 3]
        self.d5, self.d6 = -P[4][1, 3], P[5][1, 3]

    def solve(self, transform_flange_to_base: Array, free: Array, branch: int | None = None) -> Array:
        """Return joint positions (N, 8, 6) in (-pi, pi] of flange poses (N, 4, 4); NaN where a branch cannot reach.

        With a branch, that one alone: (N, 1, 6).
        """
        signs = SIGNS if branch is None else SIGNS[[branch]]
        with np.errstate(invalid="ignore", divide="ignore"):
            q1, q5, q6, x, y, total = self._wrist(transform_flange_to_base, signs)
            cosine = (x**2 + y**2 - self.a2**2 - self.a3**2) / (2 * self.a2 * self.a3)
            q3 = signs[:, 2] * np.arccos(cosine)
            q2 = np.arctan2(y, x) - np.arctan2(self.a3 * np.sin(q3), self.a2 + self.a3 * np.cos(q3))
            q = np.stack([q1, q2, q3, total - q2 - q3, q5, q6], axis=-1)
            q = np.pi - np.mod(np.pi - q, 2 * np.pi)
        return np.where(np.isfinite(q).all(axis=-1, keepdims=True), q, np.nan)

    def reach(self, transform_flange_to_base: Array) -> tuple[Array, float]:
        """Return the distances (N,) in metres that upper arm and forearm must span at least, and what they can.

        A distance is infinite where the wrist would have to be inside the shoulder.
        """
        with np.errstate(invalid="ignore"):
            x, y = self._wrist(transform_flange_to_base, SIGNS)[3:5]
        return np.fmin.reduce(np.hypot(x, y), axis=1, initial=np.inf), abs(self.a2) + abs(self.a3)

    def _wrist(self, transform_flange_to_base: Array, signs: Array) -> tuple[Array, ...]:
        """Return, each (N, B) for signs (B, 3): angles 1, 5, 6, the first wrist joint's x and y in the arm's plane, and
        angles 2 + 3 + 4."""
        T = (self._transform_base_to_first @ transform_flange_to_base)[:, None]
        p6, x6, y6, z6 = T[..., :3, 3], T[..., :3, 0], T[..., :3, 1], T[..., :3, 2]
        p5 = p6 - self.d6 * z6
        q1 = np.arctan2(p5[..., 1], p5[..., 0]) + np.pi / 2
        q1 = q1 + signs[:, 0] * np.arccos(self.d4 / np.hypot(p5[..., 0], p5[..., 1]))
        s1, c1 = np.sin(q1), np.cos(q1)
        q5 = signs[:, 1] * np.arccos(np.clip(z6[..., 0] * s1 - z6[..., 1] * c1, -1.0, 1.0))
        side = np.sign(np.sin(q5))
        q6 = np.arctan2(side * (y6[..., 1] * c1 - y6[..., 0] * s1), side * (x6[..., 0] * s1 - x6[..., 1] * c1))
        s5, c5, s6, c6 = (f(q)[..., None] for q in (q5, q6) for f in (np.sin, np.cos))
        x4 = c5 * (c6 * x6 - s6 * y6) - s5 * z6
        p4 = p5 + self.d5 * (s6 * x6 + c6 * y6)
        total = np.arctan2(x4[..., 2], c1 * x4[..., 0] + s1 * x4[..., 1])
        return q1, q5, q6, c1 * p4[..., 0] + s1 * p4[..., 1], p4[..., 2] - self.d1, total
