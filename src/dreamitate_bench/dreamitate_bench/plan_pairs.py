"""Random paths of two tools that turn an object between them, and ones of which one tool's must be refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.task import Task
from dreamitate_core.trajectory import Status

from .plan_paths import POSES, Asked, ask

Array = NDArray[np.float64]

MIDDLE_LOWER_M, MIDDLE_UPPER_M = (-0.06, -0.03), (0.06, 0.07)
"""Where the object's middle lies."""
RADIUS_M = (0.020, 0.060)
"""Of the circle on which the tools' pads touch the object."""
TURN_RAD = (np.radians(25.0), np.radians(45.0))
"""Counter-clockwise."""
WIDEST_RAD = np.radians(48.0)
"""How far the line between the tools is turned at most, from the table's x axis: the task's own scenes ask no more."""
HEIGHT_M = (0.012, 0.03)
LEAN_RAD = 0.08
"""The tools lean away from each other, as two hands do."""
APPROACH = 4
"""So many poses before the tools touch the object, on the way to it; in the last one they have let go."""
FROM_M, OPEN_M = 0.05, 0.03
"""How far the tools are from the object at the start, and at the end."""


def feasible_pair(seed: int, task: Task, arms: Sequence[ArmSetup], noise: float = 1.0) -> list[Asked]:
    """Return the left and the right tool's path: to an object from both sides, and around its middle."""
    random = np.random.default_rng([seed, 3])
    left, right = _truth(random)
    return [_ask(truth, random, task, arm, noise) for truth, arm in zip((left, right), arms, strict=True)]


def infeasible_pair(seed: int, task: Task, arms: Sequence[ArmSetup]) -> tuple[str, list[Asked]]:
    """Return the kind, and two paths of which one (the one with reasons) cannot be followed, or both together."""
    random = np.random.default_rng([seed, 4])
    both = feasible_pair(seed, task, arms)
    bad, kind = int(random.integers(2)), list(KINDS)[seed % len(KINDS)]
    at = int(random.integers(1, POSES))
    track = both[bad].track
    poses = track.transform_tool_to_frame
    if kind == "one lost":
        at = int(random.integers(0, POSES - 3))
        track.status[at : at + 3] = Status.LOST
        return kind, _refused(both, bad, "lost_track", at, at)
    if kind == "one not finite":
        poses[at, int(random.integers(3)), 3] = np.nan
        return kind, _refused(both, bad, "not_finite", at, at)
    if kind == "time not increasing":
        track.time_s[at] = track.time_s[at - 1]
        return kind, _refused(both, bad, "time_not_increasing", at, at)
    if kind == "not in step":
        track.time_s[at:] += 0.03
        return kind, _refused(both, bad, "not_in_step", at, POSES - 1)
    if kind == "one out of the workspace":
        poses[:, 0, 3] += (-1.0, 1.0)[bad] * random.uniform(0.45, 0.8)
        return kind, _refused(both, bad, "outside_workspace", 0, POSES - 1)
    if kind == "one through the table":
        poses[at:, 2, 3] -= random.uniform(0.08, 0.12)
        return kind, _refused(both, bad, "outside_workspace", at, POSES - 1)
    if kind == "through each other":
        half = poses.copy()
        other = both[1 - bad].track.transform_tool_to_frame
        share = np.clip(np.linspace(-0.3, 1.6, POSES), 0.0, 1.0)[:, None]
        poses[:, :3, 3] = (1 - share) * half[:1, :3, 3] + share * other[POSES // 2, :3, 3]
        other[:] = other[POSES // 2]
        met = int(np.argmax(np.linalg.norm(poses[:, :3, 3] - other[:, :3, 3], axis=1) < 0.02))
        return kind, _refused(both, bad, "arms_collide", 0, met)
    spin = se3.exp(np.array([0.0, 0.0, 0.0, 1.2, 0.0, 0.0]))  # leaning
    poses[:] = poses @ spin
    return kind, _refused(both, bad, "tilt", 0, POSES - 1)


KINDS = (
    "one lost",
    "one not finite",
    "time not increasing",
    "not in step",
    "one out of the workspace",
    "one through the table",
    "through each other",
    "one leaning",
)


def _refused(both: list[Asked], bad: int, reason: str, first: int, last: int) -> list[Asked]:
    both[bad] = replace(both[bad], reasons=(reason,), first=first, last=last)
    return both


def _truth(random: np.random.Generator) -> tuple[Array, Array]:
    """Return the poses (POSES, 4, 4) of both tools."""
    middle = random.uniform(MIDDLE_LOWER_M, MIDDLE_UPPER_M)
    radius, turn = random.uniform(*RADIUS_M), random.uniform(*TURN_RAD)
    first = random.uniform(-WIDEST_RAD, WIDEST_RAD - turn)
    held = POSES - APPROACH - 1
    angle = first + turn * np.concatenate([np.zeros(APPROACH), np.linspace(0.0, 1.0, held), [1.0]])
    far = radius + np.concatenate([np.linspace(FROM_M, 0.0, APPROACH), np.zeros(held), [OPEN_M]])
    height = random.uniform(*HEIGHT_M)
    tools = []
    for side in (np.pi, 0.0):
        tips = middle + far[:, None] * np.stack([np.cos(angle + side), np.sin(angle + side)], axis=1)
        zero, outward = np.zeros(POSES), angle[POSES // 2] + side
        lean = random.uniform(0.0, LEAN_RAD) * np.array([0.0, 0.0, 0.0, -np.sin(outward), np.cos(outward), 0.0])
        poses = se3.exp(lean) @ se3.exp(np.stack([zero, zero, zero, zero, zero, angle], axis=1))
        poses[:, :2, 3], poses[:, 2, 3] = tips, height
        tools.append(poses)
    return tools[0], tools[1]


def _ask(truth: Array, random: np.random.Generator, task: Task, arm: ArmSetup, noise: float) -> Asked:
    asked = ask(truth, random, task, noise)
    return replace(asked, track=replace(asked.track, tool=arm.tool.name))
