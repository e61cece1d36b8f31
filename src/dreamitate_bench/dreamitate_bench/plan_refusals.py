"""Tool paths that a planner must refuse, each with the right reasons and the waypoints where they lie."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import Status
from dreamitate_exec.chain import Chain
from dreamitate_exec.inverse import load_inverse
from dreamitate_exec.settings import transform_base_to_table

from .plan_paths import POSES, Asked, ask, feasible, upright

Array = NDArray[np.float64]

ANYWHERE: dict[str, Any] = {
    "workspace_lower_m": [-3.0, -3.0, -3.0],
    "workspace_upper_m": [3.0, 3.0, 3.0],
    "tip_height_lower_m": -np.inf,
    "tip_height_upper_m": np.inf,
    "tilt_limit_rad": np.inf,
    "on_limit": "refuse",
}
"""Planning settings that leave the arm and what it may touch as the only limits."""
BESIDE_BASE = ("collision", "out_of_reach", "singular", "joint_limit", "joint_jump")
"""So near its own axis an arm may meet any of these first."""
SURELY_REACHED_M, SURELY_NOT_M = 0.45, 1.2
"""Distances on the table from the base's axis to the tool's tip that both arms reach, and that neither does."""

Make = Callable[[np.random.Generator, int, Task, Robot, Tool], Asked]


def infeasible(seed: int, task: Task, robot: Robot, tool: Tool) -> tuple[str, Asked]:
    """Return the kind and the path of a seed; the kinds take turns."""
    kind = list(KINDS)[seed % len(KINDS)]
    return kind, KINDS[kind](np.random.default_rng([seed, 2]), seed, task, robot, tool)


def _reach(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """Straight out over the table until no arm could follow."""
    tips = _outward(random, task, robot, np.linspace(0.35, 1.35, POSES))
    far = np.linalg.norm(tips - transform_base_to_table(task, robot)[:2, 3], axis=1)
    truth = upright(tips, np.full(POSES, random.uniform(-np.pi, np.pi)), 0.05)
    first, last = int(np.argmax(far > SURELY_REACHED_M)), int(np.argmax(far > SURELY_NOT_M))
    return ask(truth, random, task, reasons=("out_of_reach",), first=first, last=last, settings=ANYWHERE)


def _workspace(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """A good path beside the workspace."""
    good = feasible(seed, task, noise=0.0)
    truth = good.truth.copy()
    truth[:, 0, 3] += random.choice([-1.0, 1.0]) * random.uniform(0.75, 1.5)
    return ask(truth, random, task, reasons=("outside_workspace",), first=0, last=POSES - 1)


def _table(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """A path that dips through the table top in its middle."""
    good = feasible(seed, task, noise=0.0)
    truth = good.truth.copy()
    truth[:, 2, 3] = 0.04 - random.uniform(0.08, 0.15) * np.sin(np.linspace(0.0, np.pi, POSES))
    below = np.flatnonzero(truth[:, 2, 3] < 0.005)
    return ask(truth, random, task, reasons=("collision",), first=below[0] - 1, last=below[-1] + 1, settings=ANYWHERE)


def _arm(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """A path through the foot of the arm."""
    heading = random.uniform(-np.pi, np.pi)
    way = np.linspace(-0.15, 0.15, POSES)[:, None] * [np.cos(heading), np.sin(heading)]
    tips = transform_base_to_table(task, robot)[:2, 3] + way
    truth = upright(tips, np.full(POSES, random.uniform(-np.pi, np.pi)), random.uniform(0.003, 0.06))
    return ask(truth, random, task, reasons=BESIDE_BASE, first=0, last=POSES - 1, settings=ANYWHERE)


def _camera(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """A path that pushes the tool, held upside down, through the camera on the arm's side."""
    rig = load_rig(task.rig)
    assert rig.transform_reference_to_table is not None
    centre = (rig.transform_reference_to_table @ rig.camera_2.transform_camera_to_reference)[:3, 3]
    heading = random.uniform(-np.pi, np.pi)
    tips = centre[:2] + np.linspace(-0.15, 0.15, POSES)[:, None] * [np.cos(heading), np.sin(heading)]
    truth = upright(tips, np.full(POSES, random.uniform(-np.pi, np.pi)), centre[2])
    truth = truth @ se3.exp(np.array([0.0, 0.0, 0.0, np.pi, 0.0, 0.0]))
    return ask(truth, random, task, reasons=BESIDE_BASE, first=0, last=POSES - 1, settings=ANYWHERE)


def _limit(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """The tool on one spot, turning further than the last joint can."""
    spin = random.choice([-1.0, 1.0]) * np.linspace(0.0, random.uniform(15.0, 18.0), POSES)
    tips = np.tile(random.uniform([-0.1, -0.1], [0.1, 0.1]), (POSES, 1))
    truth = upright(tips, spin, 0.003)
    return ask(truth, random, task, reasons=("joint_limit",), first=0, last=POSES - 1)


def _singular(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """Straight out until the arm is stretched: the last pose is half a millimetre inside its reach."""
    yaw = random.uniform(-np.pi, np.pi)
    inverse = load_inverse(robot, Chain(robot))
    table_to_base = se3.inverse(transform_base_to_table(task, robot))
    free = np.linspace(-np.pi, np.pi, 181) if inverse.redundant else np.zeros(1)
    angle = random.uniform(-0.6, 0.6)

    def poses(far: Array) -> Array:
        direction = np.array([np.sin(angle), -np.cos(angle)])
        tips = transform_base_to_table(task, robot)[:2, 3] + far[:, None] * direction
        return upright(tips, np.full(len(far), yaw), 0.05)

    inside, outside = 0.5, 1.3
    while outside - inside > 1e-5:
        middle = 0.5 * (inside + outside)
        flange = table_to_base @ poses(np.array([middle])) @ se3.inverse(tool.transform_tool_to_flange)
        reached = np.isfinite(inverse.solve(np.repeat(flange, len(free), axis=0), free)).any()
        inside, outside = (middle, outside) if reached else (inside, middle)
    truth = poses(np.linspace(inside - 0.3, inside - 0.0005, POSES))
    settings = {**ANYWHERE, "approach_height_m": 1e-4}  # higher up, the last pose would be out of reach
    return ask(truth, random, task, reasons=("singular",), first=POSES - 3, last=POSES - 1, settings=settings)


def _lost(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    good = feasible(seed, task)
    first, length = int(random.integers(0, POSES - 4)), int(random.integers(3, 5))
    good.track.status[first : first + length] = random.choice([Status.LOST, Status.NOT_VISIBLE])
    return replace(good, reasons=("lost_track",), first=first, last=first)


def _score(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    good = feasible(seed, task)
    good.track.score[:] = random.uniform(0.0, 0.1, POSES)
    return replace(good, reasons=("low_score",), first=0, last=POSES - 1)


def _not_finite(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    good = feasible(seed, task)
    at = int(random.integers(POSES))
    array = (good.track.transform_tool_to_frame, good.track.covariance)[int(random.integers(2))]
    array[at, int(random.integers(3)), int(random.integers(4))] = random.choice([np.nan, np.inf])
    return replace(good, reasons=("not_finite",), first=at, last=at)


def _time(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    good = feasible(seed, task)
    at = int(random.integers(1, POSES))
    good.track.time_s[at] = good.track.time_s[at - 1] - random.choice([0.0, 0.01, 1.0])
    return replace(good, reasons=("time_not_increasing",), first=at, last=at)


def _frame(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    good = feasible(seed, task)
    return replace(good, track=replace(good.track, frame="reference"), reasons=("wrong_frame",))


def _jump(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """One pose of the track turned to the opposite side, as trackers do."""
    good = feasible(seed, task)
    at = int(random.integers(POSES))
    poses = good.track.transform_tool_to_frame
    poses[at] = poses[at] @ se3.exp(np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.pi]))
    return replace(good, reasons=("tool_jump",), first=at, last=min(at + 1, POSES - 1))


def _tilt(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """A tool that leans further than a task that holds it upright can mean."""
    good = feasible(seed, task, noise=0.0)
    lean = np.concatenate([np.zeros(4), random.choice([-1.0, 1.0]) * random.uniform(0.9, 1.4, 1), np.zeros(1)])
    truth = good.truth @ se3.exp(lean)
    return ask(truth, random, task, reasons=("tilt",), first=0, last=POSES - 1)


def _outward(random: np.random.Generator, task: Task, robot: Robot, far: Array) -> Array:
    angle = random.uniform(-0.6, 0.6)
    return transform_base_to_table(task, robot)[:2, 3] + far[:, None] * [np.sin(angle), -np.cos(angle)]


KINDS: dict[str, Make] = {
    "out of reach": _reach,
    "outside the workspace": _workspace,
    "through the table": _table,
    "through the arm": _arm,
    "through a camera": _camera,
    "over a joint limit": _limit,
    "singular": _singular,
    "lost": _lost,
    "low score": _score,
    "not finite": _not_finite,
    "time not increasing": _time,
    "wrong frame": _frame,
    "flipped pose": _jump,
    "leaning": _tilt,
}
