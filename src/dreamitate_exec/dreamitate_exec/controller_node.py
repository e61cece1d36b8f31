"""The client of the arm's controller: sends one trajectory, watches it, and stops it."""

import threading
from typing import Any

from rclpy.action import ActionClient
from trajectory_msgs.msg import JointTrajectoryPoint

from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_ros.messages import fill_trajectory

CODES = {
    value: name
    for name, value in (
        (name, getattr(FollowJointTrajectory.Result, name))
        for name in (
            "INVALID_GOAL",
            "INVALID_JOINTS",
            "OLD_HEADER_TIMESTAMP",
            "PATH_TOLERANCE_VIOLATED",
            "GOAL_TOLERANCE_VIOLATED",
        )
    )
}


class Controller:
    """One controller's follow_joint_trajectory action. `changed` is notified of whatever comes from it."""

    def __init__(self, node: Any, name: str) -> None:
        self.name = f"{name}/follow_joint_trajectory"
        self.changed = threading.Condition()
        self.answered = False
        self.finished = False
        self.largest_error_rad = 0.0
        self._handle: Any = None
        self._response: Any = None
        self._client: Any = ActionClient(node, FollowJointTrajectory, self.name, callback_group=node.free)

    def wait_for(self, limit_s: float) -> bool:
        """Return whether the controller is there, within the limit."""
        return bool(self._client.wait_for_server(limit_s))

    def send(self, plan: Plan, path_tolerance_rad: float) -> None:
        """Send the trajectory; `answered`, then `finished` tell of it."""
        self.answered, self.finished, self._handle, self._response = False, False, None, None
        self.largest_error_rad = 0.0
        goal = FollowJointTrajectory.Goal()
        fill_trajectory(goal.trajectory, plan, JointTrajectoryPoint)
        goal.path_tolerance = [JointTolerance(name=name, position=path_tolerance_rad) for name in plan.joint_names]
        goal.goal_tolerance = goal.path_tolerance
        self._client.send_goal_async(goal, feedback_callback=self._feedback).add_done_callback(self._answer)

    @property
    def accepted(self) -> bool:
        """Whether the controller took the trajectory."""
        return self._handle is not None and bool(self._handle.accepted)

    def stop(self, limit_s: float) -> bool:
        """Ask for a stop and wait for the end; return whether it came within the limit."""
        with self.changed:
            self.changed.wait_for(lambda: self.answered, limit_s)
            if not self.accepted:
                return self.answered
            self._handle.cancel_goal_async()
            return bool(self.changed.wait_for(lambda: self.finished, limit_s))

    def check(self) -> None:
        """Raise DreamitateError with the controller's code and words where the motion did not go well."""
        result = self._response.result
        if result.error_code != FollowJointTrajectory.Result.SUCCESSFUL:
            name = CODES.get(result.error_code, "unknown")
            raise DreamitateError(f"{self.name} ended with {name} ({result.error_code}): {result.error_string}")

    def _answer(self, future: Any) -> None:
        with self.changed:
            self._handle = future.result()
            self.answered = True
            if self._handle.accepted:
                self._handle.get_result_async().add_done_callback(self._finish)
            self.changed.notify_all()

    def _finish(self, future: Any) -> None:
        with self.changed:
            self._response = future.result()
            self.finished = True
            self.changed.notify_all()

    def _feedback(self, message: Any) -> None:
        errors = [abs(value) for value in message.feedback.error.positions]
        with self.changed:
            self.largest_error_rad = max([self.largest_error_rad, *errors])
            self.changed.notify_all()
