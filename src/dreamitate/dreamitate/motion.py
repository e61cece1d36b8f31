"""Carry out a plan in the simulator, without ROS, and keep what was seen and measured on the way."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import Image
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress, quiet

Array = NDArray[np.float64]

STEP_S = 0.02
SETTLE_S = 0.5
"""How long the scene is given to come to rest after the motion, before it is judged."""
LATE_S = 2.0
"""How much longer than planned the motion may take."""
DEPARTED_RAD = 1e-3
FILM_FPS = 5
FILM_SIZE = (576, 336)


@dataclass
class Motion:
    """How the arm moved. time_s: (N,) from the plan's start; position: (N, dof) rad; transform_tool_to_table:
    (N, 4, 4); views: both cameras' pictures at views_fps; problem: why it ended early, empty where it did not."""

    time_s: Array
    position: Array
    transform_tool_to_table: Array
    views: list[tuple[Image, Image]] = field(default_factory=list)
    views_fps: float = FILM_FPS
    problem: str = ""


def move(simulation: Any, plan: Plan, filmed: bool, progress: Progress = quiet) -> Motion:
    """Follow the plan to its end and let the scene come to rest; film it where asked.

    Where `progress` raises, the arm is told to stop first.
    """
    times: list[float] = []
    positions: list[Array] = []
    poses: list[Array] = []
    views: list[tuple[Image, Image]] = []
    start_s = simulation.time_s
    limit_s = plan.duration_s + LATE_S
    problem = ""
    simulation.start(plan.time_s, plan.position, plan.velocity)
    try:
        while True:
            elapsed_s = simulation.time_s - start_s
            times.append(elapsed_s)
            positions.append(np.array(simulation.joint_position, float))
            poses.append(np.array(simulation.transform_tool_to_table, float))
            if filmed and len(views) <= elapsed_s * FILM_FPS:
                views.append((simulation.render(1, *FILM_SIZE), simulation.render(2, *FILM_SIZE)))
            progress("execute", min(elapsed_s / limit_s, 1.0))
            follow = simulation.following
            if follow.state != "running":
                problem = "" if follow.state == "done" else f"The arm stopped on its way: {follow.reason}"
                break
            if elapsed_s > limit_s:
                problem = f"The arm was not at the plan's end {LATE_S:g} s after its time."
                break
            simulation.step(STEP_S)
    except BaseException:
        simulation.stop()
        raise
    if problem:
        simulation.stop()
    simulation.step(SETTLE_S)
    return Motion(np.array(times), np.array(positions), np.array(poses), views, FILM_FPS, problem)


def since_departure(time_s: Array, position: Array) -> tuple[Array, Array]:
    """Return a recording's times and positions from the moment on at which the arm first moves, which is time zero.

    time_s: (N,), position: (N, dof) rad. A recording in which nothing moves is returned from its beginning.
    """
    moved = np.abs(position - position[0]).max(axis=1) > DEPARTED_RAD
    first = max(int(moved.argmax()) - 1, 0)
    return time_s[first:] - time_s[first], position[first:]
