"""The coordinator's end of the simulator: set a scene up, and have it judged."""

import json
import threading
from typing import Any

from dreamitate_msgs.action import Rollout
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from std_srvs.srv import Trigger

from dreamitate_core.errors import Cancelled
from dreamitate_ros.stage_node import Goal, StageError

_CHECK_S = 0.2
_RESET_LIMIT_S = 120.0
_TRIES = 12


class SceneClient:
    """Calls the services of the node `sim`."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._reset = node.create_client(Trigger, "sim/reset", callback_group=node.free)
        self._demonstrate = node.create_client(Trigger, "sim/demonstrate", callback_group=node.free)
        self._judge = node.create_client(Trigger, "sim/judge", callback_group=node.free)
        # The last: when its answers come through, the simulator knows the others' ears too.
        self._parameters = AsyncParameterClient(node, "sim", callback_group=node.free)

    def set_up(self, goal: Goal, seed: int) -> None:
        """Set up the scene of that seed. Raises StageError where the simulator is not there or cannot."""
        self._wait_for(goal, self._reset)
        answer = self._set_seed(goal, seed)
        if not answer.results[0].successful:
            raise StageError(Rollout.Result.SCENE_FAILED, f"The seed {seed} was refused: {answer.results[0].reason}")
        done = self._result(goal, self._reset.call_async(Trigger.Request()))
        if not done.success:
            raise StageError(Rollout.Result.SCENE_FAILED, done.message)

    def _set_seed(self, goal: Goal, seed: int) -> Any:
        """Set the parameter, again where the answer is lost, as the first may be while nodes get to know each other."""
        for _ in range(_TRIES):
            setting = self._parameters.set_parameters([Parameter("seed", value=seed)])
            if self._ended(goal, setting, _RESET_LIMIT_S / _TRIES):
                return setting.result()
        raise self._silent()

    def demonstrate(self, goal: Goal) -> None:
        """Have how things lie now demonstrated, where the simulator demonstrates at all. Raises StageError."""
        done = self._result(goal, self._demonstrate.call_async(Trigger.Request()))
        if not done.success:
            raise StageError(Rollout.Result.SCENE_FAILED, done.message)

    def judge(self, goal: Goal) -> dict[str, Any]:
        """Return the verdict on the scene as it is: success, figures, text."""
        answer = self._result(goal, self._judge.call_async(Trigger.Request()))
        if not answer.success:
            raise StageError(Rollout.Result.SCENE_FAILED, answer.message)
        verdict: dict[str, Any] = json.loads(answer.message)
        return verdict

    def _wait_for(self, goal: Goal, client: Any) -> None:
        waited_s, limit_s = 0.0, self._node.value("stage_wait_s")
        while not client.wait_for_service(_CHECK_S):
            waited_s += _CHECK_S
            if goal.asked_to_stop:
                raise Cancelled(goal.asked_to_stop)
            if waited_s > limit_s:
                raise StageError(
                    Rollout.Result.STAGE_UNAVAILABLE,
                    f"Nobody serves {client.srv_name} after {limit_s:g} s. Does the simulator run?",
                )

    def _result(self, goal: Goal, future: Any) -> Any:
        if not self._ended(goal, future, _RESET_LIMIT_S):
            raise self._silent()
        return future.result()

    def _ended(self, goal: Goal, future: Any, limit_s: float) -> bool:
        done = threading.Condition()

        def tell(_: Any) -> None:
            with done:
                done.notify_all()

        future.add_done_callback(tell)
        return goal.wait(done, future.done, limit_s)

    def _silent(self) -> StageError:
        return StageError(Rollout.Result.STAGE_DIED, f"The simulator did not answer in {_RESET_LIMIT_S:g} s.")
