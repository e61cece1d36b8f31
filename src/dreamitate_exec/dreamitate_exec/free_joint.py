"""Where a redundant arm's free joint goes along a tool path: the least of all ways over a grid."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP_LIMIT_RAD = 1.0
"""Largest step of a joint between two stations: a larger one is another branch, not a motion."""


def least_effort(
    position: Array, step_s: Array, speed_limit: Array, start: Array, end: Array
) -> tuple[list[int], float]:
    """Return which grid value the free joint takes at each station, and the effort: infinite where there is no way.

    Found by dynamic programming.

    position: (stations, grid, dof) rad of one branch, NaN where it cannot be; step_s: (stations - 1,) between stations;
    speed_limit: (dof,) rad/s; start, end: (dof,) where the arm is before and afterwards. The effort is the squared
    shares of the speed limits, summed over joints and time, and the seconds there and back at these limits.
    """
    able = np.asarray(np.isfinite(position).all(axis=-1))
    cost = np.where(able[0], _seconds(position[0], start, speed_limit), np.inf)
    before: list[NDArray[np.intp]] = []
    for here, there, duration_s in zip(position[:-1], position[1:], step_s, strict=True):
        step = there[None] - here[:, None]
        effort = ((step / speed_limit) ** 2).sum(axis=-1) / duration_s
        possible = np.abs(step).max(axis=-1) <= STEP_LIMIT_RAD  # false for NaN
        total = cost[:, None] + np.where(possible, effort, np.inf)
        before.append(total.argmin(axis=0))
        cost = total.min(axis=0)
    cost = cost + np.where(able[-1], _seconds(position[-1], end, speed_limit), np.inf)
    way = [int(cost.argmin())]
    for came_from in reversed(before):
        way.append(int(came_from[way[-1]]))
    return way[::-1], float(cost.min())


def _seconds(position: Array, other: Array, speed_limit: Array) -> Array:
    """The seconds (grid,) from positions (grid, dof) to another (dof,) at the speed limits."""
    return np.asarray((np.abs(position - other) / speed_limit).max(axis=-1))
