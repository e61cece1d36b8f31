"""The coordinator's end of a stage's action: send one goal, follow it, pass a stop on, say how it ended."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from action_msgs.srv import CancelGoal
from dreamitate_msgs.action import Rollout
from rclpy.action import ActionClient

from dreamitate_core.errors import Cancelled
from dreamitate_ros.meeting_node import Meeting
from dreamitate_ros.stage_node import Goal, StageError

_SERVER_CHECK_S = 0.5
_ASK_AGAIN_S = 3.0
"""How long after a result was asked for it is asked for again; servers keep it for ten seconds."""


class StageCall:
    """One goal that was sent. `changed` is notified of whatever becomes of it."""

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self.answered = False
        self.abandoned = False
        """Whether nobody waits for it any longer: it is cancelled as soon as its answer comes."""
        self.response: Any = None
        self.forgotten = False
        """Whether the stage knows nothing of the goal any longer."""
        self.told: tuple[str, float] | None = None
        self._handle: Any = None
        self._asked_s = 0.0

    @property
    def rejected(self) -> bool:
        """Whether the stage did not take it."""
        return self.answered and not self._handle.accepted

    def cancel(self) -> None:
        """Ask the stage to stop, now or as soon as it has taken the goal."""
        self.abandoned = True
        if self.answered and not self.rejected:
            self._handle.cancel_goal_async()

    def take_answer(self, future: Any) -> None:
        """Note whether the stage takes it."""
        with self._changed:
            self._handle = future.result()
            self.answered = True
            if self._handle.accepted:
                self.ask()
                if self.abandoned:
                    self._handle.cancel_goal_async()
            self._changed.notify_all()

    def ask(self) -> None:
        """Ask for the result, once it is there, but not at every call: a goal's one answer may be lost on the way."""
        if self.answered and not self.rejected and time.monotonic() - self._asked_s >= _ASK_AGAIN_S:
            self._asked_s = time.monotonic()
            with contextlib.suppress(RuntimeError):  # the middleware is busy
                self._handle.get_result_async().add_done_callback(self._take_result)

    def take_feedback(self, message: Any) -> None:
        """Note how far it is."""
        with self._changed:
            self.told = (message.feedback.stage, message.feedback.fraction)
            self._changed.notify_all()

    def _take_result(self, future: Any) -> None:
        with self._changed:
            response = future.result()
            if response.status == GoalStatus.STATUS_UNKNOWN:
                self.forgotten = True
            elif self.response is None:
                self.response = response
            self._changed.notify_all()


class StageClient:
    """One stage. `call` blocks the caller's thread; answers come through the node's executor."""

    def __init__(self, node: Any, kind: Any, name: str) -> None:
        self._node, self._kind, self.name = node, kind, name
        self._client: Any = ActionClient(node, kind, name, callback_group=node.free)
        self._meeting = Meeting(node, name)
        self._changed = threading.Condition()
        self._call = StageCall(self._changed)

    def call(self, goal: Goal, request: Any, tell: Callable[[str, float], None]) -> Any:
        """Return the stage's result; `tell` is called with its stage and fraction.

        Raises StageError where it ends with an error, is not there, rejects the goal or dies, and Cancelled where the
        rollout shall stop; then the stage has been told, and has ended or had its time.
        """
        self._call = call = StageCall(self._changed)
        self._wait_for_server(goal)
        self._client.send_goal_async(request, call.take_feedback).add_done_callback(call.take_answer)
        try:
            self._follow(goal, tell)
        except BaseException:
            self._stop()
            raise
        result = call.response.result
        if result.error_code != 0:
            raise StageError(result.error_code, result.error_msg)
        return result

    @property
    def ended(self) -> bool:
        """Whether the last goal has ended, or was never taken."""
        return self._call.response is not None or self._call.rejected

    @property
    def result(self) -> Any:
        """The last goal's result, None where it has not ended."""
        return self._call.response.result if self._call.response else None

    def _wait_for_server(self, goal: Goal) -> None:
        until_s = time.monotonic() + self._node.value("stage_wait_s")
        while not (self._client.wait_for_server(_SERVER_CHECK_S) and self._meeting.wait(_SERVER_CHECK_S)):
            if goal.asked_to_stop:
                raise Cancelled(goal.asked_to_stop)
            if time.monotonic() > until_s:
                raise StageError(
                    Rollout.Result.STAGE_UNAVAILABLE,
                    f"Nobody serves the action {self.name} after {self._node.value('stage_wait_s'):g} s. "
                    "Does its node run, and in the same ROS domain?",
                )

    def _follow(self, goal: Goal, tell: Callable[[str, float], None]) -> None:
        call = self._call
        with self._changed:
            while call.response is None:
                self._changed.wait(_SERVER_CHECK_S)
                if call.told:
                    tell(*call.told)
                if goal.asked_to_stop:
                    raise Cancelled(goal.asked_to_stop)
                if call.rejected:
                    raise StageError(Rollout.Result.BUSY, f"{self.name} rejected the goal; its node's log says why.")
                call.ask()
                if call.response is None and (call.forgotten or not self._client.server_is_ready()):
                    raise StageError(Rollout.Result.STAGE_DIED, f"The node that serves {self.name} has vanished.")

    def _stop(self) -> None:
        """Pass the stop on; wait for the stage's end, unless its node is known to be lost."""
        life = self._node.life
        with self._changed:
            if self.ended:
                return
            self._call.cancel()
            limit_s = 0.0 if life and life.node_lost else self._node.value("stop_wait_s")
            self._changed.wait_for(lambda: self.ended, limit_s)


class ArmStopper:
    """Cancels whatever the arm's controller does, whoever asked for it."""

    def __init__(self, node: Any, controller: str) -> None:
        name = f"{controller}/follow_joint_trajectory/_action/cancel_goal"
        self._client = node.create_client(CancelGoal, name, callback_group=node.free)

    def stop(self, limit_s: float) -> bool:
        """Cancel all goals; return whether the controller answered within the limit."""
        if not self._client.service_is_ready():
            return False
        answered = threading.Event()
        self._client.call_async(CancelGoal.Request()).add_done_callback(lambda _: answered.set())
        return answered.wait(limit_s)
