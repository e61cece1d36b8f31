"""A stage that is no longer wanted is cancelled, however late its answer comes."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from dreamitate.stage_client_node import StageCall


class Handle:
    """A goal of an action, as rclpy hands it out."""

    def __init__(self, accepted: bool) -> None:
        self.accepted, self.cancelled = accepted, 0

    def cancel_goal_async(self) -> None:
        self.cancelled += 1

    def get_result_async(self) -> Any:
        return SimpleNamespace(add_done_callback=lambda _: None)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("late", [True, False])
def test_a_goal_is_cancelled_once_if_it_was_taken(accepted: bool, late: bool) -> None:
    call, handle = StageCall(threading.Condition()), Handle(accepted)
    steps = [call.cancel, lambda: call.take_answer(SimpleNamespace(result=lambda: handle))]
    for step in steps if late else steps[::-1]:
        step()
    assert handle.cancelled == accepted
    assert call.rejected != accepted
