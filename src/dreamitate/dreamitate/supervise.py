"""Start the nodes of a graph as processes, watch them, and leave nothing behind.

Each node runs in a session of its own, so that Ctrl-C reaches only the supervisor, which stops the nodes in order.
Every node holds one end of two pipes: on one it says that it is ready, or why it is not; on the other, its standard
input, it hears why it shall end. A supervisor that is killed closes that one, and so ends the nodes too.
"""

import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO

from dreamitate_core.errors import DreamitateError
from dreamitate_ros.interface import Value
from dreamitate_ros.shared_memory import remove_left_locks, remove_left_segments

from .graph import NodeStart, find_program

READY_FD = "DREAMITATE_READY_FD"
INTERRUPTED, NODE_LOST, NOT_READY = 130, 3, 4
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
ARM_STOPS_WITHIN_S = 5.0
"""How long who commands the arm may take before the next one is told to end."""
KILL_AFTER_S = 40.0
"""How long all of them may take after that: the coordinator writes the run's page."""


@dataclass
class _Process:
    node: NodeStart
    popen: subprocess.Popen[bytes]
    pidfd: int
    ready_fd: int
    log: Path
    said: str = ""
    ready: bool = False

    @property
    def ended_how(self) -> str:
        """How the process ended, in words."""
        code = self.popen.returncode
        if code is None:
            return "still runs"
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        why = self.said.removeprefix("failed ") if self.said.startswith("failed ") else _last_line(self.log)
        return f"{how}: {why}" if why and code >= 0 else how


class Supervisor:
    """Runs the processes of one graph; `main` names the one whose end is the end of the run."""

    def __init__(
        self, nodes: Sequence[NodeStart], environment: dict[str, str], logs: Path, main: str, say: Callable[[str], None]
    ) -> None:
        self._nodes, self._environment, self._logs, self._main, self._say = nodes, environment, logs, main, say
        self._processes: list[_Process] = []
        self._selector = selectors.DefaultSelector()
        self._signal_number = 0
        self._lost_node = False
        self.reason = ""
        """Why the run ended before its time; empty where it did not."""

    def run(self, ready_limit_s: float, log_level: str = "info") -> int:
        """Start all nodes, wait until `main` ends, stop the rest; return the exit code.

        The code is that of `main`, unless a node is lost, is not ready in time, or a signal comes.
        """
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        wake_before = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda: os.read(wake_read, 64))
        try:
            self._logs.mkdir(parents=True, exist_ok=True)
            remove_left_segments()  # of earlier runs that were killed; they would fill the memory
            remove_left_locks()  # here once for all nodes, ours or not
            for node in self._nodes:
                self._start(node, log_level)
            return self._watch(time.monotonic() + ready_limit_s)
        finally:
            self._stop_all()
            remove_left_segments()
            self._selector.close()
            signal.set_wakeup_fd(wake_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(wake_read)
            os.close(wake_write)

    def _start(self, node: NodeStart, log_level: str) -> None:
        ready_read, ready_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        log = self._logs / f"{node.name}.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command(node, log_level),
                stdin=subprocess.PIPE,
                stdout=None if node.name == self._main else output,
                stderr=output,
                env={**self._environment, READY_FD: str(ready_write)},
                pass_fds=(ready_write,),
                start_new_session=True,
                preexec_fn=partial(_signal_when_orphaned, signal.SIGHUP if node.ours else signal.SIGTERM),
            )
        os.close(ready_write)
        process = _Process(node, popen, os.pidfd_open(popen.pid), ready_read, log)
        self._processes.append(process)
        self._selector.register(process.pidfd, selectors.EVENT_READ, popen.poll)
        self._selector.register(ready_read, selectors.EVENT_READ, lambda: self._hear(process))

    def _hear(self, process: _Process) -> None:
        try:
            text = os.read(process.ready_fd, 4096).decode(errors="replace")
        except BlockingIOError:
            return
        if not text:  # the other end is closed
            if process.ready_fd in self._selector.get_map():
                self._selector.unregister(process.ready_fd)
            return
        process.said = text.strip().splitlines()[-1]
        if process.said == "ready":
            process.ready = True
            self._say(f"{process.node.name} is ready")

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._signal_number = number

    def _watch(self, ready_until_s: float) -> int:
        """Handle what happens until the run is over; return the exit code."""
        while True:
            if self._signal_number:
                self.reason = f"interrupted by {signal.Signals(self._signal_number).name}"
                return INTERRUPTED
            for process in self._processes:
                if process.popen.poll() is not None:
                    return self._lost(process)
            waits = [process.node.name for process in self._processes if process.node.ours and not process.ready]
            left_s = ready_until_s - time.monotonic() if waits else None
            if left_s is not None and left_s <= 0:
                self.reason = f"{', '.join(waits)} not ready in time; see {self._logs}"
                return NOT_READY
            for key, _ in self._selector.select(left_s):
                key.data()

    def _lost(self, process: _Process) -> int:
        self._hear(process)  # its last words
        code, said = process.popen.returncode or 0, process.said
        if process.node.name == self._main and code >= 0:
            self.reason = said.removeprefix("failed ") if said.startswith("failed ") else ""
            return code
        self.reason = f"{process.node.name} {process.ended_how}"
        self._lost_node = True
        return NODE_LOST

    def _stop_all(self) -> None:
        """Stop the nodes in order, each with its time; who still runs after that is killed with all that it started."""
        if self.reason:
            self._say(f"stopping: {self.reason}")
        for process in self._processes:
            self._tell_to_end(process)
            if process.node.name in (self._main, "executor"):
                with suppress(subprocess.TimeoutExpired):
                    process.popen.wait(ARM_STOPS_WITHIN_S)
        until_s = time.monotonic() + KILL_AFTER_S
        for process in self._processes:
            self._wait(process, until_s)
            _kill_group(process.popen.pid)
            process.popen.wait()
            os.close(process.pidfd)
            os.close(process.ready_fd)

    def _tell_to_end(self, process: _Process) -> None:
        if process.popen.poll() is None and process.node.ours and process.ready:
            word = "lost" if self._lost_node else "stop"
            _write_line(process.popen.stdin, f"{word} {self.reason or 'the rollout is over'}")
        elif process.popen.poll() is None:
            process.popen.terminate()  # it does not listen yet, or is not ours

    def _wait(self, process: _Process, until_s: float) -> None:
        try:
            process.popen.wait(max(until_s - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self._say(f"{process.node.name} did not end in {KILL_AFTER_S:.0f} s and is killed")
            process.popen.kill()


def command(node: NodeStart, log_level: str = "info") -> list[str]:
    """Return the command line of a node's process."""
    if node.is_launch_file:
        given = [f"{name}:={value}" for name, value in node.launch_arguments.items()]
        return ["ros2", "launch", node.package, node.executable, *given]
    if not node.ours:
        program = find_program(node.package, node.executable)
        if program is None:
            raise DreamitateError(f"There is no {node.executable} of the ROS package {node.package}.")
        return [str(program), *node.arguments]
    installed = find_program(node.package, node.executable) if node.own_python else None
    line = [str(installed)] if installed else [sys.executable, "-m", f"{node.package}.{node.executable}"]
    line += ["--ros-args", "--disable-external-lib-logs"]
    line += ["--log-level", f"{node.name}:={log_level}"]
    for name, value in node.parameters.items():
        line += ["-p", f"{name}:={_yaml(value)}"]
    for source, target in node.remappings:
        line += ["-r", f"{source}:={target}"]
    return line


def _last_line(log: Path) -> str:
    """Return the last thing that a process wrote: what an uncaught exception says."""
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _yaml(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _signal_when_orphaned(number: int) -> None:
    """Have the system send this process a signal when who started it is gone, however that one ended."""
    signal.signal(number, signal.SIG_DFL)  # under nohup, SIGHUP would be ignored until a node listens to it
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number))


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _write_line(stream: IO[bytes] | None, line: str) -> None:
    if stream is None:
        return
    with suppress(BrokenPipeError):
        stream.write(f"{line}\n".encode())
        stream.close()
