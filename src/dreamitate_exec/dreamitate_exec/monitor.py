"""Whether an arm that carries out a plan is still on it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core.plan import Plan

Array = NDArray[np.float64]

AHEAD_S = 0.5
"""How far ahead of the last match the arm is looked for; it may lag or pause, as speed-scaling controllers do."""
AHEAD_PER_S = 3.0
"""How much further for each second of silence; what was not heard of in it may come after it, faster than it was."""
OUT_OF_STEP_S = 0.25
"""How far two arms may be apart on their way, in the plan's time, as far as joint states tell."""
_EQUAL_RAD = 1e-6
"""Samples as near as this to the arm are all the same to it: where the plan pauses, the last of them counts."""


class Monitor:
    """Follows an arm along a plan by where it is, not by the clock, so that a slowed or paused motion is no error."""

    def __init__(self, plan: Plan, heard_s: float = 0.0) -> None:
        """heard_s: when the arm was last heard of, by the clock that `deviation_rad` is given."""
        self._plan, self._heard_s, self._silence_s = plan, heard_s, 0.0
        self._index = 0

    @property
    def time_s(self) -> float:
        """The plan's time where the arm was last seen."""
        return float(self._plan.time_s[self._index])

    @property
    def reached_s(self) -> float:
        """The plan's time at which the arm came to where it was last seen: where the plan pauses, the pause's begin."""
        position = self._plan.position[: self._index + 1]
        elsewhere = np.flatnonzero(np.abs(position - position[-1]).max(axis=1) > _EQUAL_RAD)
        return float(self._plan.time_s[elsewhere[-1] + 1 if elsewhere.size else 0])

    def deviation_rad(self, position: ArrayLike, heard_s: float = 0.0) -> float:
        """Return the largest joint's distance from the planned path near the last match, for a position (dof,).

        heard_s: when the arm was there, not when it is asked. After a silence, in which one may have asked often, the
        arm is looked for further ahead; and for as long as that again, for what comes first after it may be old.
        """
        passed_s = max(heard_s - self._heard_s, 0.0)
        self._heard_s, self._silence_s = heard_s, max(passed_s, self._silence_s - passed_s)
        ahead_s = AHEAD_S + AHEAD_PER_S * self._silence_s
        off = self._distances(position, self._index, self.time_s + ahead_s)
        self._index += int(np.flatnonzero(off <= off.min() + _EQUAL_RAD)[-1])
        return float(off.min())

    def behind_rad(self, position: ArrayLike, time_s: float, late_s: float) -> float:
        """Return how far a position (dof,) is from where the plan is at a time, or was at most `late_s` before it."""
        first = int(np.searchsorted(self._plan.time_s, time_s - late_s))
        return float(self._distances(position, min(first, len(self._plan.time_s) - 1), time_s).min())

    def _distances(self, position: ArrayLike, first: int, until_s: float) -> Array:
        """Return the largest joint's distance (N,) from the path after each sample, from the first one up to a time."""
        last = max(int(np.searchsorted(self._plan.time_s, until_s, side="right")), first + 1)
        start = self._plan.position[first:last]
        way = np.diff(np.concatenate([start, start[-1:]]), axis=0)
        offset = np.asarray(position, float) - start
        length = np.einsum("ij,ij->i", way, way)
        share = np.clip(np.einsum("ij,ij->i", offset, way) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        return np.asarray(np.abs(offset - share[:, None] * way).max(axis=1))


def behind_each(monitors: Sequence[Monitor], positions: Sequence[Array], heard_s: Sequence[float]) -> list[float]:
    """Return how far each arm is, in rad, from where its plan was in the last `OUT_OF_STEP_S`, as the first arm has it.

    positions: (dof,) rad of each; heard_s: when each was heard of last. An arm that was heard of earlier than the other
    may well be further back.
    """
    ahead_s, newest_s = max(monitor.reached_s for monitor in monitors), max(heard_s)
    return [
        monitor.behind_rad(position, ahead_s, OUT_OF_STEP_S + newest_s - came_s)
        for monitor, position, came_s in zip(monitors, positions, heard_s, strict=True)
    ]
