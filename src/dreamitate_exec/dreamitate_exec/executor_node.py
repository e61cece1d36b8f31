"""The executor node: from a tracked tool path to a motion of the arm, checked before and watched while it moves."""

import threading
from collections.abc import Sequence

from dreamitate_msgs.action import ExecuteTrajectory
from dreamitate_msgs.msg import Plan as PlanMessage
from geometry_msgs.msg import Pose
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Header
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from dreamitate_core.arms import ArmSetup, load_arms, transform_base_to_table
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress
from dreamitate_core.robot import load_robot
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import Tool, load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_ros.messages import fill_plan, read_track, set_header, stamp_ns
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import Goal, ManagedStageNode, StageAction, StageError

from .codes_node import CODE_OF_REASON
from .interface import INTERFACE, WAITS_FOR_APPROVAL
from .markers_node import fresh, plan_markers
from .moveit_client_node import MoveItClient
from .mover_node import Arm, Mover
from .payload_node import set_payload
from .plan import plan_arms
from .plan_check import PlanCheck
from .preview import preview
from .refusal import PlanRefused

Result = ExecuteTrajectory.Result

_PLANNED, _APPROVED = 0.3, 0.4
"""The fractions of a goal that are done when the plan is made, and when the motion starts."""


class ExecutorNode(ManagedStageNode):
    """Takes goals while it is active; going inactive stops the arm first."""

    def __init__(self) -> None:
        super().__init__(INTERFACE)
        self._changed = threading.Condition()
        self._stop_pressed = False
        self._answer: bool | None = None
        self._asks = False
        self._robot = load_robot(self.value("robot"))
        self._mover = Mover(self, self.arms(), self._changed)
        self._moveit = MoveItClient(self) if self.value("planner") == "moveit" else None
        self.subscribe_aside(JointState, "joint_states", self._take_joints)
        self.subscribe(Bool, "emergency_stop", self._take_stop)
        self._plans = self.publisher(PlanMessage, "plan")
        self._markers = self.publisher(MarkerArray, "plan_markers")
        self.create_service(SetBool, "~/approve", self._take_answer, callback_group=self.free)
        self._action = StageAction(
            self, ExecuteTrajectory, "execute_trajectory", self._work, Result.PLANNING_FAILED, self.may_start
        )

    def begin(self) -> None:
        """Tell the arm's controller how heavy the tool is, where that is asked for, before any motion."""
        tool = self.value("payload_of")
        if tool:
            set_payload(self, self._robot, load_tool(tool), self.value("controller_wait_s"))
        super().begin()

    def arms(self) -> list[Arm]:
        """Return the arms that the node moves."""
        task, controller = self.value("task"), self.value("controller")
        if not task:
            return [Arm(self, self._robot, "", controller, self._changed)]
        setups = load_arms(load_task(task), self._robot.name)
        return [Arm(self, each.robot, each.prefix, each.prefix + controller, self._changed) for each in setups]

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the arm before anything else."""
        self._action.stop("the executor is being deactivated")
        return super().on_deactivate(state)

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Return what is known of the arms."""
        ages_s = [arm.state.age_s() for arm in self._mover.arms]
        oldest_s = None if None in ages_s else max(age_s for age_s in ages_s if age_s is not None)
        warning = "emergency stop" if self._stop_pressed else ""
        if not warning and (oldest_s is None or oldest_s > self.value("max_joint_state_age_s")):
            warning = "no fresh joint states"
        return warning, {
            "last joint state s ago": "never" if oldest_s is None else f"{oldest_s:.3f}",
            "largest tracking error rad": f"{self._mover.largest_error_rad:.4f}",
        }

    def _take_joints(self, message: JointState) -> None:
        for arm in self._mover.arms:
            arm.state.take(message.name, message.position, message.velocity, stamp_ns(message.header))

    def _take_stop(self, message: Bool) -> None:
        with self._changed:
            self._stop_pressed = message.data
            self._changed.notify_all()

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
        self._check(goal)
        tracks = self._read(goal)
        plans = self._plan(goal, tracks)
        if self.value("approve"):
            self._wait_for_approval(goal)
        self._move(goal, plans)
        return Result(**goal.so_far)

    def _read(self, goal: Goal) -> list[ToolTrajectory]:
        """Return the paths that the goal asks for, one per arm."""
        request, arms = goal.request, self._mover.arms
        if request.robot != self._robot.name:
            raise StageError(
                Result.INVALID_GOAL,
                f"This executor moves the robot {self._robot.name!r}; the goal is for {request.robot!r}.",
            )
        if len(request.trajectories) != len(arms):
            raise StageError(
                Result.INVALID_GOAL,
                f"There must be one tool's path per arm: {len(arms)}; the goal has {len(request.trajectories)}.",
            )
        try:
            return [read_track(message) for message in request.trajectories]
        except DreamitateError as malformed:
            raise StageError(Result.INVALID_GOAL, str(malformed)) from None

    def _plan(self, goal: Goal, tracks: Sequence[ToolTrajectory]) -> list[Plan]:
        """Plan from where the arms are, check what came of it, and show it, also where it is refused."""
        goal.progress("waiting for joint states", 0.0)
        arms = self._mover.arms
        goal.wait(
            self._changed, lambda: all(arm.state.age_s() is not None for arm in arms), self.value("controller_wait_s")
        )
        self._mover.check_rest()
        task, tools = load_task(goal.request.task), [load_tool(track.tool) for track in tracks]

        def progress(stage: str, fraction: float) -> None:
            self._check(goal)
            goal.progress(f"planning: {stage}", _PLANNED * fraction)

        try:
            plans = self.make_plans(goal, task, tools, tracks, progress)
            for setup, made in zip(self._setups(task, tools), plans, strict=True):
                PlanCheck(task, setup.robot, setup.tool, setup.transform_base_to_table).check(made)
        except PlanRefused as refused:
            self._check(goal)  # a stop that came meanwhile says more than the refusal
            goal.so_far["waypoint"] = -1 if refused.waypoint is None else refused.waypoint
            self._show(task, tools, tracks, [None] * len(tracks), refused.waypoint)
            raise StageError(CODE_OF_REASON[refused.reason], str(refused)) from None
        except StageError:
            self._check(goal)
            self._show(task, tools, tracks, [None] * len(tracks), goal.so_far["waypoint"])
            raise
        goal.so_far["plans"] = self._show(task, tools, tracks, plans)
        return plans

    def make_plans(
        self, goal: Goal, task: Task, tools: Sequence[Tool], tracks: Sequence[ToolTrajectory], progress: Progress
    ) -> list[Plan]:
        """Return one plan per arm, from where it is."""
        if self._moveit:
            return [self._moveit.plan(goal, progress)]
        starts = self._mover.positions()
        return plan_arms(tracks, task, self._setups(task, tools), starts, self.value("planner"), progress)

    def _setups(self, task: Task, tools: Sequence[Tool]) -> list[ArmSetup]:
        """Return the arms as they stand in a task, with the goal's tools. Raises DreamitateError: not those moved."""
        arms = self._mover.arms
        if len(arms) == 1:
            robot = arms[0].robot
            return [ArmSetup(robot.name, robot, tools[0], transform_base_to_table(task, robot))]
        setups = load_arms(task)
        if [(each.robot.name, each.tool.name) for each in setups] != [
            (arm.robot.name, tool.name) for arm, tool in zip(arms, tools, strict=True)
        ]:
            raise StageError(Result.INVALID_GOAL, f"Task {task.name!r} has other arms or tools than the goal.")
        return setups

    def _show(
        self,
        task: Task,
        tools: Sequence[Tool],
        tracks: Sequence[ToolTrajectory],
        plans: Sequence[Plan | None],
        refused: int | None = None,
    ) -> list[PlanMessage]:
        """Publish plans, or what there was to plan; return the plans' messages."""
        stamp, shown, markers = self.now_ns(), [], []
        header = Header()
        set_header(header, "table", stamp)
        bases = [setup.transform_base_to_table for setup in self._setups(task, tools)]
        together = zip(self._mover.arms, tools, tracks, plans, bases, strict=True)
        for number, (arm, tool, track, made, base) in enumerate(together):
            if track.frame == "table":
                seen = preview(track, made, task, arm.robot, tool, refused, base)
                markers += plan_markers(seen, tool, header, number)
            if made is not None:
                message = PlanMessage()
                fill_plan(message, made, arm.robot.name, tool.name, stamp, Pose, JointTrajectoryPoint)
                message.trajectory.joint_names = arm.joint_names
                self._plans.publish(message)
                shown.append(message)
        self._markers.publish(fresh(markers, header))
        return shown

    def _wait_for_approval(self, goal: Goal) -> None:
        limit_s = self.value("approval_limit_s")
        goal.progress(f"{WAITS_FOR_APPROVAL} on {self.get_name()}/approve", _PLANNED)
        with self._changed:
            self._answer, self._asks = None, True
        try:
            answered = goal.wait(self._changed, lambda: self._answer is not None or self._stop_pressed, limit_s)
        finally:
            self._asks = False
        self._check(goal)
        if not answered:
            raise StageError(Result.NOT_APPROVED, f"Nobody approved the plan within {limit_s:g} s.")
        if not self._answer:
            raise StageError(Result.NOT_APPROVED, "The plan was refused by a person.")

    def _move(self, goal: Goal, plans: Sequence[Plan]) -> None:
        """Send the plans and watch them to their end. Whatever goes wrong, the arms are stopped before this returns."""
        goal.progress("waiting for the controller", _APPROVED)
        self._mover.wait_for_controllers(self.value("controller_wait_s"))
        self._check(goal)
        self._mover.check_start(plans)
        goal.so_far["moved"] = True
        left = 1.0 - _APPROVED
        try:
            self._mover.start(plans)
            self._mover.watch(
                lambda: self._check(goal), lambda share: goal.progress("moving", _APPROVED + left * share)
            )
        except BaseException as reason:
            off_path = isinstance(reason, StageError) and reason.code == Result.OFF_PATH
            if self._mover.stop(along=not off_path):
                self.get_logger().warning(f"the arm was stopped: {reason}")
                raise
            unsure = f"{reason} THE ARM DID NOT CONFIRM ITS STOP."
            self.get_logger().fatal(unsure)
            raise StageError(getattr(reason, "code", _code_of(reason)), unsure) from reason

    def _check(self, goal: Goal) -> None:
        """Raise for whatever must stop the arm, or keep it from starting."""
        if self._stop_pressed:
            raise StageError(Result.EMERGENCY_STOP, "Emergency stop.")
        if goal.asked_to_stop:
            raise Cancelled(goal.asked_to_stop)


def _code_of(reason: BaseException) -> int:
    return int(Result.CANCELLED if isinstance(reason, Cancelled) else Result.UNEXPECTED)


def main() -> None:
    """Run the node."""
    run_node(ExecutorNode)


if __name__ == "__main__":
    main()
