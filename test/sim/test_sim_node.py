"""The simulator's node: a new scene is set up only when the arms follow nothing any more."""

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="ROS is not here")

from std_srvs.srv import Trigger

from dreamitate_sim import sim_node
from dreamitate_sim.sim_node import SimNode


def reset(idle: threading.Event) -> Trigger.Response:
    """Return the answer to the wish for a new scene, of a node with one arm."""
    node = SimpleNamespace(
        _servers=[SimpleNamespace(idle=idle)], _table=SimpleNamespace(touched=False), _seed=3, value=lambda _: 3
    )
    return SimNode._reset(node, Trigger.Request(), Trigger.Response())  # type: ignore[arg-type]


def test_a_new_scene_waits_for_an_arm_that_is_being_stopped() -> None:
    idle = threading.Event()
    threading.Timer(0.2, idle.set).start()
    answer = reset(idle)
    assert answer.success, answer.message


def test_no_new_scene_while_an_arm_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim_node, "_IDLE_LIMIT_S", 0.01)
    answer = reset(threading.Event())
    assert not answer.success
    assert "cancel its trajectory" in answer.message
