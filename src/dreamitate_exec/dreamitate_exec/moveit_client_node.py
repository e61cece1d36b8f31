"""The executor's end of planner:=moveit: the goal goes on to the MoveIt node as it is, and a plan comes back."""

import threading
from collections.abc import Callable
from typing import Any

from dreamitate_msgs.action import ExecuteTrajectory
from rclpy.action import ActionClient

from dreamitate_core.plan import Plan
from dreamitate_ros.meeting_node import Meeting
from dreamitate_ros.messages import read_plan
from dreamitate_ros.stage_node import Goal, StageError

from .interface import PLAN_WITH_MOVEIT

Result = ExecuteTrajectory.Result

PLANNING_LIMIT_S = 120.0


class MoveItClient:
    """Asks for one plan at a time."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._changed = threading.Condition()
        self._handle: Any = None
        self._response: Any = None
        self._told: tuple[str, float] | None = None
        self._client: Any = ActionClient(node, ExecuteTrajectory, PLAN_WITH_MOVEIT, callback_group=node.free)
        self._meeting = Meeting(node, PLAN_WITH_MOVEIT)

    def plan(self, goal: Goal, progress: Callable[[str, float], None]) -> Plan:
        """Return MoveIt's plan. Raises StageError with MoveIt's refusal, and whatever `progress` raises."""
        wait_s = self._node.value("controller_wait_s")
        if not (self._client.wait_for_server(wait_s) and self._meeting.wait(wait_s)):
            text = f"Nobody serves {PLAN_WITH_MOVEIT} after {wait_s:g} s. Does the MoveIt planner's node run?"
            raise StageError(Result.PLANNING_FAILED, text)
        self._handle, self._response, self._told = None, None, None
        self._client.send_goal_async(goal.request, feedback_callback=self._hear).add_done_callback(self._answer)
        try:
            goal.wait(self._changed, lambda: self._over(progress), PLANNING_LIMIT_S)
        except BaseException:
            if self._handle is not None and self._handle.accepted:
                self._handle.cancel_goal_async()
            raise
        if self._response is None:
            raise StageError(Result.PLANNING_FAILED, f"{PLAN_WITH_MOVEIT} did not take the goal, or gave no answer.")
        result = self._response.result
        if result.error_code != Result.NONE or len(result.plans) != 1:
            goal.so_far["waypoint"] = result.waypoint
            raise StageError(result.error_code or Result.PLANNING_FAILED, result.error_msg or "MoveIt gave no plan.")
        return read_plan(result.plans[0])

    def _over(self, progress: Callable[[str, float], None]) -> bool:
        if self._told is not None:
            progress(*self._told)
        return self._response is not None or (self._handle is not None and not self._handle.accepted)

    def _answer(self, future: Any) -> None:
        with self._changed:
            self._handle = future.result()
            if self._handle.accepted:
                self._handle.get_result_async().add_done_callback(self._finish)
            self._changed.notify_all()

    def _finish(self, future: Any) -> None:
        with self._changed:
            self._response = future.result()
            self._changed.notify_all()

    def _hear(self, message: Any) -> None:
        with self._changed:
            self._told = (f"MoveIt, {message.feedback.stage}", message.feedback.fraction)
            self._changed.notify_all()
