"""From a tracked tool path to a plan, by the planner of a name."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.registry import Registry
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

from .arms import ArmSetup
from .embedded import EmbeddedPlanner

Planner = Callable[[ToolTrajectory, Task, Robot, Tool, NDArray[np.float64], Progress], Plan]

PLANNERS: Registry[Planner] = Registry("planner")


@PLANNERS.register("embedded")
def _embedded(
    track: ToolTrajectory, task: Task, robot: Robot, tool: Tool, start: NDArray[np.float64], progress: Progress
) -> Plan:
    return EmbeddedPlanner(task, robot, tool).plan(track, start, progress)


def plan(
    track: ToolTrajectory,
    task: Task,
    robot: Robot,
    tool: Tool,
    start_position: ArrayLike,
    planner: str = "embedded",
    progress: Progress = quiet,
) -> Plan:
    """Return the timed motion that takes the tool along its track, from where the arm is, and back home.

    track: in the frame `table`; start_position: (dof,) rad. Raises PlanRefused where no safe motion follows the
    track, and DreamitateError for an unknown planner.
    """
    return PLANNERS.get(planner)(track, task, robot, tool, np.asarray(start_position, float), progress)


def plan_arms(
    tracks: Sequence[ToolTrajectory],
    task: Task,
    arms: Sequence[ArmSetup],
    start_positions: Sequence[ArrayLike],
    planner: str = "embedded",
    progress: Progress = quiet,
) -> list[Plan]:
    (track,), (arm,), (start,) = tracks, arms, start_positions
    return [plan(track, task, arm.robot, arm.tool, start, planner, progress)]
