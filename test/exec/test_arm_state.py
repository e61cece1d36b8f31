"""How much time has passed for an arm, told by what came of it."""

import threading

import pytest

from dreamitate_exec import arm
from dreamitate_exec.arm import ArmState


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time of arrival, in seconds, to be set by the test."""
    now_s = [100.0]
    monkeypatch.setattr(arm.time, "monotonic", lambda: now_s[0])
    return now_s


@pytest.mark.parametrize(
    ("arrivals_s", "stamps_s", "passed_s"),
    [
        ((0.0, 0.1, 0.2), (5.0, 5.1, 5.2), 0.2),
        ((0.0, 0.6, 0.602, 0.604), (5.0, 5.1, 5.35, 5.6), 1.1),  # held up, then in a bunch
        ((0.0, 0.01, 0.02), (5.0, 5.5, 6.0), 1.0),  # late already as one began to listen
        ((0.0, 0.1, 0.2), (0.0, 0.0, 0.0), 0.2),  # a driver that does not stamp
        ((0.0, 0.1, 0.2), (0.0, 5.0, 5.1), 0.2),
        ((0.0, 0.1, 0.2), (5.0, 3605.0, 3605.1), 0.2),  # a clock that was set
        ((0.0, 0.1, 0.2), (3605.0, 5.0, 5.1), 0.2),
    ],
)
def test_time_passes_by_arrival_or_by_stamp(
    clock: list[float], arrivals_s: tuple[float, ...], stamps_s: tuple[float, ...], passed_s: float
) -> None:
    state = ArmState(["joint"], threading.Condition())
    for arrival_s, stamp_s in zip(arrivals_s, stamps_s, strict=True):
        clock[0] = 100.0 + arrival_s
        state.take(["joint"], [0.0], stamp_ns=round(stamp_s * 1e9))
    assert state.clock_s == pytest.approx(passed_s)
