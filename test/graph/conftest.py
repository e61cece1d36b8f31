"""A whole graph in processes of its own, and an observer of it in another one; each pair in a ROS domain of its own."""

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment
from dreamitate_core.clip import write_clip
from dreamitate_core.task import load_task

FAKES = Path(__file__).parent / "fakes"
SEED = 1000
LIMIT_S = 200.0
TOKEN = "DREAMITATE_TEST_TOKEN"  # noqa: S105 - a name

Event = dict[str, Any]


class Lines:
    """A process whose output is read line by line in the background."""

    def __init__(self, stream: IO[str]) -> None:
        self._queue: queue.Queue[str | None] = queue.Queue()
        self.all: list[str] = []
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def read_all(self) -> None:
        """Take what there is to `all`, until the output ends or nothing comes for a second."""
        with contextlib.suppress(queue.Empty):
            while (line := self._queue.get(timeout=1.0)) is not None:
                self.all.append(line)

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for(self, wanted: Callable[[str], bool], what: str) -> str:
        """Return the next line that is wanted; fails where the output ends or the time is up."""
        until_s = time.monotonic() + LIMIT_S
        while True:
            try:
                line = self._queue.get(timeout=max(until_s - time.monotonic(), 0.0))
            except queue.Empty:
                raise AssertionError(f"{what} did not come in {LIMIT_S} s; these did: {self._last()}") from None
            assert line is not None, f"{what} never came; these did: {self._last()}"
            self.all.append(line)
            if wanted(line):
                return line

    def _last(self) -> str:
        """Return the last lines, without the cameras' many."""
        return "\n".join([line for line in self.all if '"camera"' not in line][-40:])


class Graph:
    """`dreamitate rollout` with stand-ins for some nodes, and an observer."""

    seed = SEED
    seeds = {"dream": SEED + 1, "track": SEED + 2}  # noqa: RUF012 - the seeds for which the stand-ins linger in a stage

    def __init__(self, folder: Path, clip: Path, slow: str, **values: str) -> None:
        self.token = uuid.uuid4().hex
        self.runs = folder / "runs"
        environment = ros_environment()
        environment.pop(DOMAIN, None)
        self._held = contextlib.ExitStack()
        self.domain = self._held.enter_context(held_domain(environment))
        environment[DOMAIN] = str(self.domain)
        self.observer = subprocess.Popen(
            [sys.executable, str(FAKES / "observer.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.observer.stdout
        self._events = Lines(self.observer.stdout)
        self._events.wait_for(lambda line: "listening" in line, "the observer")  # before there is anything to miss
        arguments = {"generator": "replay", "replay": str(clip), "seed": str(SEED), "runs": str(self.runs), **values}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "run_graph", slow, *(f"{name}:={value}" for name, value in arguments.items())],
            env={
                **environment,
                TOKEN: self.token,
                "DREAMITATE_TEST_CLIP": str(clip),
                "PYTHONPATH": f"{FAKES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
                "PYTHONUNBUFFERED": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        self.said = Lines(self.process.stdout)

    def wait_for(self, event: str, **details: Any) -> Event:
        """Return the next event that the observer tells of that kind with these details."""

        def wanted(line: str) -> bool:
            told = json.loads(line)
            assert told["event"] != "result" or event == "result", f"ended before {event} {details}: {told}"
            return told["event"] == event and all(told[key] == value for key, value in details.items())

        try:
            found: Event = json.loads(self._events.wait_for(wanted, f"{event} {details}"))
        except AssertionError as missed:
            raise AssertionError(f"{missed}\n{self._records()}") from None
        return found

    def _records(self) -> str:
        """Return what the graph itself said: the command's output, and the end of each node's log."""
        self.said.read_all()
        logs = sorted(self.runs.rglob("*.log"))
        return "\n".join(
            [f"the command ({self.process.poll()}):", *self.said.all[-20:]]
            + [f"{log.name}: {log.read_text(errors='replace')[-1000:]}" for log in logs]
        )

    def events(self, kind: str) -> list[Event]:
        """Return the events of that kind that were read so far."""
        return [event for event in map(json.loads, self._events.all) if event["event"] == kind]

    def command(self, text: str) -> None:
        """Have the observer do something."""
        assert self.observer.stdin
        self.observer.stdin.write(text + "\n")
        self.observer.stdin.flush()

    def wait_ready(self) -> None:
        """Wait until five nodes are ready."""
        for _ in range(5):
            self.said.wait_for(lambda line: "is ready" in line, "a ready node")

    def pid(self, name: str) -> int:
        """Return the process id of a node."""
        found = [pid for pid in self.pids() if f"{name}_node" in _command_line(pid)]
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def pids(self) -> list[int]:
        """Return all processes of the graph that run, the supervisor included."""
        return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if self._is_ours(pid)]

    def end(self) -> int:
        """Wait for the end of the command and of what it says; return its exit code."""
        code = self.process.wait(LIMIT_S)
        self.said.read_all()
        return code

    def assert_nothing_stays(self) -> None:
        """Wait until no process of the graph is left."""
        for pid in self.pids():
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            line = _command_line(pid)
            ended, _, _ = select.select([descriptor], [], [], LIMIT_S)
            os.close(descriptor)
            assert ended, f"still runs: {line}"

    def verdict(self) -> dict[str, Any]:
        """Return `verdict.json` of the one folder."""
        (folder,) = (path for path in self.runs.iterdir() if (path / "verdict.json").is_file())
        record: dict[str, Any] = json.loads((folder / "verdict.json").read_text())
        return {**record, "folder": folder}

    def kill(self) -> None:
        """End everything, whatever state it is in."""
        for process in (self.observer, self.process):
            process.kill()
            process.wait()
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self._held.close()

    def _is_ours(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return f"{TOKEN}={self.token}".encode() in environment and state != "Z"


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def write_demonstration(task: str, folder: Path) -> Path:
    """Write a small demonstration of the task's scene SEED; return its folder."""
    from dreamitate_sim.demonstrator import demonstrate
    from dreamitate_sim.scene import make_scene

    write_clip(folder, demonstrate(make_scene(load_task(task), SEED, "test"), 0, 384, 224))
    return folder


@pytest.fixture
def rotation_clip(tmp_path: Path) -> Path:
    """A small demonstration of the scene SEED of the task with two arms."""
    return write_demonstration("rotation", tmp_path / "rotation_clip")


@pytest.fixture(scope="session")
def lines() -> type[Lines]:
    """What reads a process's output line by line."""
    return Lines


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small demonstration of the scene SEED."""
    return write_demonstration("sweeping", tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture(scope="module")
def standing_graph(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """A graph with slow stand-ins that waits for goals; all tests that leave it as it was share it."""
    graph = Graph(tmp_path_factory.mktemp("graph"), clip, "generator,tracker", start="false", record="true")
    graph.wait_ready()
    graph.wait_for("server")
    yield graph
    graph.kill()


@pytest.fixture
def start_graph(clip: Path, tmp_path: Path) -> Iterator[Callable[..., Graph]]:
    """Start graphs that roll out at once; they are ended with the test."""
    started: list[Graph] = []

    def start(slow: str = "generator,tracker", lingers_in: str = "", **values: str) -> Graph:
        seed = str(Graph.seeds.get(lingers_in, SEED))
        started.append(Graph(tmp_path, clip, slow, **{"record": "false", "seed": seed, **values}))
        return started[-1]

    yield start
    for graph in started:
        graph.kill()
