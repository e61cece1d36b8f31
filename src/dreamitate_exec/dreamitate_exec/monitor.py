"""Whether an arm that carries out a plan is still on it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core.plan import Plan

Array = NDArray[np.float64]

AHEAD_S = 0.5
"""How far ahead of the last match the arm is looked for; it may lag or pause, as speed-scaling controllers do."""
AHEAD_PER_S = 3.0
"""How much further for each second of silence."""


class Monitor:
    """Follows an arm along a plan by where it is, not by the clock, so that a slowed or paused motion is no error."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._index = 0

    @property
    def time_s(self) -> float:
        """The plan's time where the arm was last seen."""
        return float(self._plan.time_s[self._index])

    def deviation_rad(self, position: ArrayLike, elapsed_s: float = 0.0) -> float:
        """Return the largest joint's distance from the planned path near the last match, for a position (dof,).

        elapsed_s: since the last call; after a long silence the arm is looked for further ahead.
        """
        ahead_s = AHEAD_S + AHEAD_PER_S * elapsed_s
        last = int(np.searchsorted(self._plan.time_s, self.time_s + ahead_s, side="right"))
        start = self._plan.position[self._index : last]
        way = np.diff(np.concatenate([start, start[-1:]]), axis=0)
        offset = np.asarray(position, float) - start
        length = np.einsum("ij,ij->i", way, way)
        share = np.clip(np.einsum("ij,ij->i", offset, way) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        off = np.abs(offset - share[:, None] * way).max(axis=1)
        nearest = int(np.argmin(off))
        self._index += nearest
        return float(off[nearest])
