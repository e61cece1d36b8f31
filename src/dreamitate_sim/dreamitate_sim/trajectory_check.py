"""Whether a joint trajectory that somebody sends is one that the arm can follow, as ROS's own controllers check it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot

Array = NDArray[np.float64]

START_TOLERANCE_RAD = 0.1
"""How far a trajectory's first point may be from where the arm is."""


class WrongJoints(DreamitateError):  # noqa: N818 - ROS's own name of the code is INVALID_JOINTS
    """A trajectory for other joints than the arm's."""


@dataclass(frozen=True)
class Path:
    """time_s (N,), position and velocity (N, dof) in the arm's own order of joints."""

    time_s: Array
    position: Array
    velocity: Array


def check_path(
    robot: Robot,
    names: Sequence[str],
    time_s: Array,
    position: Array,
    velocity: Array,
    start: Array,
    start_velocity: Array,
) -> Path:
    """Return the path in the arm's order; missing velocities (NaN) come from the positions.

    start, start_velocity: (dof,) where the arm is; a first point in the future is reached from there, as with ROS's
    own controllers.

    Raises WrongJoints, or DreamitateError for everything else that is wrong; both name the joint or the point.
    """
    if sorted(names) != sorted(robot.joint_names):
        raise WrongJoints(
            f"The joints are {', '.join(robot.joint_names)}; the trajectory has {', '.join(names) or 'none'}."
        )
    order = [list(names).index(name) for name in robot.joint_names]
    position, velocity = position[:, order], velocity[:, order]
    if len(time_s) and time_s[0] > 0:
        time_s, position = np.append(0.0, time_s), np.vstack([start, position])
        velocity = np.vstack([start_velocity, velocity])
    if len(time_s) < 2:
        raise DreamitateError(f"A trajectory needs at least 2 points; this one has {len(time_s)}.")
    if not np.isfinite(position).all() or not np.isfinite(time_s).all():
        raise DreamitateError("The trajectory holds numbers that are not finite.")
    if time_s[0] < 0 or (np.diff(time_s) <= 0).any():
        raise DreamitateError(f"Times must increase; they do not after point {int(np.argmin(np.diff(time_s)))}.")
    for index, name in enumerate(robot.joint_names):
        low, high = robot.position_lower[index], robot.position_upper[index]
        beyond = np.flatnonzero((position[:, index] < low) | (position[:, index] > high))
        if beyond.size:
            point = int(beyond[0])
            raise DreamitateError(
                f"Point {point}: {name} is at {position[point, index]:.4f} rad, allowed are {low:.4f}..{high:.4f}."
            )
    off = np.abs(position[0] - start)
    if off.max() > START_TOLERANCE_RAD:
        name = robot.joint_names[int(off.argmax())]
        raise DreamitateError(
            f"The trajectory starts {off.max():.4f} rad from where {name} is; at most {START_TOLERANCE_RAD} is allowed."
        )
    if not np.isfinite(velocity).all():
        velocity = np.gradient(position, time_s, axis=0)
    return Path(time_s, position, velocity)


def worst_joint(error: Array, tolerance: Array, names: Sequence[str]) -> str:
    """Return in words which joint is beyond its tolerance, empty where none is. error, tolerance: (dof,) rad."""
    excess = np.abs(error) - tolerance
    worst = int(excess.argmax())
    if excess[worst] <= 0:
        return ""
    return f"{names[worst]} is off by {abs(error[worst]):.4f} rad, allowed are {tolerance[worst]:.4f}"
