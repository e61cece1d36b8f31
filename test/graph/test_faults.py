"""Ctrl-C, killed nodes and a killed command, while a rollout runs: the arm stops, nothing stays, the reason is said."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

NODE_LOST, INTERRUPTED = 3, 130
KEPT = {"dream": [], "track": ["dream"], "execute": ["dream", "track.npz", "plan.npz", "motion.npz"]}


def reach(graph: Any, stage: str) -> None:
    """Wait until the rollout is in a stage; for `execute`, until the arm moves."""
    graph.wait_ready()
    if stage == "execute":
        graph.wait_for("arm", moving=True)
    else:
        graph.wait_for("stage", name=stage)


def check_folder(graph: Any, stage: str, ended: str, reason: str) -> None:
    """Check what the folder says and keeps."""
    record = graph.verdict()
    assert (record["ended"], record["failed_stage"]) == (ended, stage)
    assert reason in record["reason"]
    for name in KEPT[stage]:
        assert (record["folder"] / name).exists(), name
    assert (record["folder"] / "index.html").exists()


@pytest.mark.parametrize("stage", ["dream", "track", "execute"])
def test_interrupt(start_graph: Callable[..., Any], stage: str) -> None:
    graph = start_graph(lingers_in=stage)
    reach(graph, stage)
    os.kill(graph.process.pid, signal.SIGINT)
    if stage == "execute":
        graph.wait_for("arm", moving=False)
    assert graph.end() == INTERRUPTED
    graph.assert_nothing_stays()
    check_folder(graph, stage, "canceled", "interrupted by SIGINT")


@pytest.mark.parametrize(("name", "stage"), [("generator", "dream"), ("tracker", "track"), ("executor", "execute")])
def test_killed_node(start_graph: Callable[..., Any], name: str, stage: str) -> None:
    graph = start_graph(lingers_in=stage)
    reach(graph, stage)
    os.kill(graph.pid(name), signal.SIGKILL)
    if stage == "execute":
        graph.wait_for("arm", moving=False)
    assert graph.end() == NODE_LOST
    graph.assert_nothing_stays()
    check_folder(graph, stage, "failed", f"{name} was killed by SIGKILL")


def test_killed_coordinator(start_graph: Callable[..., Any]) -> None:
    graph = start_graph()
    reach(graph, "execute")
    os.kill(graph.pid("coordinator"), signal.SIGKILL)
    graph.wait_for("arm", moving=False)
    assert graph.end() == NODE_LOST
    graph.assert_nothing_stays()
    record = graph.verdict()
    assert record["ended"] == "failed"
    assert "coordinator was killed by SIGKILL" in record["reason"]


def test_killed_simulator(start_graph: Callable[..., Any]) -> None:
    graph = start_graph()
    reach(graph, "execute")
    os.kill(graph.pid("sim"), signal.SIGKILL)
    assert graph.end() == NODE_LOST
    graph.assert_nothing_stays()
    check_folder(graph, "execute", "failed", "sim was killed by SIGKILL")


def test_killed_command_leaves_no_process_and_the_arm_stopped(start_graph: Callable[..., Any]) -> None:
    graph = start_graph()
    reach(graph, "execute")
    graph.process.kill()
    graph.wait_for("arm", moving=False)
    graph.process.wait()
    graph.assert_nothing_stays()
    assert "who started this node has gone" in graph.verdict()["reason"]
