"""Which arms a task moves: one that stands where `robots` says, or several in step, as its section `arms` says."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import se3
from .errors import DreamitateError, unknown
from .numbers import read_array
from .robot import Robot, load_robot
from .task import Task
from .tool import Tool, load_tool

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ArmSetup:
    """An arm with its tool where it stands; the robot's home is where this arm rests. prefix: what its driver puts
    before the names of its joints."""

    name: str
    robot: Robot
    tool: Tool
    transform_base_to_table: Array
    prefix: str = ""


def load_arms(task: Task, robot: str | None = None) -> list[ArmSetup]:
    """Return the task's arms; robot: another one than the task's own, where the task has one arm.

    Raises DreamitateError for an arm that lacks something, tools that are not the task's, or a name used twice.
    """
    entries = task.settings.get("arms")
    if not entries:
        single, tool = load_robot(robot or task.robot), load_tool(task.tools[0])
        return [ArmSetup(single.name, single, tool, transform_base_to_table(task, single))]
    if robot is not None and robot != task.robot:
        raise DreamitateError(f"Task {task.name!r} has arms of its own; its robot cannot be changed to {robot!r}.")
    arms = [_arm(task, entry) for entry in entries]
    for what in ("name", "prefix"):
        if len({getattr(arm, what) for arm in arms}) != len(arms):
            raise DreamitateError(f"Two arms of task {task.name!r} have the same {what}.")
    if [arm.tool.name for arm in arms] != task.tools:
        raise DreamitateError(
            f"The arms of task {task.name!r} hold {', '.join(arm.tool.name for arm in arms)}; "
            f"its tools are {', '.join(task.tools)}: one per arm, in the same order."
        )
    return arms


def transform_base_to_table(task: Task, robot: Robot) -> Array:
    """Return where the robot stands (4, 4). Raises DreamitateError where the task does not say."""
    placed = task.settings.get("robots") or {}
    if robot.name not in placed:
        raise unknown(f"robot placed on the table of task {task.name!r}", robot.name, placed)
    name = f"transform_base_to_table of {robot.name!r} in task {task.name!r}"
    return se3.check_transform(placed[robot.name]["transform_base_to_table"], name)


def _arm(task: Task, entry: object) -> ArmSetup:
    wanted = {"name", "robot", "tool", "prefix", "transform_base_to_table", "home"}
    if not isinstance(entry, dict) or set(entry) != wanted:
        raise DreamitateError(f"An arm of task {task.name!r} must have {', '.join(sorted(wanted))}; one is {entry}.")
    base = se3.check_transform(
        entry["transform_base_to_table"], f"transform_base_to_table of arm {entry['name']!r} in task {task.name!r}"
    )
    robot, tool = load_robot(str(entry["robot"])), load_tool(str(entry["tool"]))
    home = read_array(entry["home"], robot.home.shape, f"home of arm {entry['name']!r} in task {task.name!r}")
    return ArmSetup(str(entry["name"]), replace(robot, home=home), tool, base, str(entry["prefix"]))
