"""The recorder node: one bag per demonstration or rollout, begun and ended by action or by service."""

import threading
import traceback
from pathlib import Path
from typing import Any

from dreamitate_msgs.action import Record
from dreamitate_msgs.srv import StartRecording, StopRecording
from std_srvs.srv import SetBool

from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.revision import git_revision
from dreamitate_ros.interface import LATCHED, SENSOR, NodeInterface
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import Goal, StageAction, StageError, StageNode

from .bag_metadata import Offered
from .interface import RECORDER
from .listener_node import Ear, Listener
from .qos import LARGE
from .recording import Recording, Summary, folder_for, read_notes

_FEEDBACK_S = 0.5


class RecorderNode(StageNode):
    """Records all topics of its interface; images only while `pictures` is on."""

    def __init__(self, interface: NodeInterface = RECORDER) -> None:
        super().__init__(interface)
        self._recording: Recording | None = None
        self._latched: dict[tuple[Ear, bytes], tuple[bytes, int]] = {}
        """The last message of each latched topic and publisher, which a late comer would get, and when it was sent."""
        self._over, self._heard = threading.Condition(), threading.Condition()
        self._revision = git_revision()
        self._pictures = True
        self._told_silent: set[str] = set()
        self._refused: set[str] = set()
        """Topics that cannot be recorded: their types are unknown here."""
        topics = [(name, topic.type, topic.qos) for topic in interface.subscribes for name in topic.names()]
        self._ears = [Ear(self, name, kind, Offered(qos != SENSOR, qos == LATCHED)) for name, kind, qos in topics]
        self._steady = {
            ear.name for ear, (name, _, _) in zip(self._ears, topics, strict=True) if name.startswith("camera_")
        }
        self._unheard = set(self._steady)
        self.create_service(StartRecording, "~/start", self._start, callback_group=self.free)
        self.create_service(StopRecording, "~/stop", self._stop, callback_group=self.free)
        self.create_service(SetBool, "~/pictures", self._set_pictures, callback_group=self.free)
        self._action = StageAction(self, Record, "record", self._record, Record.Result.UNEXPECTED, lambda: "")
        self._listener = Listener(self, self._ears, self._take, self._look_around, self._on_defect)

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Extend the figures by those of the recording that runs."""
        recording = self._recording
        if not recording:
            return "", {"recording": "none"}
        figures: dict[str, object] = {"recording": recording.bag.folder, "state": recording.state()}
        for topic, seen in list(recording.topics.items()):
            figures[f"{topic}: Hz"], figures[f"{topic}: lost"] = f"{seen.rate_hz:.2f}", seen.lost
        return recording.bag.problem, figures

    def end(self) -> None:
        """Close the bag."""
        self._listener.close()
        self.stop_bag({})

    def wait_for_steady(self, limit_s: float) -> list[str]:
        """Wait until something came on every topic that should come at a rate; return those where nothing did."""
        with self._heard:
            self._heard.wait_for(lambda: not self._unheard or self.stopping.is_set(), limit_s)
        return sorted(self._unheard)

    def start_bag(self, request: Any) -> Recording:
        """Begin a bag. request: has the fields of StartRecording. Raises StageError."""
        with self._over:
            if self._recording:
                raise StageError(Record.Result.BUSY, f"{self._recording.bag.folder} is being recorded; stop it first.")
            task = request.task or self.value("task")
            notes = {"task": task, "note": request.note, "git_revision": self._revision}
            try:
                notes |= read_notes(request.notes_json)
                folder = folder_for(Path(self.value("out")), request.name, task)
            except DreamitateError as problem:
                raise StageError(Record.Result.INVALID_GOAL, str(problem)) from None
            try:
                recording = Recording(folder.resolve(), notes, self._steady, self.value("compression"))
            except DreamitateError as problem:
                raise StageError(Record.Result.BAG_FAILED, str(problem)) from None
            self._pictures, self._told_silent = True, set()
            for (ear, publisher), (message, sent_ns) in list(self._latched.items()):
                recording.take(ear.name, ear.type, self.now_ns(), sent_ns, message, ear.offered, publisher, None)
            self._recording = recording
        self.get_logger().info(f"recording {folder}")
        return recording

    def stop_bag(self, notes: dict[str, str]) -> Summary | None:
        """End the bag with more notes and say what came; None: there was none."""
        self._listener.catch_up()
        with self._over:
            recording, self._recording = self._recording, None
            if recording is None:
                return None
            summary = recording.end(notes)
            self._over.notify_all()
        self.get_logger().info(f"recorded {summary.bag}: {summary.messages} messages\n{summary.table}")
        for line in [*summary.warnings, *([summary.problem] if summary.problem else [])]:
            self.get_logger().warning(line)
        return summary

    def _record(self, goal: Goal) -> Any:
        recording = self.start_bag(goal.request)
        duration_s = float(goal.request.duration_s)
        began_ns = self.get_clock().now().nanoseconds
        fraction = 0.0
        try:
            while self._recording is recording and fraction < 1.0 and not recording.bag.problem:
                goal.progress(recording.state(), fraction)
                left_s = duration_s * (1.0 - fraction) if duration_s > 0 else _FEEDBACK_S
                goal.wait(self._over, lambda: self._recording is not recording, min(left_s, _FEEDBACK_S))
                passed_s = (self.get_clock().now().nanoseconds - began_ns) / 1e9
                fraction = min(passed_s / duration_s, 1.0) if duration_s > 0 else 0.0
        except Cancelled:
            goal.so_far.update(_fields(self._summary_of(recording)))
            raise
        summary = self._summary_of(recording)
        goal.so_far.update(_fields(summary))
        if summary.problem:
            raise StageError(Record.Result.DISK_FULL, f"{summary.problem}; {summary.messages} messages are kept.")
        return Record.Result(**goal.so_far)

    def _summary_of(self, recording: Recording) -> Summary:
        if self._recording is recording:
            self.stop_bag({})
        return recording.end()

    def _take(self, ear: Ear, message: bytes, sent_ns: int, publisher: bytes, sequence: int | None) -> None:
        """Record a message that came, if there is a recording; keep what is latched for the next one."""
        if ear.offered.latched:
            self._latched[ear, publisher] = message, sent_ns
        if ear.name in self._unheard:
            with self._heard:
                self._unheard.discard(ear.name)
                self._heard.notify_all()
        recording = self._recording
        if recording:
            if ear.name in self._refused:
                return
            keep = self._pictures or ear.type != LARGE
            try:
                recording.take(
                    ear.name, ear.type, self.now_ns(), sent_ns, message, ear.offered, publisher, sequence, keep
                )
            except DreamitateError as problem:
                self._refuse(ear.name, str(problem))

    def _start(self, request: Any, response: Any) -> Any:
        try:
            response.bag = str(self.start_bag(request).bag.folder)
            response.success = True
        except DreamitateError as problem:
            response.message = self.last_error = str(problem)
        return response

    def _stop(self, request: Any, response: Any) -> Any:
        try:
            notes = read_notes(request.notes_json)
        except DreamitateError as problem:
            response.message = str(problem)
            return response
        summary = self.stop_bag(notes)
        if summary is None:
            response.message = "Nothing is being recorded."
            return response
        for name, value in _fields(summary).items():
            setattr(response, name, value)
        response.success, response.message = not summary.problem, summary.problem
        return response

    def _set_pictures(self, request: Any, response: Any) -> Any:
        self._pictures = bool(request.data)
        response.success = True
        return response

    def _refuse(self, name: str, why: str) -> None:
        """Leave a topic out, and say so once."""
        self._refused.add(name)
        self.last_error = f"{name} is not recorded. {why}"
        self.get_logger().error(self.last_error)

    def _on_defect(self, defect: BaseException) -> None:
        """End the node where the listening thread fails: a recorder that hears nothing must not look alive."""
        self.last_error = f"{type(defect).__name__}: {defect}"
        self.get_logger().error("".join(traceback.format_exception(defect)))
        self.exit_code = 1
        if self.life:
            self.life.end(self.last_error)

    def _look_around(self) -> None:
        """Take up topics that were asked for, and tell of cameras that fall silent and come back."""
        wanted = {self.resolve_topic_name(name) for name in self.value("also").split()}
        wanted -= {ear.name for ear in self._ears} | self._refused
        for name, types in self.get_topic_names_and_types() if wanted else []:
            if name in wanted:
                try:
                    self._ears.append(Ear(self, name, types[0], Offered()))
                except (ImportError, AttributeError, ValueError):
                    self._refuse(name, f"Its type {types[0]} is not installed here.")
        recording = self._recording
        if recording:
            now = recording.silent(self.value("silence_s"))
            for topic in sorted(now - self._told_silent):
                self.get_logger().warning(f"{topic} is silent; the recording goes on")
            for topic in sorted(self._told_silent - now):
                self.get_logger().info(f"{topic} is back")
            self._told_silent = now


def _fields(summary: Summary) -> dict[str, Any]:
    """Return the fields that the action's result and the service's response share."""
    return {
        "bag": summary.bag,
        "messages": summary.messages,
        "lost": summary.lost,
        "dropped": summary.dropped,
        "warnings": summary.warnings,
        "table": summary.table,
    }


def main() -> None:
    """Run the node."""
    run_node(RecorderNode)


if __name__ == "__main__":
    main()
