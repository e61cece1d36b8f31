"""The node that plans through moveit_py, in a process of its own: MoveIt brings libraries that others must not meet."""

import os
from typing import Any

from dreamitate_msgs.action import ExecuteTrajectory
from dreamitate_msgs.msg import Plan as PlanMessage
from geometry_msgs.msg import Pose
from trajectory_msgs.msg import JointTrajectoryPoint

from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_ros.messages import fill_plan, read_track
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import Goal, StageAction, StageError, StageNode

from .codes_node import CODE_OF_REASON
from .interface import MOVEIT, PLAN_WITH_MOVEIT
from .moveit_api_node import load_api, start_moveit, tell_scene
from .moveit_plan import MoveItPlanner
from .refusal import PlanRefused

Result = ExecuteTrajectory.Result


class MoveItPlannerNode(StageNode):
    """Answers a goal of the executor's own kind with a plan, and moves nothing."""

    def __init__(self) -> None:
        super().__init__(MOVEIT)
        self._robot = load_robot(self.value("robot"))
        self._moveit: Any = None
        self._planner: MoveItPlanner | None = None

    def begin(self) -> None:
        """Start MoveIt, then take goals. Raises DreamitateError with the steps where MoveIt is not there."""
        api = load_api(self._robot, os.environ.get("ROS_DISTRO", "rolling"))
        self._moveit = start_moveit(self._robot)
        self._planner = MoveItPlanner(self._moveit, api, self._robot, self.value("free_planning_s"))
        StageAction(self, ExecuteTrajectory, PLAN_WITH_MOVEIT, self._work, Result.PLANNING_FAILED, lambda: "")

    def _work(self, goal: Goal) -> ExecuteTrajectory.Result:
        goal.so_far = {"waypoint": -1, "moved": False}
        request = goal.request
        if request.robot != self._robot.name or len(request.trajectories) != 1:
            text = f"MoveIt plans one path for the {self._robot.name}; the goal has {len(request.trajectories)} for "
            raise StageError(Result.INVALID_GOAL, f"{text}{request.robot!r}.")
        try:
            track = read_track(request.trajectories[0])
            task, tool = load_task(request.task), load_tool(track.tool)
        except DreamitateError as wrong:
            raise StageError(Result.INVALID_GOAL, str(wrong)) from None
        assert self._planner is not None
        tell_scene(self._moveit, task, self._robot, tool)
        try:
            made = self._planner.plan(track, task, tool, goal.progress)
        except PlanRefused as refused:
            goal.so_far["waypoint"] = -1 if refused.waypoint is None else refused.waypoint
            raise StageError(CODE_OF_REASON[refused.reason], str(refused)) from None
        message = PlanMessage()
        fill_plan(message, made, self._robot.name, tool.name, self.now_ns(), Pose, JointTrajectoryPoint)
        return Result(plans=[message], **goal.so_far)


def main() -> None:
    """Run the node."""
    run_node(MoveItPlannerNode)


if __name__ == "__main__":
    main()
