"""What a joint trajectory controller does between its trajectory and the motors, without ROS and without physics."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline

from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot

Array = NDArray[np.float64]

PATH_TOLERANCE_RAD = 0.2
GOAL_TOLERANCE_RAD = 0.01
GOAL_VELOCITY_RAD_S = 0.02
GOAL_TIME_S = 1.0
"""How long after its last point a trajectory may take to settle there."""
IDLE, RUNNING, DONE, ABORTED = "idle", "running", "done", "aborted"


@dataclass(frozen=True)
class FollowState:
    """state: "idle", "running", "done" or "aborted"; error: (dof,) rad, where the trajectory is minus where the arm is;
    reason: why it was aborted."""

    state: str
    error: Array
    reason: str = ""


@dataclass(frozen=True)
class Setpoint:
    """Where the motors shall be now: (dof,) rad, rad/s, rad/s^2."""

    position: Array
    velocity: Array
    acceleration: Array


class Follower:
    """Follows one trajectory at a time within the arm's velocity limits; stops within its acceleration limits."""

    def __init__(self, robot: Robot, position: Array) -> None:
        self._robot = robot
        self._setpoint = Setpoint(position.copy(), np.zeros(robot.dof), np.zeros(robot.dof))
        self._spline: CubicHermiteSpline | None = None
        self._start_s = 0.0
        self.following = FollowState(IDLE, np.zeros(robot.dof))

    def start(self, now_s: float, time_s: ArrayLike, position: ArrayLike, velocity: ArrayLike) -> None:
        """Follow the trajectory from now on: time_s (N,) from its start, position and velocity (N, dof).

        Raises DreamitateError where the shapes do not fit, times do not increase, or numbers are not finite.
        """
        time, points, speeds = (np.asarray(values, float) for values in (time_s, position, velocity))
        shape = (len(time), self._robot.dof)
        if len(time) < 2 or points.shape != shape or speeds.shape != shape:
            raise DreamitateError(
                f"A trajectory for {self._robot.name} has at least 2 points of {self._robot.dof} joints;"
                f" this one has times {time.shape}, positions {points.shape}, velocities {speeds.shape}."
            )
        if not (np.isfinite(points).all() and np.isfinite(speeds).all() and (np.diff(time) > 0.0).all()):
            raise DreamitateError("A trajectory's numbers must be finite and its times must increase.")
        self._spline, self._start_s = CubicHermiteSpline(time, points, speeds), now_s
        self.following = FollowState(RUNNING, points[0] - self._setpoint.position)

    def stop(self, reason: str = "stopped on request") -> None:
        """Leave the trajectory and come to rest within the acceleration limits."""
        if self.following.state == RUNNING:
            self.following = FollowState(ABORTED, self.following.error, reason)
        self._spline = None

    def update(self, now_s: float, step_s: float, position: Array, velocity: Array) -> Setpoint:
        """Return the setpoint for the next `step_s`, given where the arm is (dof,) and how fast it moves (dof,)."""
        if self._spline is None:
            self._setpoint = self._braking(step_s)
            return self._setpoint
        elapsed = now_s + step_s - self._start_s
        last = float(self._spline.x[-1])
        at = float(np.clip(elapsed, self._spline.x[0], last))
        inside = float(self._spline.x[0]) <= elapsed < last
        wanted = self._spline(at)
        self._setpoint = self._within_limits(wanted, at, inside, step_s)
        self._judge(elapsed, last, wanted - position, velocity)
        return self._setpoint

    def _within_limits(self, wanted: Array, at: float, inside: bool, step_s: float) -> Setpoint:
        """The trajectory's state, or what the velocity limits let the joints reach of it."""
        assert self._spline is not None
        limit = self._robot.velocity_limit
        step = wanted - self._setpoint.position
        if inside and (np.abs(step) <= limit * step_s).all():
            return Setpoint(wanted, np.clip(self._spline(at, 1), -limit, limit), self._spline(at, 2))
        velocity = np.clip(step / step_s, -limit, limit)
        return Setpoint(self._setpoint.position + velocity * step_s, velocity, np.zeros_like(velocity))

    def _braking(self, step_s: float) -> Setpoint:
        before = self._setpoint
        slowing = self._robot.acceleration_limit * step_s
        velocity = np.sign(before.velocity) * np.maximum(np.abs(before.velocity) - slowing, 0.0)
        position = before.position + (before.velocity + velocity) / 2.0 * step_s
        return Setpoint(position, velocity, (velocity - before.velocity) / step_s)

    def _judge(self, elapsed: float, last: float, error: Array, velocity: Array) -> None:
        self.following = FollowState(RUNNING, error)
        worst = int(np.abs(error).argmax())
        where = f"{self._robot.joint_names[worst]} is {abs(error[worst]):.3f} rad off"
        if abs(error[worst]) > PATH_TOLERANCE_RAD:
            self.stop(f"{where} its path at {elapsed:.2f} s; at most {PATH_TOLERANCE_RAD} is allowed.")
        elif elapsed >= last:
            settled = np.abs(error).max() <= GOAL_TOLERANCE_RAD and np.abs(velocity).max() <= GOAL_VELOCITY_RAD_S
            if settled:
                self.following = FollowState(DONE, error)
                self._spline = None
            elif elapsed > last + GOAL_TIME_S:
                self.stop(f"{where} its goal {GOAL_TIME_S} s after its end; at most {GOAL_TOLERANCE_RAD} is allowed.")
