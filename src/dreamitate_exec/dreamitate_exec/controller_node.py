"""The client of an arm's controller: sends trajectories, hears how they go, and cancels them."""

import threading
from collections.abc import Sequence
from typing import Any

from rclpy.action import ActionClient
from trajectory_msgs.msg import JointTrajectoryPoint

from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from dreamitate_core.plan import Plan
from dreamitate_ros.messages import fill_trajectory, set_header

Result = FollowJointTrajectory.Result
CODES = {
    getattr(Result, name): name
    for name in (
        "INVALID_GOAL",
        "INVALID_JOINTS",
        "OLD_HEADER_TIMESTAMP",
        "PATH_TOLERANCE_VIOLATED",
        "GOAL_TOLERANCE_VIOLATED",
    )
}


class Order:
    """One trajectory that was sent. `changed` is notified of whatever becomes of it."""

    def __init__(self, name: str, changed: threading.Condition) -> None:
        self.answered = False
        self.ended = False
        self.largest_error_rad = 0.0
        self._name, self._changed = name, changed
        self._handle: Any = None
        self._response: Any = None

    @property
    def accepted(self) -> bool:
        """Whether the controller took the trajectory."""
        return self._handle is not None and bool(self._handle.accepted)

    @property
    def runs(self) -> bool:
        """Whether the controller follows it."""
        return self.accepted and not self.ended

    @property
    def problem(self) -> str:
        """What went wrong, in the controller's code and words; empty where all is well so far."""
        if self._response is None:
            return ""
        result = self._response.result
        if result.error_code != Result.SUCCESSFUL:
            name = CODES.get(result.error_code, "unknown")
            return f"{self._name} ended with {name} ({result.error_code}): {result.error_string}"
        succeeded = self._response.status == 4  # action_msgs/GoalStatus.STATUS_SUCCEEDED
        return "" if succeeded else f"{self._name} ended with the status {self._response.status} and no error code."

    def cancel(self) -> None:
        """Ask the controller to stop following it."""
        if self.runs:
            self._handle.cancel_goal_async()

    def take_answer(self, future: Any) -> None:
        """Note whether the controller takes it."""
        with self._changed:
            self._handle = future.result()
            self.answered = True
            if self._handle.accepted:
                self._handle.get_result_async().add_done_callback(self._take_result)
            self._changed.notify_all()

    def take_feedback(self, message: Any) -> None:
        """Note how far the arm is from where the controller wants it."""
        errors = [abs(value) for value in message.feedback.error.positions]
        with self._changed:
            self.largest_error_rad = max([self.largest_error_rad, *errors])

    def _take_result(self, future: Any) -> None:
        with self._changed:
            self._response = future.result()
            self.ended = True
            self._changed.notify_all()


class Controller:
    """One controller's follow_joint_trajectory action. A new trajectory takes the place of the one that runs."""

    def __init__(self, node: Any, name: str, changed: threading.Condition) -> None:
        self.name = f"{name}/follow_joint_trajectory"
        self._changed = changed
        self._client: Any = ActionClient(node, FollowJointTrajectory, self.name, callback_group=node.free)

    def wait_for(self, limit_s: float) -> bool:
        """Return whether the controller is there, within the limit."""
        return bool(self._client.wait_for_server(limit_s))

    def send(self, goal: Any, start_ns: int = 0) -> Order:
        """Send what `fill_goal` made. start_ns: when it starts, 0: at once."""
        set_header(goal.trajectory.header, "", start_ns)
        order = Order(self.name, self._changed)
        sent = self._client.send_goal_async(goal, feedback_callback=order.take_feedback)
        sent.add_done_callback(order.take_answer)
        return order


def fill_goal(plan: Plan, joint_names: Sequence[str], tolerance_rad: float = 0.0, lead_s: float = 0.0) -> Any:
    """Return a plan's joints as a goal, under the controller's names for them.

    lead_s: how long after the trajectory's start its first point is met. tolerance_rad: how far a joint may lag; 0: as
    the controller is configured.
    """
    goal = FollowJointTrajectory.Goal()
    fill_trajectory(goal.trajectory, plan, JointTrajectoryPoint, lead_s)
    goal.trajectory.joint_names = list(joint_names)
    if tolerance_rad:
        goal.path_tolerance = [JointTolerance(name=name, position=tolerance_rad) for name in joint_names]
        goal.goal_tolerance = goal.path_tolerance
    return goal
