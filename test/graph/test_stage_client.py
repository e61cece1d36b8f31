"""A stage that is no longer wanted is cancelled, however late its answer comes."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from dreamitate import stage_client_node
from dreamitate.stage_client_node import StageCall

UNKNOWN, SUCCEEDED = 0, 4  # action_msgs/GoalStatus


class Handle:
    """A goal of an action, as rclpy hands it out."""

    def __init__(self, accepted: bool) -> None:
        self.accepted, self.cancelled = accepted, 0
        self.asked: list[Any] = []

    def cancel_goal_async(self) -> None:
        self.cancelled += 1

    def get_result_async(self) -> Any:
        return SimpleNamespace(add_done_callback=self.asked.append)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_a_goal_is_cancelled_once_if_it_was_taken(accepted: bool, late: bool) -> None:
    call, handle = StageCall(threading.Condition()), Handle(accepted)
    steps = [call.cancel, lambda: call.take_answer(SimpleNamespace(result=lambda: handle))]
    for step in steps if late else steps[::-1]:
        step()
    assert handle.cancelled == accepted
    assert call.rejected != accepted


def test_a_result_that_is_lost_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    call, handle, now_s = taken(monkeypatch)
    call.ask()
    assert len(handle.asked) == 1
    now_s[0] += 4.0
    call.ask()
    assert len(handle.asked) == 2
    handle.asked[1](answer(SUCCEEDED))
    handle.asked[0](answer(UNKNOWN))
    assert call.response.status == SUCCEEDED


def test_a_goal_that_the_stage_has_forgotten_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    call, handle, _ = taken(monkeypatch)
    assert not call.forgotten
    handle.asked[0](answer(UNKNOWN))
    assert call.forgotten
    assert call.response is None


def taken(monkeypatch: pytest.MonkeyPatch) -> tuple[StageCall, Handle, list[float]]:
    """Return a call that a stage has taken, its handle, and the time in seconds, to be set by the test."""
    now_s = [100.0]
    monkeypatch.setattr(stage_client_node.time, "monotonic", lambda: now_s[0])
    call, handle = StageCall(threading.Condition()), Handle(True)
    call.take_answer(SimpleNamespace(result=lambda: handle))
    return call, handle, now_s


def answer(status: int) -> Any:
    """Return what the stage answers, as rclpy hands it out."""
    return SimpleNamespace(result=lambda: SimpleNamespace(status=status))
