"""The supervisor, with processes that behave as nodes do: nothing stays, the order is kept, the reason is said."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamitate.supervise import INTERRUPTED, NODE_LOST, NOT_READY

FAKES = Path(__file__).parent / "fakes"
LIMIT_S = 30.0


class Run:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, nodes: dict[str, str]) -> None:
        self.folder = folder
        (folder / "diary").touch()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "plain.run_supervisor", folder, *(f"{name}={what}" for name, what in nodes.items())],
            env={**os.environ, "PYTHONPATH": f"{FAKES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []

    def wait_for(self, text: str) -> None:
        """Read what the supervisor says up to a line that contains `text`."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if text in line:
                return
        raise AssertionError(f"{text!r} was never said; this was: {self.lines}")

    def end(self) -> int:
        """Wait for the supervisor's end; return its exit code."""
        out, _ = self.process.communicate(timeout=LIMIT_S)
        self.lines += out.splitlines()
        return self.process.returncode

    def diary(self, word: str) -> list[tuple[str, str]]:
        """Return (name, rest) of the diary's lines with that word, in order."""
        lines = [line.split(" ", 2) for line in (self.folder / "diary").read_text().splitlines()]
        return [(name, rest) for name, what, rest in lines if what == word]

    def reason(self) -> str:
        """Return the reason that the supervisor ended with."""
        return next(line for line in self.lines if line.startswith("reason:")).removeprefix("reason: ")

    def pids(self) -> dict[str, int]:
        """Return the nodes' process ids."""
        return {name: int(rest) for name, rest in self.diary("pid")}

    def assert_nothing_stays(self) -> None:
        """Wait until no process of the graph is left."""
        for name, rest in self.diary("pid"):
            try:
                descriptor = os.pidfd_open(int(rest))
            except ProcessLookupError:
                continue
            ended, _, _ = select.select([descriptor], [], [], LIMIT_S)
            os.close(descriptor)
            assert ended, f"{name} ({rest}) still runs"


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[list[Run]]:
    started: list[Run] = []
    yield started
    for run in started:
        run.process.kill()
        run.process.wait()


def start(runs: list[Run], tmp_path: Path, **nodes: str) -> Run:
    run = Run(tmp_path, nodes)
    runs.append(run)
    return run


def test_end_of_main_ends_all_in_order(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="ends", executor="runs", sim="runs")
    for _ in range(3):
        run.wait_for("is ready")
    os.kill(run.pids()["coordinator"], signal.SIGUSR1)
    assert run.end() == 5
    assert run.diary("told") == [("executor", "stop the rollout is over"), ("sim", "stop the rollout is over")]
    run.assert_nothing_stays()


def test_killed_node_is_named_and_the_others_are_told(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="runs", executor="runs", sim="runs")
    for _ in range(3):
        run.wait_for("is ready")
    os.kill(run.pids()["executor"], signal.SIGKILL)
    assert run.end() == NODE_LOST
    assert run.reason() == "executor was killed by SIGKILL"
    told = "lost executor was killed by SIGKILL"
    assert run.diary("told") == [("coordinator", told), ("sim", told)]
    run.assert_nothing_stays()


def test_main_that_is_killed_is_a_lost_node(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="runs", executor="runs")
    for _ in range(2):
        run.wait_for("is ready")
    os.kill(run.pids()["coordinator"], signal.SIGKILL)
    assert run.end() == NODE_LOST
    assert run.reason() == "coordinator was killed by SIGKILL"
    run.assert_nothing_stays()


def test_node_that_cannot_start_says_why(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="runs", generator="fails", sim="runs")
    assert run.end() == NODE_LOST
    assert run.reason() == "generator ended with exit code 2: There is no such thing. Make one."
    run.assert_nothing_stays()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal(runs: list[Run], tmp_path: Path, number: signal.Signals) -> None:
    run = start(runs, tmp_path, coordinator="runs", executor="runs")
    for _ in range(2):
        run.wait_for("is ready")
    run.process.send_signal(number)
    assert run.end() == INTERRUPTED
    assert run.reason() == f"interrupted by {number.name}"
    assert [name for name, _ in run.diary("told")] == ["coordinator", "executor"]
    run.assert_nothing_stays()


def test_killed_supervisor_leaves_nothing(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="runs", executor="runs", sim="never ready")
    for _ in range(2):
        run.wait_for("is ready")
    run.process.kill()
    run.process.wait()
    run.assert_nothing_stays()


def test_node_that_is_never_ready_is_named(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="runs", tracker="never ready")
    assert run.end() == NOT_READY
    assert run.reason().startswith("tracker not ready in time")
    run.assert_nothing_stays()


def test_deaf_node_and_its_child_are_killed(runs: list[Run], tmp_path: Path) -> None:
    run = start(runs, tmp_path, coordinator="runs", sim="deaf")
    for _ in range(2):
        run.wait_for("is ready")
    run.process.send_signal(signal.SIGINT)
    assert run.end() == INTERRUPTED
    assert any("sim did not end" in line for line in run.lines)
    assert len(run.diary("pid")) == 3
    run.assert_nothing_stays()
