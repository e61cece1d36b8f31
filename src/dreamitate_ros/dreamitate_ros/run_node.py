"""The life of a node's process: it begins, tells who started it, ends in order, and never hangs."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

import rclpy
from rclpy.exceptions import InvalidParameterException, InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.signals import SignalHandlerOptions

from dreamitate_core.errors import DreamitateError

from .shared_memory import remove_left_locks

READY_FD = "DREAMITATE_READY_FD"
"""Environment variable: the file descriptor on which a node tells who started it that it is ready, or why it is not."""
END_LIMIT_S = 30.0
"""How long a node's goals may take to stop."""
_ORPHANED = "who started this node has gone"
_DEFECT = "a callback failed:"
_BAD_PARAMETER = (InvalidParameterException, InvalidParameterTypeException, InvalidParameterValueException)


class Life:
    """Why and when the process shall end: a signal, a word from who started it, or that one's own end."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.reason = ""
        self.node_lost = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        if READY_FD in os.environ:
            threading.Thread(target=self._listen, daemon=True).start()

    def end(self, reason: str) -> None:
        """End; the first reason is kept."""
        self.reason = self.reason or reason
        self.over.set()

    def fail(self, defect: BaseException) -> None:
        """End because of what a callback raised."""
        traceback.print_exception(defect)
        self.end(f"{_DEFECT} {type(defect).__name__}: {defect}")

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        """End, from another thread: this one may hold what `end` waits for. SIGHUP: who started this node is gone."""
        reason = _ORPHANED if number == signal.SIGHUP else f"interrupted by {signal.Signals(number).name}"
        threading.Thread(target=self.end, args=[reason]).start()

    def _listen(self) -> None:
        word, _, reason = sys.stdin.readline().strip().partition(" ")
        self.node_lost = word == "lost"
        self.end(reason or _ORPHANED)


def run_node(make: Callable[[], Any]) -> None:
    """Run a node until it is told to end, then end the process. What the user can mend is said in one line.

    Exit codes: 0, the node's own `exit_code`, 2 for what the user can mend, 3 where the end hung.
    """
    life = Life()
    remove_left_locks()  # or this node and another one may not hear each other
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = make()
    except (DreamitateError, *_BAD_PARAMETER) as bad:
        _leave(_refuse(str(bad)))
    node.live(life)
    executor = MultiThreadedExecutor(num_threads=8)
    executor.add_node(node)
    spinning = threading.Thread(target=_spin, args=(executor, life), daemon=True)
    spinning.start()
    code = 0
    try:
        node.begin()
        _say("ready")
        life.over.wait()
    except DreamitateError as problem:
        code = _refuse(str(problem))
    _leave_after(END_LIMIT_S + 2.0)
    node.close()
    executor.shutdown(timeout_sec=1.0)
    rclpy.try_shutdown()
    spinning.join(1.0)
    if life.reason.startswith(_DEFECT):
        code = _refuse(life.reason)
    _leave(code or node.exit_code)


def _spin(executor: MultiThreadedExecutor, life: Life) -> None:
    try:
        executor.spin()
    except ExternalShutdownException:
        pass
    except Exception as defect:
        life.fail(defect)


def _leave(code: int) -> NoReturn:
    """End the process at once: the middleware's and torch's threads have nothing left to say."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _leave_after(limit_s: float) -> None:
    """End the process after `limit_s` whatever hangs."""
    timer = threading.Timer(limit_s, lambda: os._exit(3))
    timer.daemon = True
    timer.start()


def _refuse(text: str) -> int:
    text = " ".join(text.split())
    print(text, file=sys.stderr, flush=True)
    _say(f"failed {text}")
    return 2


def _say(line: str) -> None:
    """Tell who started this process, if it listens."""
    descriptor = os.environ.get(READY_FD, "")
    if descriptor.isdigit():
        os.write(int(descriptor), f"{line}\n".encode())
