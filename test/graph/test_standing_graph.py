"""One standing graph: it offers what it says; goals are carried out, rejected, cancelled, stopped, and the next works.

All that needs it is in this file, so that it ends with it: six nodes that stand by take more than a third of a core.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dreamitate.interfaces import EVERYWHERE, IN_SIMULATION
from dreamitate_ros.interface import NodeInterface

CONTROLLER = "joint_trajectory_controller"
ATTEMPTS = 10
"""A node's services may be discovered a little later than its topics."""
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
CANCELLED, NOT_APPROVED, EMERGENCY_STOP = 1, 306, 312


def begin(graph: Any, lingers_in: str = "") -> None:
    """Send a goal to the standing graph; wait until it is taken."""
    graph.command(f"goal {graph.seeds.get(lingers_in, graph.seed)}")
    assert graph.wait_for("goal")["accepted"]


def end(graph: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the goal's result and what its folder says."""
    result = graph.wait_for("result")
    return result, json.loads((Path(result["folder"]) / "verdict.json").read_text())


def ask_before_moving(graph: Any, wanted: bool) -> None:
    """Have plans wait for approval, or not."""
    graph.command("ask" if wanted else "trust")
    assert graph.wait_for("set")["success"]


def how_to_approve(graph: Any) -> str:
    """Return the next line of the command that tells how."""
    return str(graph.said.wait_for(lambda line: "dreamitate approve" in line, "how to approve"))


def test_a_goal_is_carried_out_and_a_second_one_is_rejected(standing_graph: Any) -> None:
    begin(standing_graph)
    standing_graph.command("again 7")
    assert not standing_graph.wait_for("again")["accepted"]
    result, record = end(standing_graph)
    assert (result["status"], result["error_code"]) == (SUCCEEDED, 0), result["error_msg"]
    assert record["ended"] == "completed"
    assert json.loads(result["verdict_json"])["success"] == record["success"] == result["task_success"]
    for name in ("dream", "track.npz", "preview.png", "plan.npz", "motion.npz", "execution.mp4", "index.html"):
        assert (Path(result["folder"]) / name).exists(), name


@pytest.mark.parametrize("stage", ["dream", "track", "plan"])
def test_cancel_before_the_arm_moves(standing_graph: Any, stage: str) -> None:
    ask_before_moving(standing_graph, stage == "plan")  # the planner does not linger: its plan has to wait
    begin(standing_graph, lingers_in=stage)
    standing_graph.wait_for("stage", name=stage)
    if stage == "plan":
        how_to_approve(standing_graph)
    standing_graph.command("cancel")
    result, record = end(standing_graph)
    ask_before_moving(standing_graph, False)
    assert (result["status"], result["error_code"]) == (CANCELED, CANCELLED)
    assert result["failed_stage"] == record["failed_stage"] == stage
    assert record["ended"] == "canceled"
    assert record["reason"] == result["error_msg"] == "cancelled by the client"
    kept = {"dream": [], "track": ["dream"], "plan": ["dream", "track.npz"]}[stage]
    for name in kept:
        assert (Path(result["folder"]) / name).exists(), name
    assert (Path(result["folder"]) / "index.html").exists()


def test_cancel_while_the_arm_moves_stops_it(standing_graph: Any) -> None:
    begin(standing_graph)
    standing_graph.wait_for("arm", moving=True)
    standing_graph.command("cancel")
    standing_graph.wait_for("arm", moving=False)
    result, record = end(standing_graph)
    assert (result["status"], result["error_code"]) == (CANCELED, CANCELLED)
    assert result["failed_stage"] == record["failed_stage"] == "execute"
    for name in ("dream", "track.npz", "plan.npz", "motion.npz"):
        assert (Path(result["folder"]) / name).exists(), name


def test_emergency_stop_stops_the_arm_and_keeps_it_stopped(standing_graph: Any) -> None:
    begin(standing_graph)
    standing_graph.wait_for("arm", moving=True)
    standing_graph.command("stop")
    standing_graph.wait_for("arm", moving=False)
    result, record = end(standing_graph)
    assert (result["status"], result["error_code"]) == (ABORTED, EMERGENCY_STOP)
    assert (record["ended"], record["failed_stage"]) == ("failed", "execute")
    assert "Emergency stop" in record["reason"]
    standing_graph.command("release")
    begin(standing_graph)
    result, _ = end(standing_graph)
    assert (result["status"], result["error_code"]) == (SUCCEEDED, 0), result["error_msg"]


def test_the_arm_moves_only_with_approval(standing_graph: Any) -> None:
    standing_graph.command("approve")
    assert not standing_graph.wait_for("answered")["success"], "no plan waits"
    ask_before_moving(standing_graph, True)
    begin(standing_graph)
    standing_graph.wait_for("waits")
    moved = len(standing_graph.events("arm"))
    folder = how_to_approve(standing_graph).partition("dreamitate approve ")[2].split()[0]
    answer = subprocess.run(
        [sys.executable, "-m", "dreamitate.cli", "approve", folder, "--refuse"],
        cwd=standing_graph.runs.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "The arm stays where it is.\n"
    result, record = end(standing_graph)
    assert (result["status"], result["error_code"], record["failed_stage"]) == (ABORTED, NOT_APPROVED, "plan")
    assert "refused by a person" in record["reason"]
    assert len(standing_graph.events("arm")) == moved, "the arm moved"
    assert (Path(result["folder"]) / "preview.png").exists()
    begin(standing_graph)
    standing_graph.wait_for("waits")
    standing_graph.command("approve")
    standing_graph.wait_for("arm", moving=True)
    standing_graph.command("cancel")
    standing_graph.wait_for("arm", moving=False)
    end(standing_graph)
    ask_before_moving(standing_graph, False)


def test_the_observer_needs_nothing_of_ours_but_the_messages(standing_graph: Any) -> None:
    standing_graph.command("modules")
    assert standing_graph.wait_for("modules")["ours"] == ["dreamitate_msgs"]


def test_the_running_graph_offers_exactly_what_the_table_says(standing_graph: Any) -> None:
    while len(standing_graph.events("diagnosed")) < len(IN_SIMULATION):
        standing_graph.wait_for("diagnosed")
    expected = {node.name: _offers(node) for node in IN_SIMULATION}
    for _ in range(ATTEMPTS):
        standing_graph.command("graph")
        found = standing_graph.wait_for("graph")["nodes"]
        if found == expected:
            break
    for name, offers in expected.items():
        assert found[name] == offers, name


def _offers(node: NodeInterface) -> dict[str, Any]:
    return {
        "publishes": sorted(_topics(node, [*node.publishes, EVERYWHERE])),
        "subscribes": sorted(_topics(node, node.subscribes)),
        "services": sorted([_full(node, service.name), service.type] for service in node.services),
        "actions": sorted([_full(node, action.name), action.type] for action in node.actions),
        "parameters": sorted(parameter.name for parameter in node.parameters),
    }


def _topics(node: NodeInterface, topics: Any) -> list[list[str]]:
    return [[_full(node, name), topic.type] for topic in topics for name in topic.names()]


def _full(node: NodeInterface, name: str) -> str:
    name = name.replace("<controller>", CONTROLLER)
    return name if name.startswith("/") else f"/{node.name}{name[1:]}" if name.startswith("~") else f"/{name}"
