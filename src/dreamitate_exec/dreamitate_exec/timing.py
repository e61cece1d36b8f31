"""Time laws: from joint paths to motions within speed and acceleration limits."""

from dataclasses import dataclass

import numpy as np
import toppra
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from toppra.algorithm import TOPPRA
from toppra.constraint import DiscretizationType, JointAccelerationConstraint, JointVelocityConstraint
from toppra.interpolator import AbstractGeometricPath

from dreamitate_core.robot import Robot

Array = NDArray[np.float64]

LIMIT_SHARE = 0.95
"""Share of the arm's limits that time laws are made for: samples lie between the points where limits are enforced."""
SAMPLE_SHARE = 0.98
"""Share of the arm's limits that every sample keeps to: controllers interpolate between samples."""
RAMP_S = 0.25
"""How long a tracked motion takes from rest to the clip's speed."""
SOFTENED_S = 0.08
"""Over how long a time law's jumps in acceleration are spread."""
FINE = 8
"""Steps between two samples when a time law is softened."""
GRID_POINTS = 120


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


def rest_to_rest(path: CubicSpline, robot: Robot, speed_share: float, shortest_s: float = 0.0) -> Motion:
    """Return the motion along a path with a minimum-jerk law, as fast as a share of the limits allows.

    Source of the law: T. Flash, N. Hogan, The coordination of arm movements, 1985.
    """
    start, length = path.x[0], path.x[-1] - path.x[0]
    u = np.linspace(0.0, 1.0, 101)
    law = start + length * _minimum_jerk(u), length * _minimum_jerk_rate(u), length * _minimum_jerk_rate_change(u)
    _, velocity, acceleration = _along(path, *law)
    per_speed = np.abs(velocity / (speed_share * LIMIT_SHARE * robot.velocity_limit)).max()
    per_acceleration = np.abs(acceleration / (speed_share * LIMIT_SHARE * robot.acceleration_limit)).max()
    duration = max(shortest_s, per_speed, np.sqrt(per_acceleration))
    time = _samples(duration, robot)
    u = time / duration if duration > 0 else time
    scale = 1.0 / duration if duration > 0 else 0.0
    s = start + length * _minimum_jerk(u)
    rates = length * _minimum_jerk_rate(u) * scale, length * _minimum_jerk_rate_change(u) * scale**2
    return Motion(time, *_along(path, s, *rates), s)


def as_in_clip(path: CubicSpline, robot: Robot) -> Motion | None:
    """Return the motion along a path over the clip's time, with the clip's own time law where the arm can follow it.

    It starts and ends at rest and lasts as long as the clip; where speed or acceleration limits bind, it is slower
    there (reachability analysis: H. Pham, Q.-C. Pham, TOPP-RA, 2018). Its acceleration is continuous. None where the
    limits cannot be met.
    """
    length = path.x[-1] - path.x[0]
    ramp, left = max(1.0 / RAMP_S, 8.0 / length), length - SOFTENED_S
    pace = 0.5 * ramp * (left - np.sqrt(left**2 - 4 * length / ramp))  # so that ramps cost no time altogether
    solved = _solve(path, robot, pace, ramp)
    if solved is None:
        return None
    time, s, rate, rate_change = _soften(solved, robot)
    return _within_limits(Motion(time, *_along(path, s, rate, rate_change), s), robot)


def _soften(solved: AbstractGeometricPath, robot: Robot) -> tuple[Array, Array, Array, Array]:
    """Return times, the path's parameter, its rate and rate of change, averaged over SOFTENED_S: no jumps are left."""
    duration = float(solved.duration) + SOFTENED_S
    time = _samples(duration, robot)
    fine = np.linspace(0.0, duration, FINE * (len(time) - 1) + 1)
    half = int(np.ceil(0.5 * SOFTENED_S / fine[1]))
    weight = np.hanning(2 * half + 1)
    at = np.arange(-half, len(fine) + half) * fine[1] - 0.5 * SOFTENED_S
    law = []
    for order in range(3):
        values = solved(np.clip(at, 0.0, solved.duration), order)[:, -1]
        if order == 2:
            values = np.where((at < 0.0) | (at > solved.duration), 0.0, values)
        law.append(np.convolve(values, weight / weight.sum(), mode="valid")[::FINE])
    return time, law[0], law[1], law[2]


def _solve(path: CubicSpline, robot: Robot, pace: float, ramp: float) -> AbstractGeometricPath | None:
    """Return toppra's trajectory of [joints, path parameter]; the parameter's own limits are pace and ramp."""
    both = toppra.SplineInterpolator(path.x, np.column_stack([path(path.x), path.x]))
    speed = np.append(LIMIT_SHARE * robot.velocity_limit, pace)
    push = np.append(LIMIT_SHARE * robot.acceleration_limit, ramp)
    constraints = [
        JointVelocityConstraint(np.column_stack([-speed, speed])),
        JointAccelerationConstraint(np.column_stack([-push, push]), DiscretizationType.Interpolation),
    ]
    grid = np.linspace(path.x[0], path.x[-1], GRID_POINTS)
    return TOPPRA(constraints, both, gridpoints=grid, parametrizer="ParametrizeConstAccel").compute_trajectory(0.0, 0.0)


def _within_limits(motion: Motion, robot: Robot) -> Motion:
    """Return the motion, stretched in time if a sample is over its share of a limit."""
    speed = np.abs(motion.velocity / (SAMPLE_SHARE * robot.velocity_limit)).max()
    push = np.sqrt(np.abs(motion.acceleration / (SAMPLE_SHARE * robot.acceleration_limit)).max())
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


def _samples(duration_s: float, robot: Robot) -> Array:
    steps = max(1, int(np.ceil(duration_s * float(robot.settings["command_rate_hz"]) - 1e-9)))
    return np.linspace(0.0, duration_s, steps + 1)


def _minimum_jerk(u: Array) -> Array:
    return u**3 * (10 - 15 * u + 6 * u**2)


def _minimum_jerk_rate(u: Array) -> Array:
    return 30 * u**2 * (1 - u) ** 2


def _minimum_jerk_rate_change(u: Array) -> Array:
    return 60 * u * (1 - u) * (1 - 2 * u)
