"""Random tool paths that a planner must follow, and what is asked of it (see plan_refusals for the others)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.task import Task
from dreamitate_core.trajectory import Status, ToolTrajectory

Array = NDArray[np.float64]

POSES = 12
LENGTH_M = 0.30
TURN_RAD = np.radians(80.0)
SCENE_LOWER_M, SCENE_UPPER_M = np.array([-0.26, -0.20]), np.array([0.26, 0.20])
"""Where a task's objects lie on the table, and so where the tool's tip goes."""
NOISE_M, NOISE_RAD = 0.002, np.radians(1.2)
"""Per axis: the size of the region tracker's own errors."""


@dataclass(frozen=True)
class Asked:
    """A track; truth: (N, 4, 4) without the tracker's noise; reasons: the right ones to refuse it, none if feasible.

    first, last: the waypoints between which the reason lies; settings: what of the task's planning section is changed.
    """

    track: ToolTrajectory
    truth: Array
    reasons: tuple[str, ...] = ()
    first: int | None = None
    last: int | None = None
    settings: dict[str, Any] | None = None

    def task(self, task: Task) -> Task:
        """Return the task with the changed settings."""
        planning = {**task.section("planning"), **(self.settings or {})}
        return replace(task, settings={**task.settings, "planning": planning})


def feasible(seed: int, task: Task, noise: float = 1.0) -> Asked:
    """Return a path that the task's own scenes ask for: an arc on the table, the tool facing along it."""
    random = np.random.default_rng([seed, 1])
    turn = random.uniform(-TURN_RAD, TURN_RAD)
    share = _time_law(random.uniform(0.0, 1.0))
    while True:
        start, heading = random.uniform(SCENE_LOWER_M, SCENE_UPPER_M), random.uniform(-np.pi, np.pi)
        tips, yaw = _arc(start, heading, turn, share)
        if np.all((tips >= SCENE_LOWER_M) & (tips <= SCENE_UPPER_M)):
            break
    return ask(upright(tips, yaw - np.pi / 2, 0.003), random, task, noise)


def _time_law(gentleness: float) -> Array:
    """Return shares of the way (POSES,) from steady speed (0) to minimum jerk (1)."""
    u = np.linspace(0.0, 1.0, POSES)
    return (1 - gentleness) * u + gentleness * u**3 * (10 - 15 * u + 6 * u**2)


def _arc(start: Array, heading: float, turn: float, share: Array) -> tuple[Array, Array]:
    """Return tips (N, 2) and headings (N,) on an arc of LENGTH_M that turns by `turn`."""
    fine = np.linspace(0.0, 1.0, 201)
    angle = heading + turn * fine
    way = np.cumsum(np.stack([np.cos(angle), np.sin(angle)], axis=1), axis=0) * LENGTH_M / 200
    way -= way[0]
    tips = start + np.stack([np.interp(share, fine, way[:, axis]) for axis in (0, 1)], axis=1)
    return tips, heading + turn * share


def upright(tips: Array, yaw: Array, height: float | Array) -> Array:
    """Return poses (N, 4, 4) of an upright tool whose frame's origin is at tips (N, 2) and heights, turned by yaw."""
    zero = np.zeros_like(yaw)
    poses = se3.exp(np.stack([zero, zero, zero, zero, zero, yaw], axis=1))
    poses[:, :2, 3], poses[:, 2, 3] = tips, height
    return poses


def ask(truth: Array, random: np.random.Generator, task: Task, noise: float = 0.0, **rest: Any) -> Asked:
    """Return the track of true poses (N, 4, 4) with so many times the tracker's noise; rest: Asked's other fields."""
    sigma = np.array([NOISE_M] * 3 + [NOISE_RAD] * 3)
    measured = truth @ se3.exp(noise * sigma * random.standard_normal((len(truth), 6)))
    number = len(truth)
    track = ToolTrajectory(
        tool=task.tools[0],
        frame="table",
        time_s=np.arange(1, number + 1) / task.fps,
        transform_tool_to_frame=measured,
        covariance=np.tile(np.diag(sigma**2), (number, 1, 1)),
        score=np.ones(number),
        status=np.full(number, int(Status.OK)),
    )
    return Asked(track, truth, **rest)
