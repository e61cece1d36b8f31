"""The frame of every node: parameters, topics, diagnostics, and actions that take one goal at a time."""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from dreamitate_core.errors import Cancelled, DreamitateError

from .aside_node import AsideSubscription
from .interface import LATCHED, LATCHED_EACH, RELIABLE, SENSOR, NodeInterface, Parameter, Topic
from .patient_publisher_node import PatientPublisher, send_patiently
from .run_node import END_LIMIT_S, Life

QOS = {
    LATCHED: QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL),
    LATCHED_EACH: QoSProfile(depth=2, durability=DurabilityPolicy.TRANSIENT_LOCAL),
    SENSOR: QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT),
    RELIABLE: QoSProfile(depth=10),
}
_FEEDBACK_PERIOD_S = 0.1
_CANCEL_CHECK_S = 0.1
_BEGIN_LIMIT_S = 300.0
_LAPSES_S = 5.0
"""How long after its admission a goal that has not begun is still expected to."""


class StageError(DreamitateError):
    """A goal's failure with the code that its result carries."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Frame:
    """What StageNode and ManagedStageNode share; mixed into an rclpy node."""

    # Given by the rclpy node.
    add_on_set_parameters_callback: Any
    create_publisher: Any
    create_subscription: Any
    create_timer: Any
    declare_parameter: Any
    get_clock: Any
    get_logger: Any
    get_name: Any
    get_parameter: Any

    def set_up(self, interface: NodeInterface) -> None:
        """Declare what the interface says. Raises InvalidParameterValueException for a start value that is refused."""
        self.interface = interface
        self.life: Life | None = None
        self.exit_code = 0
        self.stopping = threading.Event()
        self.free = ReentrantCallbackGroup()
        self.actions: list[StageAction] = []
        self._asides: list[AsideSubscription] = []
        self.last_error = ""
        self._specs = {spec.name: spec for spec in interface.parameters}
        self._topics = {name: topic for topic in interface.publishes + interface.subscribes for name in topic.names()}
        self.add_on_set_parameters_callback(self._check_parameters)
        for spec in interface.parameters:
            self.declare_parameter(spec.name, spec.default, _descriptor(spec))
        self._diagnostics = self.create_publisher(
            DiagnosticArray, "/diagnostics", QOS[RELIABLE], publisher_class=PatientPublisher
        )
        self.create_timer(1.0, self._tell, callback_group=MutuallyExclusiveCallbackGroup())

    def value(self, name: str) -> Any:
        """Return a parameter's value."""
        return self.get_parameter(name).value

    def publisher(self, kind: Any, name: str) -> Publisher:
        """Return a publisher on a topic of the interface, with its QoS."""
        qos = QOS[self._topics[name].qos]
        publisher: Publisher = self.create_publisher(kind, name, qos, publisher_class=PatientPublisher)
        return publisher

    def subscribe(self, kind: Any, name: str, callback: Callable[[Any], None], **more: Any) -> Subscription:
        """Subscribe to a topic of the interface, with its QoS, in a callback group of its own."""
        topic: Topic = self._topics[name]
        return self.create_subscription(
            kind, name, callback, QOS[topic.qos], callback_group=MutuallyExclusiveCallbackGroup(), **more
        )

    def subscribe_aside(self, kind: Any, name: str, callback: Callable[[Any], None], raw: bool = False) -> None:
        """Subscribe to a topic of the interface that comes often; the callback runs in a thread of its own."""
        self._asides.append(AsideSubscription(self, kind, name, callback, QOS[self._topics[name].qos], raw))

    def live(self, life: Life) -> None:
        """Begin to hear what comes; `life` ends with the first callback that fails."""
        self.life = life
        for aside in self._asides:
            aside.start(life.fail)

    @property
    def stop_reason(self) -> str:
        """Why the node is about to end."""
        return (self.life.reason if self.life else "") or f"{self.get_name()} was asked to end"

    def now_ns(self) -> int:
        """Return the node clock's time, which is simulated time where `use_sim_time` is set."""
        return int(self.get_clock().now().nanoseconds)

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Return a warning, empty where all is well, and figures to publish. Nodes extend it."""
        return "", {}

    def begin(self) -> None:
        """Do the slow part of starting. Raises DreamitateError where the node cannot do its work."""

    def end(self) -> None:
        """Bring what the node holds to a safe state; communication still works."""

    def close(self) -> None:
        """Stop goals, let them send their results, then end."""
        self.stopping.set()
        until = time.monotonic() + END_LIMIT_S
        for action in self.actions:
            action.idle.wait(max(until - time.monotonic(), 0.0))
        self.end()

    def _check_parameters(self, parameters: list[RosParameter]) -> SetParametersResult:
        for parameter in parameters:
            spec = self._specs.get(parameter.name)
            if spec and spec.choices and parameter.value not in spec.choices:
                reason = f"{parameter.name} is {parameter.value!r}. Known: {', '.join(spec.choices)}."
                return SetParametersResult(successful=False, reason=reason)
        return SetParametersResult(successful=True)

    def _tell(self) -> None:
        for action in self.actions:
            action.repeat_feedback()
        warning, figures = self.diagnosis()
        running = [action.state for action in self.actions if action.state]
        level = DiagnosticStatus.WARN if warning else DiagnosticStatus.OK
        status = DiagnosticStatus(level=level, name=self.get_name(), hardware_id="dreamitate")
        status.message = warning or (running[0] if running else "idle")
        figures = {**figures, "last error": self.last_error or "none"}
        for action in self.actions:
            figures[f"{action.name}: last took s"] = f"{action.last_took_s:.2f}"
        status.values = [KeyValue(key=key, value=str(value)) for key, value in figures.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


class StageNode(_Frame, Node):
    """A node of a rollout."""

    def __init__(self, interface: NodeInterface) -> None:
        Node.__init__(self, interface.name)
        self.set_up(interface)


class ManagedStageNode(_Frame, LifecycleNode):
    """A lifecycle node of a rollout: it holds a robot or an accelerator only between configure and cleanup."""

    def __init__(self, interface: NodeInterface) -> None:
        LifecycleNode.__init__(self, interface.name)
        self.set_up(interface)
        self._begun = threading.Condition()
        self._begins: bool = self.value("autostart")

    @property
    def active(self) -> bool:
        """Whether goals are carried out."""
        return bool(self._state_machine.current_state[1] == "active")

    def may_start(self) -> str:
        """Return why no goal is taken, empty where one is; a goal that comes while the node begins has to wait."""
        return "" if self.active or self._begins else f"{self.get_name()} is not active"

    def wait_until_active(self, goal: "Goal") -> None:
        """Have a goal wait for the node's beginning. Raises DreamitateError where it is not active then."""
        if not self.active:
            goal.progress(f"{self.get_name()} begins", 0.0)
            goal.wait(self._begun, lambda: not self._begins, _BEGIN_LIMIT_S)
        if not self.active:
            raise DreamitateError(f"{self.get_name()} is not active.")

    def begin(self) -> None:
        """Configure and activate at once where the parameter `autostart` says so."""
        for step in (self.trigger_configure, self.trigger_activate) if self._begins else ():
            if step() != TransitionCallbackReturn.SUCCESS:
                raise DreamitateError(self.last_error or "The node could not be configured.")
        with self._begun:
            self._begins = False
            self._begun.notify_all()


class Goal:
    """A goal that runs: what it asks for, how far it is, and whether it shall stop."""

    def __init__(self, action: "StageAction", handle: Any) -> None:
        self._action = action
        self._handle = handle
        self._sent_s = -1.0
        self.stage, self.fraction = "", 0.0
        self.so_far: dict[str, Any] = {}
        """Fields of the result that hold even if the goal fails."""
        self.request = handle.request
        self.uuid = bytes(handle.goal_id.uuid)

    @property
    def asked_to_stop(self) -> str:
        """Why the goal shall stop, empty where it shall go on."""
        if self._handle.is_cancel_requested:
            return "cancelled by the client"
        if self._action.stop_reason:
            return self._action.stop_reason
        if self._action.node.stopping.is_set():
            return self._action.node.stop_reason
        return ""

    def progress(self, stage: str, fraction: float) -> None:
        """Publish how far the goal is. Raises Cancelled where it shall stop."""
        reason = self.asked_to_stop
        if reason:
            raise Cancelled(reason)
        now_s, is_new = time.monotonic(), stage != self.stage
        self.stage, self.fraction = stage, min(max(float(fraction), 0.0), 1.0)
        if is_new or now_s - self._sent_s >= _FEEDBACK_PERIOD_S:
            self._sent_s = now_s
            self.publish()

    def wait(self, condition: threading.Condition, found: Callable[[], bool], limit_s: float) -> bool:
        """Wait until `found()`, told by the condition; return whether it came in time. Raises Cancelled."""
        until_s = time.monotonic() + limit_s
        with condition:
            while not found():
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return False
                condition.wait(min(left_s, _CANCEL_CHECK_S))
                if self.asked_to_stop:
                    raise Cancelled(self.asked_to_stop)
        return True

    def publish(self) -> None:
        """Publish the last feedback again."""
        feedback = self._action.kind.Feedback(stage=self.stage, fraction=self.fraction)
        send_patiently(lambda: self._handle.publish_feedback(feedback), f"{self._action.name}'s feedback")


class StageAction:
    """An action that runs one goal at a time; a second one is rejected while the first runs.

    `work(goal)` returns the filled result, or raises: Cancelled where it stopped, StageError for a failure with a code,
    DreamitateError for one with the action's general code, `failure_code`.
    """

    def __init__(
        self,
        node: Any,
        kind: Any,
        name: str,
        work: Callable[[Goal], Any],
        failure_code: int,
        may_start: Callable[[], str],
    ) -> None:
        self.node, self.kind, self.name = node, kind, name
        self.idle = threading.Event()
        self.idle.set()
        self.last_took_s = 0.0
        self.stop_reason = ""
        self._work, self._failure_code, self._may_start = work, failure_code, may_start
        self._goal: Goal | None = None
        self._admitted_s = 0.0
        self._lock = threading.Lock()
        node.actions.append(self)
        self._server = ActionServer(
            node,
            kind,
            name,
            self._execute,
            goal_callback=self._admit,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=node.free,
        )

    @property
    def state(self) -> str:
        """What the running goal does, empty where there is none."""
        goal = self._goal
        return f"{self.name}: {goal.stage} {goal.fraction:.0%}" if goal else ""

    def stop(self, reason: str) -> None:
        """Stop the running goal and wait until it has ended."""
        self.stop_reason = reason
        self.idle.wait(END_LIMIT_S)
        self.stop_reason = ""

    def repeat_feedback(self) -> None:
        """Publish the running goal's feedback again, so that its client hears something at least every second."""
        goal = self._goal
        if goal and goal.stage:
            goal.publish()

    def _admit(self, _: Any) -> GoalResponse:
        reason = self.node.stop_reason if self.node.stopping.is_set() else self._may_start()
        with self._lock:
            if not reason and self._is_busy():
                reason = "another goal is running; cancel it or wait"
            if reason:
                self.node.get_logger().warning(f"{self.name}: goal rejected: {reason}")
                return GoalResponse.REJECT
            self.idle.clear()
            self._admitted_s = time.monotonic()
            return GoalResponse.ACCEPT

    def _is_busy(self) -> bool:
        """Whether a goal runs, or one that was admitted may still begin.

        rclpy never begins one whose client could not be told of its admission.
        """
        return self._goal is not None or (not self.idle.is_set() and time.monotonic() < self._admitted_s + _LAPSES_S)

    def _execute(self, handle: Any) -> Any:
        goal = Goal(self, handle)
        with self._lock:
            if self._goal is not None:
                handle.abort()
                return self.kind.Result(error_code=self.kind.Result.UNEXPECTED, error_msg="Another goal is running.")
            self._goal = goal
            self.idle.clear()
        began_s = time.monotonic()
        try:
            result = self._work(goal)
            handle.succeed()
        except Cancelled as stopped:
            result = self._failed(goal, self.kind.Result.CANCELLED, str(stopped) or goal.asked_to_stop)
            if handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
        except DreamitateError as problem:
            result = self._failed(goal, getattr(problem, "code", self._failure_code), str(problem))
            handle.abort()
        except Exception as defect:
            self.node.get_logger().error(traceback.format_exc())
            result = self._failed(goal, self.kind.Result.UNEXPECTED, f"{type(defect).__name__}: {defect}")
            handle.abort()
        finally:
            self.last_took_s = time.monotonic() - began_s
            self._goal = None
            self.idle.set()
        return result

    def _failed(self, goal: Goal, code: int, text: str) -> Any:
        self.node.last_error = text
        if code == self.kind.Result.CANCELLED:
            self.node.get_logger().info(f"{self.name}: {text}")
        else:
            self.node.get_logger().error(f"{self.name}: {text}")
        return self.kind.Result(error_code=code, error_msg=text, **goal.so_far)


def _descriptor(spec: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(description=spec.description, read_only=spec.read_only)
    if spec.choices:
        descriptor.additional_constraints = f"One of: {', '.join(spec.choices)}"
    if spec.limits and isinstance(spec.default, float):
        low, high = spec.limits
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high))]
    elif spec.limits:
        low, high = (int(limit) for limit in spec.limits)
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
    return descriptor
