"""Tool paths that a planner must refuse, each with the right reasons and the waypoints where they lie."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import load_arms, transform_base_to_table
from dreamitate_core.camera import load_rig
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import Status
from dreamitate_exec.chain import Chain
from dreamitate_exec.inverse import load_inverse

from .plan_model import Contacts
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
COLUMN_RADIUS_M, HEAD_M = 0.075, 0.09
"""The arms' feet are at most so thick; the brush's head and handle are within HEAD_M of its axis."""
ROOM_M = 0.015
"""Nothing is nearer to what stands than this before the tool reaches what is in its way."""
DRAWS = 200
"""How often a path through something is drawn until one is found that could be followed were nothing there."""
EASY_RAD = 0.08
"""Smallest singular value (see Chain.dexterity) of a path that is surely not refused for being singular."""
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
    """The tool pushed, tip first, into the arm's own foot."""
    centre = np.append(transform_base_to_table(task, robot)[:2, 3], 0.0)

    def poses() -> Array:
        heading, tilt = random.uniform(-np.pi, np.pi), random.uniform(-0.5, 0.6)
        outward = np.array([np.cos(heading) * np.cos(tilt), np.sin(heading) * np.cos(tilt), np.sin(tilt)])
        far = np.linspace(random.uniform(0.26, 0.40), -0.03, POSES)
        tips = centre + [0.0, 0.0, random.uniform(0.09, 0.14)] + far[:, None] * [*outward[:2], 0.0]
        return _pointing(tips, outward, random.uniform(-np.pi, np.pi))

    return _blocked(poses, centre[:2], COLUMN_RADIUS_M, random, task, robot, tool)


def _camera(random: np.random.Generator, seed: int, task: Task, robot: Robot, tool: Tool) -> Asked:
    """The tool pushed, tip first, through the camera on the arm's side."""
    rig = load_rig(task.rig)
    assert rig.transform_reference_to_table is not None
    centre = (rig.transform_reference_to_table @ rig.camera_2.transform_camera_to_reference)[:3, 3]

    def poses() -> Array:
        back = random.standard_normal(3) - [0.0, 0.0, 1.0]
        back /= np.linalg.norm(back)
        tips = centre + np.linspace(0.25, -0.02, POSES)[:, None] * back
        return _pointing(tips, back, random.uniform(-np.pi, np.pi))

    return _blocked(poses, centre, 0.07, random, task, robot, tool)


def _pointing(tips: Array, back: Array, roll: float) -> Array:
    """Return poses (N, 4, 4) of a tool with its tip at tips (N, 3) and its z axis along the unit vector back (3,)."""
    across = np.cross(back, [0.3, -0.5, 0.81])
    across /= np.linalg.norm(across)
    turn = np.stack([across, np.cross(back, across), back], axis=1)
    spun = turn @ se3.exp(np.array([0.0, 0.0, 0.0, 0.0, 0.0, roll]))[:3, :3]
    return se3.make_transform(np.tile(spun, (len(tips), 1, 1)), tips)


def _blocked(
    poses: Callable[[], Array],
    centre: Array,
    radius_m: float,
    random: np.random.Generator,
    task: Task,
    robot: Robot,
    tool: Tool,
) -> Asked:
    """Return a path that the joints could follow, were there not a thing at centre (2,) or (3,), so thick, in its way.

    It must be refused between the first pose whose head may touch it and the first whose tip is surely inside.
    """
    for _ in range(DRAWS):
        truth = poses()
        far = np.linalg.norm(truth[:, : len(centre), 3] - centre, axis=1)
        if _joints_could_follow(truth, int(np.argmax(far < radius_m + HEAD_M)), task, robot, tool):
            break
    settings = {**ANYWHERE, "approach_height_m": 1e-3}  # a way down from high up is not what is asked for here
    first, last = int(np.argmax(far < radius_m + HEAD_M)), int(np.argmax(far < 0.02))
    return ask(truth, random, task, reasons=("collision",), first=max(first - 1, 0), last=last, settings=settings)


def _joints_could_follow(poses: Array, free: int, task: Task, robot: Robot, tool: Tool) -> bool:
    """Say whether any one way of the joints follows poses (N, 4, 4) within the limits and away from singularities.

    At the first so many poses (at least one) it must touch nothing, with room to spare.
    """
    chain, contacts = Chain(robot), _contacts(task.name, robot.name)
    inverse = load_inverse(robot, chain)
    flange = se3.inverse(transform_base_to_table(task, robot)) @ poses @ se3.inverse(tool.transform_tool_to_flange)
    for angle in np.linspace(-3.0, 3.0, 13) if inverse.redundant else (0.0,):
        q = np.unwrap(inverse.solve(flange, np.full(len(poses), angle)), axis=0)
        margin = 0.1
        inside = (q > robot.position_lower + margin) & (q < robot.position_upper - margin)
        calm = (np.abs(np.diff(q, axis=0)) < 0.6).all(axis=(0, 2)) & inside.all(axis=(0, 2))
        for way in np.flatnonzero(calm):
            if chain.dexterity(q[:, way]).min() > EASY_RAD and not contacts.count(q[: max(free, 1), way]):
                return True
    return False


@cache
def _contacts(task_name: str, robot_name: str) -> Contacts:
    task = load_task(task_name)
    return Contacts(task, load_arms(task, robot_name), ROOM_M)


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
