"""How an arm comes to rest from any motion, within its deceleration limits."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core.robot import Robot

from .timing import Motion

Array = NDArray[np.float64]


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
