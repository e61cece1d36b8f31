"""A recorder that records by itself: one bag after the other, each for a time or from one Enter to the next."""

import sys
import threading
from types import SimpleNamespace

from dreamitate_core.errors import DreamitateError
from dreamitate_ros.run_node import run_node

from .interface import SESSION
from .recorder_node import RecorderNode
from .recording import Summary

_ROS_OWN = ("/diagnostics", "/parameter_events", "/rosout", "/record/_action/feedback", "/record/_action/status")


class RecordSessionNode(RecorderNode):
    """Records `count` bags and ends. Exit code 1 where one of them is not whole or warns of something."""

    def __init__(self) -> None:
        super().__init__(SESSION)

    def begin(self) -> None:
        """Start recording, once the cameras are there."""
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._wait_for_cameras()
            for number in range(1, self.value("count") + 1):
                self._record_one(number)
            reason = "all is recorded"
        except DreamitateError as problem:
            print(f"dreamitate: {problem}", file=sys.stderr, flush=True)
            self.exit_code, reason = 2, str(problem)
        if self.life:
            self.life.end(reason)

    def _wait_for_cameras(self) -> None:
        limit_s = self.value("camera_wait_s")
        missing = self.wait_for_steady(limit_s)
        if missing:
            names = sorted(name for name, _ in self.get_topic_names_and_types())
            here = [name for name in names if self.count_publishers(name) and name not in _ROS_OWN]
            raise DreamitateError(
                f"No messages came on {', '.join(missing)} within {limit_s:g} s. Topics that are there: "
                f"{', '.join(here) or 'none'}. Start the cameras' drivers, or remap their topics."
            )

    def _record_one(self, number: int) -> None:
        total, seconds = self.value("count"), self.value("seconds")
        if seconds <= 0:
            input(f"[{number}/{total}] Enter starts the recording... ")
        name = f"{self.value('name')}_{number:03d}" if self.value("name") else ""
        request = SimpleNamespace(name=name, task="", note=self.value("note"), notes_json=self.value("notes_json"))
        recording = self.start_bag(request)
        print(f"[{number}/{total}] recording {recording.bag.folder}", flush=True)
        if seconds > 0:
            self.stopping.wait(seconds)
        else:
            input("      Enter ends it. ")
        summary = self.stop_bag({})
        if summary:
            self._say_summary(summary)

    def _say_summary(self, summary: Summary) -> None:
        print(
            f"{summary.table}\n{summary.bag}: {summary.messages} messages, {summary.lost} lost on the way", flush=True
        )
        for line in [*summary.warnings, *([summary.problem] if summary.problem else [])]:
            print(f"  {line}", flush=True)
        if summary.problem or summary.warnings:
            self.exit_code = 1


def main() -> None:
    """Run the node."""
    run_node(RecordSessionNode)


if __name__ == "__main__":
    main()
