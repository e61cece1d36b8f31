"""Random paths of two tools that turn an object between them, and ones of which one tool's must be refused."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.task import Task
from dreamitate_core.trajectory import Status
from dreamitate_sim.grasps import Grasp
from dreamitate_sim.press import WIDEST_RAD, Press, press_motion
from dreamitate_sim.rotation import PLACE_LOWER_M, PLACE_UPPER_M

from .plan_paths import POSES, Asked, ask

Array = NDArray[np.float64]

WIDTH_M = (0.05, 0.12)
"""Of the object between the tools."""
TURN_RAD = (np.radians(25.0), np.radians(45.0))
"""Counter-clockwise."""
LEAN_RAD = 0.08
"""The tools lean away from each other, as two hands do."""
NOT_HELD = {
    "on_limit": "refuse",
    "tip_height_lower_m": -np.inf,
    "tip_height_upper_m": np.inf,
    "tilt_limit_rad": np.inf,
}
"""Planning settings with which a tool's height and tilt are not mended."""


def feasible_pair(seed: int, task: Task, arms: Sequence[ArmSetup], noise: float = 1.0) -> list[Asked]:
    """Return the left and the right tool's path: to an object from both sides, and around its middle."""
    random = np.random.default_rng([seed, 3])
    left, right = _truth(random, task.clip_duration_s)
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
        both = _refused(both, bad, "outside_workspace", at, POSES - 1)
        both[bad] = replace(both[bad], settings=NOT_HELD)
        return kind, both
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


def _truth(random: np.random.Generator, clip_duration_s: float) -> tuple[Array, Array]:
    """Return the poses (POSES, 4, 4) of both tools, which go as the task's demonstrators do, but lean."""
    turn = random.uniform(*TURN_RAD)
    first = random.uniform(-WIDEST_RAD, WIDEST_RAD - turn)
    grasp = Grasp(random.uniform(PLACE_LOWER_M, PLACE_UPPER_M), first, random.uniform(*WIDTH_M))
    motion = press_motion(Press(grasp, turn), clip_duration_s, random)
    frames = np.round(np.linspace(0, len(motion.time_s) - 1, POSES)).astype(int)
    tools = []
    for side, poses in zip((np.pi, 0.0), motion.transform_tool_to_table[:, frames], strict=True):
        outward = first + 0.5 * turn + side
        lean = random.uniform(0.0, LEAN_RAD) * np.array([0.0, 0.0, 0.0, -np.sin(outward), np.cos(outward), 0.0])
        leaning = poses.copy()
        leaning[:, :3, :3] = se3.exp(lean)[:3, :3] @ poses[:, :3, :3]
        tools.append(leaning)
    return tools[0], tools[1]


def _ask(truth: Array, random: np.random.Generator, task: Task, arm: ArmSetup, noise: float) -> Asked:
    asked = ask(truth, random, task, noise)
    return replace(asked, track=replace(asked.track, tool=arm.tool.name))
