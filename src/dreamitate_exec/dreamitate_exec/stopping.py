"""How an arm comes to rest from any motion, within its deceleration limits."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline

from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot

from .timing import Motion

Array = NDArray[np.float64]

LEAD_S = 0.04
"""How far ahead of where the arm is seen a stop begins: the order has to reach the controller."""
STOP_SHARE = 0.9
"""Share of the acceleration limits that a stop uses: controllers interpolate between its points."""
FINE = 8
"""Steps between two points of a stop when it is worked out."""


def stop_motion(position: ArrayLike, velocity: ArrayLike, robot: Robot) -> Motion:
    """Return the quickest straight stop from a position and velocity (dof,), all joints together.

    The speed falls evenly to zero, so the arm stays on the line that it is on; no joint decelerates by more than its
    acceleration limit. A joint that would run over its position limit stops there, harder than the limit allows.
    """
    position, velocity = np.asarray(position, float), np.asarray(velocity, float)
    duration = float(np.abs(velocity / robot.acceleration_limit).max())
    steps = max(1, int(np.ceil(duration * float(robot.settings["command_rate_hz"]))))
    time = np.linspace(0.0, max(duration, 1e-3), steps + 1)
    deceleration = -velocity / time[-1]
    path = position + velocity * time[:, None] + 0.5 * deceleration * time[:, None] ** 2
    held = np.clip(path, robot.position_lower, robot.position_upper)
    speed = np.where(held == path, velocity + deceleration * time[:, None], 0.0)
    slowing = np.where(held == path, np.broadcast_to(deceleration, path.shape), 0.0)
    return Motion(time, held, speed, slowing, time)


def stop_along(plan: Plan, from_s: float, acceleration_limit: Array, period_s: float) -> Motion:
    """Return the quickest stop that stays on a plan's path, which was checked, from the plan's time `from_s` on.

    The plan's time is slowed down to a standstill as hard as the joints' acceleration limits (dof,) allow. The motion's
    parameter is the plan's time; its own time starts at zero, where the plan is still followed at its full speed.
    """
    path = CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)
    end_s, limit, step_s = float(plan.time_s[-1]), STOP_SHARE * acceleration_limit, period_s / FINE
    at, rate = float(np.clip(from_s, plan.time_s[0], end_s)), 1.0
    table = at + step_s * np.arange(int((end_s - at) / step_s) + 1)
    speeds, pushes, start_s = path(table, 1), path(table, 2), at
    law = []
    while rate > 0.0 and at < end_s:
        row = int((at - start_s) / step_s)
        slowing = min(max(_slowing(speeds[row], pushes[row], rate, limit), -rate / step_s), 0.0)
        law.append((at, rate, slowing))
        at = min(at + (rate + 0.5 * slowing * step_s) * step_s, end_s)
        rate = max(rate + slowing * step_s, 0.0)
    law.append((at, 0.0, 0.0))
    kept = np.unique([*range(0, len(law), FINE), len(law) - 1])
    s, pace, slowed = np.array(law)[kept].T
    first, second = path(s, 1), path(s, 2)
    acceleration = second * pace[:, None] ** 2 + first * slowed[:, None]
    return Motion(step_s * kept, path(s), first * pace[:, None], acceleration, s)


def _slowing(velocity: Array, acceleration: Array, rate: float, limit: Array) -> float:
    """Return the lowest rate of change of the pace at which no joint is over its limit.

    velocity, acceleration: (dof,) of the path at its full pace; its acceleration at the pace is
    acceleration * rate^2 + velocity * change.
    """
    moving = np.abs(velocity) > 1e-9
    if not moving.any():
        return -np.inf
    push, speed, most = acceleration[moving] * rate**2, velocity[moving], limit[moving]
    return float(np.max((-np.sign(speed) * most - push) / speed))
