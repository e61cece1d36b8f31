"""The executor node: from a tracked tool path to a motion of the arm, checked before and watched while it moves."""

import threading
import time
from typing import Any

import numpy as np
from dreamitate_msgs.action import ExecuteTrajectory
from dreamitate_msgs.msg import Plan as PlanMessage
from geometry_msgs.msg import Pose
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_ros.messages import fill_plan, read_track
from dreamitate_ros.stage_node import Goal, ManagedStageNode, StageAction, StageError, run_node

from .arm import ArmState
from .controller_node import Controller
from .interface import INTERFACE
from .markers_node import plan_markers
from .monitor import Monitor
from .plan import plan
from .refusal import PlanRefused, Reason

Result = ExecuteTrajectory.Result

_PLANNED, _APPROVED = 0.3, 0.4
"""The fractions of a goal that are done when the plan is made, and when the motion starts."""
_STOP_LIMIT_S = 3.0
_WATCH_PERIOD_S = 0.05
_CODES = {
    Result.INVALID_GOAL: (Reason.WRONG_FRAME,),
    Result.BAD_TRACK: (
        Reason.TOO_FEW_POSES,
        Reason.NOT_FINITE,
        Reason.TIME_NOT_INCREASING,
        Reason.LOST_TRACK,
        Reason.LOW_SCORE,
        Reason.TOOL_JUMP,
    ),
    Result.OUT_OF_REACH: (Reason.OUT_OF_REACH, Reason.OUTSIDE_WORKSPACE),
    Result.OVER_LIMIT: (Reason.JOINT_LIMIT, Reason.TILT, Reason.TIP_HEIGHT, Reason.TOO_SLOW),
    Result.COLLISION: (Reason.COLLISION, Reason.NO_FREE_PATH),
}
CODE_OF_REASON = {reason.value: code for code, reasons in _CODES.items() for reason in reasons}


class ExecutorNode(ManagedStageNode):
    """Takes goals while it is active; going inactive stops the arm first."""

    def __init__(self) -> None:
        super().__init__(INTERFACE)
        self._robot = load_robot(self.value("robot"))
        self._arm = ArmState(self._robot.joint_names)
        self._stop_pressed = False
        self._answer: bool | None = None
        self._asks = False
        self._changed = threading.Condition()
        self.subscribe(JointState, "joint_states", lambda state: self._arm.take(state.name, state.position))
        self.subscribe(Bool, "emergency_stop", self._take_stop)
        self._plans = self.publisher(PlanMessage, "plan")
        self._markers = self.publisher(MarkerArray, "plan_markers")
        self.create_service(SetBool, "~/approve", self._take_answer, callback_group=self.free)
        self._controller = Controller(self, self.value("controller"))
        self._action = StageAction(
            self, ExecuteTrajectory, "execute_trajectory", self._work, Result.PLANNING_FAILED, self._may_start
        )

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the arm before anything else."""
        self._action.stop("the executor is being deactivated")
        return super().on_deactivate(state)

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Return what is known of the arm."""
        age_s = self._arm.age_s()
        warning = "emergency stop" if self._stop_pressed else ""
        if not warning and (age_s is None or age_s > self.value("max_joint_state_age_s")):
            warning = "no fresh joint states"
        return warning, {
            "last joint state s ago": "never" if age_s is None else f"{age_s:.3f}",
            "largest tracking error rad": f"{self._controller.largest_error_rad:.4f}",
        }

    def _may_start(self) -> str:
        return "emergency stop" if self._stop_pressed else self.may_start()

    def _take_stop(self, message: Bool) -> None:
        with self._controller.changed:
            self._stop_pressed = message.data
            self._controller.changed.notify_all()

    def _take_answer(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        with self._changed:
            response.success = self._asks
            response.message = "" if self._asks else "No plan waits for approval."
            if self._asks:
                self._answer = request.data
            self._changed.notify_all()
        return response

    def _work(self, goal: Goal) -> ExecuteTrajectory.Result:
        goal.so_far = {"waypoint": -1, "moved": False}
        self.wait_until_active(goal)
        track = self._read(goal)
        made = self._plan(goal, track)
        if self.value("approve"):
            self._wait_for_approval(goal)
        self._move(goal, made)
        return Result(**goal.so_far)

    def _read(self, goal: Goal) -> ToolTrajectory:
        """Return the path that the goal asks for."""
        request = goal.request
        if request.robot != self._robot.name:
            raise StageError(
                Result.INVALID_GOAL,
                f"This executor moves the robot {self._robot.name!r}; the goal is for {request.robot!r}.",
            )
        if len(request.trajectories) != 1:
            raise StageError(
                Result.INVALID_GOAL, f"One arm takes one tool's path; the goal has {len(request.trajectories)}."
            )
        try:
            return read_track(request.trajectories[0])
        except DreamitateError as malformed:
            raise StageError(Result.INVALID_GOAL, str(malformed)) from None

    def _plan(self, goal: Goal, track: ToolTrajectory) -> Plan:
        """Plan from where the arm is, and show the plan."""
        goal.progress("waiting for joint states", 0.0)
        goal.wait(self._arm.changed, lambda: self._arm.age_s() is not None, self.value("controller_wait_s"))
        start = self._position()
        task, tool = load_task(goal.request.task), load_tool(track.tool)
        try:
            made = plan(
                track,
                task,
                self._robot,
                tool,
                start,
                self.value("planner"),
                progress=lambda stage, fraction: goal.progress(f"planning: {stage}", _PLANNED * fraction),
            )
        except PlanRefused as refused:
            goal.so_far["waypoint"] = -1 if refused.waypoint is None else refused.waypoint
            raise StageError(CODE_OF_REASON.get(refused.reason, Result.PLANNING_FAILED), str(refused)) from None
        stamp = self.now_ns()
        message = fill_plan(PlanMessage(), made, self._robot.name, tool.name, stamp, Pose, JointTrajectoryPoint)
        goal.so_far["plans"] = [message]
        self._plans.publish(message)
        self._markers.publish(plan_markers(made, track, message.header))
        return made

    def _wait_for_approval(self, goal: Goal) -> None:
        limit_s = self.value("approval_limit_s")
        goal.progress(f"waiting for approval on {self.get_name()}/approve", _PLANNED)
        with self._changed:
            self._answer, self._asks = None, True
        try:
            answered = goal.wait(self._changed, lambda: self._answer is not None, limit_s)
        finally:
            self._asks = False
        if not answered:
            raise StageError(Result.NOT_APPROVED, f"Nobody approved the plan within {limit_s:g} s.")
        if not self._answer:
            raise StageError(Result.NOT_APPROVED, "The plan was refused by a person.")

    def _move(self, goal: Goal, made: Plan) -> None:
        """Send the plan and watch it to its end. Whatever goes wrong, the arm is stopped before this returns."""
        goal.progress("waiting for the controller", _APPROVED)
        if not self._controller.wait_for(self.value("controller_wait_s")):
            raise StageError(
                Result.NO_CONTROLLER, f"There is no action {self._controller.name}. Does the arm's controller run?"
            )
        self._check(goal)
        try:
            self._arm.check_start(
                made.position[0], self.value("start_tolerance_rad"), self.value("max_joint_state_age_s")
            )
        except DreamitateError as moved:
            raise StageError(Result.START_STATE_MOVED, str(moved)) from None
        goal.so_far["moved"] = True
        self._controller.send(made, self.value("path_tolerance_rad"))
        try:
            self._watch(goal, made)
        except BaseException as reason:
            stopped = self._controller.stop(_STOP_LIMIT_S)
            self.get_logger().warning(f"the arm {'was stopped' if stopped else 'DID NOT CONFIRM ITS STOP'}: {reason}")
            raise

    def _watch(self, goal: Goal, made: Plan) -> None:
        controller, monitor = self._controller, Monitor(made)
        tolerance_rad = self.value("path_tolerance_rad")
        looked_s = time.monotonic()
        with controller.changed:
            while not controller.finished:
                self._check(goal)
                now_s = time.monotonic()
                off_rad = monitor.deviation_rad(self._position(), now_s - looked_s)
                looked_s = now_s
                if off_rad > tolerance_rad:
                    raise StageError(
                        Result.OFF_PATH,
                        f"The arm is {off_rad:.3f} rad off its path at {monitor.time_s:.2f} s of the plan; "
                        f"allowed are {tolerance_rad:g} rad.",
                    )
                if controller.answered and not controller.accepted:
                    raise StageError(Result.REJECTED_BY_CONTROLLER, f"{controller.name} rejected the trajectory.")
                share = monitor.time_s / max(made.duration_s, 1e-3)
                goal.progress("moving", _APPROVED + (1.0 - _APPROVED) * share)
                controller.changed.wait(_WATCH_PERIOD_S)
        try:
            controller.check()
        except DreamitateError as aborted:
            raise StageError(Result.ABORTED_BY_CONTROLLER, str(aborted)) from None

    def _check(self, goal: Goal) -> None:
        """Raise for whatever must stop the arm, or keep it from starting."""
        if goal.asked_to_stop:
            raise Cancelled(goal.asked_to_stop)
        if self._stop_pressed:
            raise StageError(Result.EMERGENCY_STOP, "Emergency stop.")
        self._position()

    def _position(self) -> Any:
        try:
            return np.array(self._arm.position(self.value("max_joint_state_age_s")))
        except DreamitateError as unknown:
            raise StageError(Result.NO_JOINT_STATES, str(unknown)) from None


def main() -> None:
    """Run the node."""
    run_node(ExecutorNode)


if __name__ == "__main__":
    main()
