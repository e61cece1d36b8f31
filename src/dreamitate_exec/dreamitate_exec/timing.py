"""Time laws: from joint paths to motions within speed and acceleration limits."""

from dataclasses import dataclass

import numpy as np
import toppra
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from toppra.algorithm import TOPPRA
from toppra.constraint import DiscretizationType, JointAccelerationConstraint, JointVelocityConstraint

from dreamitate_core.robot import Robot

Array = NDArray[np.float64]

LIMIT_SHARE = 0.95
"""Share of the arm's limits that time laws are made for: samples lie between the points where limits are enforced."""
SAMPLE_SHARE = 0.96
"""Share of the arm's limits that every sample keeps to: controllers interpolate between samples."""
RAMPS_S = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
"""How long a tracked motion may take from rest to the clip's speed: what asks least acceleration of the joints is
taken. Longer ramps make the middle quicker than the clip."""
SOFTENED_S = 0.08
"""Over how long a time law's jumps in acceleration are spread."""
FINE = 8
"""Steps between two samples when a time law is softened."""
GRID_POINTS = 120


@dataclass(frozen=True)
class Limits:
    """What joints may do, one arm's or several arms' together. velocity, acceleration: (dof,) rad/s, rad/s^2."""

    velocity: Array
    acceleration: Array
    command_rate_hz: float


def limits_of(*robots: Robot) -> Limits:
    """Return the limits of the arms' joints, one arm after the other, at the quickest arm's command rate."""
    return Limits(
        np.concatenate([robot.velocity_limit for robot in robots]),
        np.concatenate([robot.acceleration_limit for robot in robots]),
        max(float(robot.settings["command_rate_hz"]) for robot in robots),
    )


@dataclass(frozen=True)
class Motion:
    """time_s: (N,) from 0; position, velocity, acceleration: (N, dof); parameter: (N,) of the path it runs along."""

    time_s: Array
    position: Array
    velocity: Array
    acceleration: Array
    parameter: Array

    @property
    def duration_s(self) -> float:
        """From rest to rest."""
        return float(self.time_s[-1])


def rest_to_rest(path: CubicSpline, limits: Limits, speed_share: float, shortest_s: float = 0.0) -> Motion:
    """Return the motion along a path with a minimum-jerk law, as fast as a share of the limits allows.

    Source of the law: T. Flash, N. Hogan, The coordination of arm movements, 1985.
    """
    start, length = path.x[0], path.x[-1] - path.x[0]
    u = np.linspace(0.0, 1.0, 101)
    law = start + length * _minimum_jerk(u), length * _minimum_jerk_rate(u), length * _minimum_jerk_rate_change(u)
    _, velocity, acceleration = _along(path, *law)
    per_speed = np.abs(velocity / (speed_share * LIMIT_SHARE * limits.velocity)).max()
    per_acceleration = np.abs(acceleration / (speed_share * LIMIT_SHARE * limits.acceleration)).max()
    duration = max(shortest_s, per_speed, np.sqrt(per_acceleration))
    time = _samples(duration, limits)
    u = time / duration if duration > 0 else time
    scale = 1.0 / duration if duration > 0 else 0.0
    s = start + length * _minimum_jerk(u)
    rates = length * _minimum_jerk_rate(u) * scale, length * _minimum_jerk_rate_change(u) * scale**2
    return Motion(time, *_along(path, s, *rates), s)


def as_in_clip(path: CubicSpline, limits: Limits) -> Motion | None:
    """Return the motion along a path over the clip's time, with the clip's own time law where the arm can follow it.

    It starts and ends at rest and lasts as long as the clip; where speed or acceleration limits bind, it is slower
    there (reachability analysis: H. Pham, Q.-C. Pham, TOPP-RA, 2018). Its acceleration is continuous. None where the
    limits cannot be met.
    """
    pace, ramp = _gentlest(path, limits)
    solved = _solve(path, limits, pace, ramp)
    if solved is None:
        return None
    time, s, rate, rate_change = _soften(solved, limits)
    return _within_limits(Motion(time, *_along(path, s, rate, rate_change), s), limits)


def _gentlest(path: CubicSpline, limits: Limits) -> tuple[float, float]:
    """Return the pace (clip seconds per second) and its rate of change on the ramps that push the joints least."""
    length = float(path.x[-1] - path.x[0])
    left = length - SOFTENED_S
    share = np.linspace(0.0, 1.0, 201)
    best = (np.inf, 1.0, 1.0)
    for ramp_s in RAMPS_S:
        ramp = max(1.0 / ramp_s, 8.0 / length)
        pace = 0.5 * ramp * (left - np.sqrt(left**2 - 4 * length / ramp))  # so that ramps cost no time altogether
        s = path.x[0] + length * share
        near = np.minimum(s - path.x[0], path.x[-1] - s)
        on_ramp = 2.0 * ramp * near < pace**2
        rate = np.where(on_ramp, np.sqrt(2.0 * ramp * near), pace)
        change = np.where(on_ramp, np.where(share < 0.5, ramp, -ramp), 0.0)
        push = float(np.abs(_along(path, s, rate, change)[2] / limits.acceleration).max())
        best = min(best, (push, pace, ramp))
    return best[1:]


@dataclass(frozen=True)
class _Law:
    """Piecewise constant acceleration along a path: s, rate (K,) at the knots reached at times time_s (K,)."""

    time_s: Array
    s: Array
    rate: Array

    @property
    def duration_s(self) -> float:
        return float(self.time_s[-1])

    def at(self, time_s: Array) -> tuple[Array, Array, Array]:
        """Return s, its rate and its rate of change at times (N,); at rest before the start and after the end."""
        inside = (time_s >= 0.0) & (time_s <= self.time_s[-1])
        time = np.clip(time_s, 0.0, self.time_s[-1])
        k = np.clip(np.searchsorted(self.time_s, time, side="right") - 1, 0, len(self.s) - 2)
        tau = time - self.time_s[k]
        change = (np.diff(self.rate) / np.diff(self.time_s))[k]
        s = self.s[k] + self.rate[k] * tau + 0.5 * change * tau**2
        return s, np.where(inside, self.rate[k] + change * tau, 0.0), np.where(inside, change, 0.0)


def _soften(law: _Law, limits: Limits) -> tuple[Array, Array, Array, Array]:
    """Return times, the path's parameter, its rate and rate of change, averaged over SOFTENED_S: no jumps are left."""
    duration = law.duration_s + SOFTENED_S
    time = _samples(duration, limits)
    fine = np.linspace(0.0, duration, FINE * (len(time) - 1) + 1)
    half = int(np.ceil(0.5 * SOFTENED_S / fine[1]))
    weight = np.hanning(2 * half + 1)
    at = np.arange(-half, len(fine) + half) * fine[1] - 0.5 * SOFTENED_S
    s, rate, change = (np.convolve(x, weight / weight.sum(), mode="valid")[::FINE] for x in law.at(at))
    return time, s, rate, change


def _solve(path: CubicSpline, limits: Limits, pace: float, ramp: float) -> _Law | None:
    """Return toppra's time law for [joints, path parameter]; the parameter's own limits are pace and ramp."""
    both = toppra.SplineInterpolator(path.x, np.column_stack([path(path.x), path.x]))
    speed = np.append(LIMIT_SHARE * limits.velocity, pace)
    push = np.append(LIMIT_SHARE * limits.acceleration, ramp)
    constraints = [
        JointVelocityConstraint(np.column_stack([-speed, speed])),
        JointAccelerationConstraint(np.column_stack([-push, push]), DiscretizationType.Interpolation),
    ]
    grid = np.linspace(path.x[0], path.x[-1], GRID_POINTS)
    rate = TOPPRA(constraints, both, gridpoints=grid).compute_parameterization(0.0, 0.0)[1]
    if rate is None or not np.isfinite(rate).all():
        return None
    mean = 0.5 * (rate[:-1] + rate[1:])
    if mean.min() <= 0.0:
        return None
    return _Law(np.concatenate([[0.0], np.cumsum(np.diff(grid) / mean)]), grid, rate)


def _within_limits(motion: Motion, limits: Limits) -> Motion:
    """Return the motion, stretched in time if a sample is over its share of a limit."""
    speed = np.abs(motion.velocity / (SAMPLE_SHARE * limits.velocity)).max()
    push = np.sqrt(np.abs(motion.acceleration / (SAMPLE_SHARE * limits.acceleration)).max())
    stretch = max(speed, push)
    if stretch <= 1.0:
        return motion
    return Motion(
        motion.time_s * stretch,
        motion.position,
        motion.velocity / stretch,
        motion.acceleration / stretch**2,
        motion.parameter,
    )


def _along(path: CubicSpline, s: Array, rate: Array, rate_change: Array) -> tuple[Array, Array, Array]:
    """Return position, velocity and acceleration (N, dof) at parameters, their rates and changes of rate, each (N,)."""
    first, second = path(s, 1), path(s, 2)
    return path(s), first * rate[:, None], second * rate[:, None] ** 2 + first * rate_change[:, None]


def _samples(duration_s: float, limits: Limits) -> Array:
    steps = max(1, int(np.ceil(duration_s * limits.command_rate_hz - 1e-9)))
    return np.linspace(0.0, duration_s, steps + 1)


def _minimum_jerk(u: Array) -> Array:
    return u**3 * (10 - 15 * u + 6 * u**2)


def _minimum_jerk_rate(u: Array) -> Array:
    return 30 * u**2 * (1 - u) ** 2


def _minimum_jerk_rate_change(u: Array) -> Array:
    return 60 * u * (1 - u) * (1 - 2 * u)
