"""The coordinator's end of the recorder: one bag per rollout, with pictures only of the start and the motion."""

import json
import threading
from pathlib import Path
from typing import Any

from dreamitate_msgs.action import Rollout
from dreamitate_msgs.srv import StartRecording, StopRecording
from std_srvs.srv import SetBool

from dreamitate_core.errors import Cancelled
from dreamitate_ros.stage_node import Goal, StageError

_CHECK_S = 0.2
_ANSWER_LIMIT_S = 20.0
_TRIES = 4


class RecorderClient:
    """Calls the services of the node `recorder`."""

    def __init__(self, node: Any) -> None:
        self._node = node
        self._start, self._stop, self._pictures = (
            node.create_client(kind, f"recorder/{name}", callback_group=node.free)
            for kind, name in ((StartRecording, "start"), (StopRecording, "stop"), (SetBool, "pictures"))
        )
        self._records = False

    def start(self, goal: Goal, folder: Path, notes: dict[str, str]) -> None:
        """Begin the bag `folder`. Raises StageError where the recorder is not there or cannot."""
        waited_s, limit_s = 0.0, self._node.value("stage_wait_s")
        while not self._start.wait_for_service(_CHECK_S):
            waited_s += _CHECK_S
            if goal.asked_to_stop:
                raise Cancelled(goal.asked_to_stop)
            if waited_s > limit_s:
                raise StageError(
                    Rollout.Result.STAGE_UNAVAILABLE,
                    f"Nobody serves recorder/start after {limit_s:g} s; record:=false?",
                )
        self._meet()
        request = StartRecording.Request(name=str(folder.resolve()), task=goal.request.task)
        request.notes_json = json.dumps(notes)
        answer = self._ask(self._start, request)
        if answer is None or not answer.success:
            raise StageError(
                Rollout.Result.FOLDER_FAILED,
                answer.message if answer else "The recorder did not answer; record:=false?",
            )
        self._records = True

    def _meet(self) -> None:
        """Ask for what does no harm until an answer comes: the first is lost where nobody knows us yet."""
        for _ in range(_TRIES):
            if self._ask(self._pictures, SetBool.Request(data=True), _ANSWER_LIMIT_S / _TRIES) is not None:
                return

    def pictures(self, wanted: bool) -> None:
        """Record pictures from now on, or leave them out: they are large."""
        if self._records:
            self._ask(self._pictures, SetBool.Request(data=wanted))

    def stop(self, notes: dict[str, str]) -> str:
        """End the bag, if there is one; return what is wrong with it, empty where nothing is."""
        if not self._records:
            return ""
        self._records = False
        if not self._stop.service_is_ready():
            return "the recorder has gone; `dreamitate record --repair` makes its bag readable"
        answer = self._ask(self._stop, StopRecording.Request(notes_json=json.dumps(notes)))
        if answer is None:
            return f"the recorder did not close the bag in {_ANSWER_LIMIT_S:g} s"
        return str(answer.message)

    def _ask(self, client: Any, request: Any, limit_s: float = _ANSWER_LIMIT_S) -> Any:
        """Return the answer; None where none came in time."""
        done, future = threading.Event(), client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        return future.result() if done.wait(limit_s) else None
