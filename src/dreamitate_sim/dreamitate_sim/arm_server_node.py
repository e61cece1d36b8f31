"""A simulated arm's controller: the action follow_joint_trajectory, with ROS's own error codes."""

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from control_msgs.action import FollowJointTrajectory
from dreamitate_core.errors import DreamitateError
from dreamitate_ros.messages import read_trajectory, stamp_ns
from dreamitate_ros.patient_publisher_node import send_patiently

from .trajectory_check import Path, WrongJoints, check_path, worst_joint

Array = NDArray[np.float64]
Result = FollowJointTrajectory.Result

DEFAULT_TOLERANCE_RAD = 0.2
STOPPED_RAD_S = 0.01
_FEEDBACK_PERIOD_S = 0.05
_STOP_LIMIT_S = 5.0
_STEP_LIMIT_S = 0.5
LATEST_S = 0.5
"""How long after its stamp, at which it begins, a trajectory may come: the arm then catches up within its limits."""


class _Failed(Exception):  # noqa: N818 - carries a code out of the motion
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class ArmServer:
    """The newest goal moves an arm of the table: it takes the place of one that runs, as with ROS's own controllers.

    `table` gives the simulation, its lock and word of its steps; number: of the arm. The arm's prefix stands before the
    names of its controller and of its joints.
    """

    def __init__(self, node: Any, controller: str, table: Any, number: int) -> None:
        setup = table.setups[number]
        self._node, self._table, self._arm = node, table, number
        self._robot = replace(setup.robot, joint_names=[setup.prefix + name for name in setup.robot.joint_names])
        self.idle = threading.Event()
        self.idle.set()
        self._newest: Any = None
        self._server = ActionServer(
            node,
            FollowJointTrajectory,
            f"{setup.prefix}{controller}/follow_joint_trajectory",
            self._execute,
            goal_callback=self._admit,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=node.free,
        )

    def _admit(self, _: Any) -> GoalResponse:
        with self._table.stepped:
            if self._node.stopping.is_set():
                self._node.get_logger().warning("trajectory rejected: the simulator is about to end")
                return GoalResponse.REJECT
            self.idle.clear()
            return GoalResponse.ACCEPT

    def _execute(self, handle: Any) -> Any:
        try:
            path = self._check(handle.request)
            with self._table.stepped:
                self._newest = handle
            self._follow(handle, path)
        except _Replaced:
            handle.abort()
            return Result(error_code=Result.INVALID_GOAL, error_string="A new trajectory took its place.")
        except _Failed as failed:
            if self._newest is handle:
                self._table.stop(self._arm, _STOP_LIMIT_S)
            if handle.is_cancel_requested:
                self._node.get_logger().info("the arm was stopped on request")
                handle.canceled()
            else:
                self._node.last_error = str(failed)
                self._node.get_logger().error(str(failed))
                handle.abort()
            return Result(error_code=failed.code, error_string=str(failed))
        else:
            handle.succeed()
            return Result(error_code=Result.SUCCESSFUL)
        finally:
            with self._table.stepped:
                self._newest = None if self._newest is handle else self._newest
                if self._newest is None:
                    self.idle.set()

    def _check(self, request: Any) -> Path:
        try:
            names, time_s, position, velocity = read_trajectory(request.trajectory)
            return check_path(self._robot, names, time_s, position, velocity, *self._table.joint_state(self._arm))
        except WrongJoints as wrong:
            raise _Failed(Result.INVALID_JOINTS, str(wrong)) from None
        except DreamitateError as wrong:
            raise _Failed(Result.INVALID_GOAL, str(wrong)) from None

    def _beginning(self, request: Any) -> tuple[int, float]:
        """Return the trajectory's stamp, and how many seconds away it is; 0 and 0: it begins at once."""
        stamp = stamp_ns(request.trajectory.header)
        delay_s = (stamp - self._node.now_ns()) / 1e9 if stamp else 0.0
        if delay_s < -LATEST_S:
            said = f"The trajectory came {-delay_s:.2f} s after its beginning; at most {LATEST_S:g} s is allowed."
            raise _Failed(Result.OLD_HEADER_TIMESTAMP, said)
        return stamp, delay_s

    def _follow(self, handle: Any, path: Path) -> None:
        names = self._robot.joint_names
        on_way = _tolerances(handle.request.path_tolerance, names)
        at_end = _tolerances(handle.request.goal_tolerance, names)
        try:
            self._table.start(self._arm, path, *self._beginning(handle.request))
        except DreamitateError as wrong:
            raise _Failed(Result.INVALID_GOAL, str(wrong)) from None
        fed_back_s = -1.0
        with self._table.stepped:
            while True:
                self._table.stepped.wait(_STEP_LIMIT_S)
                if self._newest is not handle:
                    raise _Replaced
                following = self._table.following(self._arm)
                if handle.is_cancel_requested:
                    raise _Failed(Result.SUCCESSFUL, "cancelled")
                if self._node.stopping.is_set():
                    raise _Failed(Result.INVALID_GOAL, self._node.stop_reason)
                if following.state in ("aborted", "idle"):
                    raise _Failed(Result.PATH_TOLERANCE_VIOLATED, following.reason or "The simulation was reset.")
                over = worst_joint(following.error, at_end if following.state == "done" else on_way, names)
                if over:
                    done = following.state == "done"
                    code = Result.GOAL_TOLERANCE_VIOLATED if done else Result.PATH_TOLERANCE_VIOLATED
                    raise _Failed(code, over)
                if following.state == "done":
                    return
                if self._table.time_s() - fed_back_s >= _FEEDBACK_PERIOD_S:
                    fed_back_s = self._table.time_s()
                    feedback = self._feedback(following.error)
                    send_patiently(partial(handle.publish_feedback, feedback), "the controller's feedback")

    def _feedback(self, error: Array) -> FollowJointTrajectory.Feedback:
        feedback = FollowJointTrajectory.Feedback(joint_names=self._robot.joint_names)
        feedback.header.stamp = self._node.get_clock().now().to_msg()
        actual, _ = self._table.joint_state(self._arm)
        feedback.actual.positions = actual.tolist()
        feedback.desired.positions = (actual + error).tolist()
        feedback.error.positions = np.asarray(error).tolist()
        return feedback


class _Replaced(Exception):  # noqa: N818 - carries the end of a goal out of its motion
    """Another trajectory moves the arm now."""


def _tolerances(given: Any, names: list[str]) -> Array:
    """Return (dof,) rad: 0 stands for the default, a negative one for none, as in control_msgs/JointTolerance."""
    tolerance = np.full(len(names), DEFAULT_TOLERANCE_RAD)
    for entry in given:
        if entry.name in names and entry.position:
            tolerance[names.index(entry.name)] = entry.position if entry.position > 0 else np.inf
    return tolerance
