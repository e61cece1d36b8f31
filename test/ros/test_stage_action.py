"""One goal at a time: a second one is rejected, and one that was admitted and never begins holds up nobody for long."""

from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.action import GoalResponse

from dreamitate_ros import stage_node
from dreamitate_ros.stage_node import StageAction

UNEXPECTED = 9


class Handle:
    """A goal that the server hands out."""

    is_cancel_requested, request, goal_id = False, None, SimpleNamespace(uuid=bytes(16))

    def __init__(self) -> None:
        self.ended = ""

    def succeed(self) -> None:
        self.ended = "succeeded"

    def abort(self) -> None:
        self.ended = "aborted"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, to be set by the test."""
    now_s = [100.0]
    monkeypatch.setattr(stage_node, "ActionServer", lambda *_, **__: None)
    monkeypatch.setattr(stage_node.time, "monotonic", lambda: now_s[0])
    return now_s


def action(work: Any) -> StageAction:
    """Return an action whose server does nothing by itself."""
    logger = SimpleNamespace(warning=lambda _: None, info=lambda _: None, error=lambda _: None)
    stopping = SimpleNamespace(is_set=lambda: False)
    node = SimpleNamespace(actions=[], free=None, stopping=stopping, get_logger=lambda: logger)

    class Result(SimpleNamespace):
        UNEXPECTED, CANCELLED = UNEXPECTED, 1

    return StageAction(node, SimpleNamespace(Result=Result), "stage", work, 2, lambda: "")


def test_what_was_admitted_and_never_begins_lapses(clock: list[float]) -> None:
    stage = action(lambda _: "result")
    assert stage._admit(None) == GoalResponse.ACCEPT
    clock[0] += 4.0
    assert stage._admit(None) == GoalResponse.REJECT
    clock[0] += 2.0
    assert stage._admit(None) == GoalResponse.ACCEPT
    assert stage._execute(Handle()) == "result"
    assert stage.idle.is_set()
    assert stage._admit(None) == GoalResponse.ACCEPT


def test_a_goal_that_begins_after_all_does_not_run_beside_another(clock: list[float]) -> None:
    late = Handle()
    refused: list[Any] = []

    def work(_: Any) -> str:
        clock[0] += 100.0
        assert stage._admit(None) == GoalResponse.REJECT
        refused.append(stage._execute(late))
        assert not stage.idle.is_set()
        return "result"

    stage, first = action(work), Handle()
    assert stage._execute(first) == "result"
    assert (first.ended, late.ended, refused[0].error_code) == ("succeeded", "aborted", UNEXPECTED)
    assert stage.idle.is_set()
