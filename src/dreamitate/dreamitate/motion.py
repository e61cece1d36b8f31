"""Carry out plans in the simulator, without ROS, and keep what was seen and measured on the way."""

from collections.abc import Sequence
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
    """How an arm moved. time_s: (N,) from the plan's start; position: (N, dof) rad; transform_tool_to_table:
    (N, 4, 4)."""

    time_s: Array
    position: Array
    transform_tool_to_table: Array


@dataclass
class Moved:
    """How all arms moved. views: both cameras' pictures at FILM_FPS; problem: why it ended early, empty where it did
    not."""

    motions: list[Motion]
    views: list[tuple[Image, Image]] = field(default_factory=list)
    problem: str = ""


def move(simulation: Any, plans: Sequence[Plan], filmed: bool, progress: Progress = quiet) -> Moved:
    """Follow the plans, one per arm, to their end and let the scene come to rest; film it where asked.

    Where `progress` raises, or an arm stops on its way, all arms are told to stop first.
    """
    times: list[float] = []
    positions: list[list[Array]] = []
    poses: list[list[Array]] = []
    views: list[tuple[Image, Image]] = []
    start_s = simulation.time_s
    limit_s = plans[0].duration_s + LATE_S
    problem = ""
    for arm, plan in zip(simulation.arms, plans, strict=True):
        arm.start(plan.time_s, plan.position, plan.velocity)
    try:
        while True:
            elapsed_s = simulation.time_s - start_s
            times.append(elapsed_s)
            positions.append([np.array(arm.position, float) for arm in simulation.arms])
            poses.append([np.array(arm.transform_tool_to_table, float) for arm in simulation.arms])
            if filmed and len(views) <= elapsed_s * FILM_FPS:
                views.append((simulation.render(1, *FILM_SIZE), simulation.render(2, *FILM_SIZE)))
            progress("execute", min(elapsed_s / limit_s, 1.0))
            follows = [arm.following for arm in simulation.arms]
            problem = next((f"The arm stopped on its way: {f.reason}" for f in follows if f.state == "aborted"), "")
            if elapsed_s > limit_s:
                problem = problem or f"The arm was not at the plan's end {LATE_S:g} s after its time."
            if problem or all(follow.state == "done" for follow in follows):
                break
            simulation.step(STEP_S)
    except BaseException:
        _stop(simulation)
        raise
    if problem:
        _stop(simulation)
    simulation.step(SETTLE_S)
    each = zip(zip(*positions, strict=True), zip(*poses, strict=True), strict=True)
    return Moved([Motion(np.array(times), np.array(p), np.array(t)) for p, t in each], views, problem)


def _stop(simulation: Any) -> None:
    for arm in simulation.arms:
        arm.stop()


def since_departure(time_s: Array, position: Array) -> tuple[Array, Array]:
    """Return a recording's times and positions from the moment on at which the arm first moves, which is time zero.

    time_s: (N,), position: (N, dof) rad. A recording in which nothing moves is returned from its beginning.
    """
    moved = np.abs(position - position[0]).max(axis=1) > DEPARTED_RAD
    first = max(int(moved.argmax()) - 1, 0)
    return time_s[first:] - time_s[first], position[first:]
