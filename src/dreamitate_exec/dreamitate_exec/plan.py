"""From a tracked tool path to a plan, by the planner of a name."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core.arms import ArmSetup, transform_base_to_table
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.registry import Registry
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

from .embedded import EmbeddedPlanner
from .together import PairPlanner

Planner = Callable[[ToolTrajectory, Task, Robot, Tool, NDArray[np.float64], Progress], Plan]

PLANNERS: Registry[Planner] = Registry("planner")


@PLANNERS.register("embedded")
def _embedded(
    track: ToolTrajectory, task: Task, robot: Robot, tool: Tool, start: NDArray[np.float64], progress: Progress
) -> Plan:
    arm = ArmSetup(robot.name, robot, tool, transform_base_to_table(task, robot))
    return EmbeddedPlanner(task, arm).plan(track, start, progress)


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
    """Return one plan per arm; those of two arms have the same times: they start, follow and stop together.

    tracks, start_positions: one per arm, in the order of `arms`. Raises PlanRefused, with the arm's name where there
    are two, and DreamitateError for a planner that is unknown or plans one arm only, or another number of arms.
    """
    if not len(tracks) == len(arms) == len(start_positions) or len(arms) not in (1, 2):
        raise DreamitateError(
            f"One or two arms are planned, each with its track and start; there are {len(arms)} arms, "
            f"{len(tracks)} tracks and {len(start_positions)} starts."
        )
    if len(arms) == 1:
        one = arms[0]
        return [plan(tracks[0], task, one.robot, one.tool, start_positions[0], planner, progress)]
    PLANNERS.get(planner)
    if planner != "embedded":
        raise DreamitateError(f"The planner {planner!r} plans for one arm; two arms in step are planned by 'embedded'.")
    return PairPlanner(task, arms).plan(tracks, start_positions, progress)
