"""Where an arm is on its plan, told by its joints alone."""

import numpy as np
import pytest

from dreamitate_core.plan import Plan
from dreamitate_exec.monitor import Monitor, behind_each


@pytest.fixture
def pausing() -> Plan:
    """One joint: it stands for 2 s, moves by 1 rad in 1 s, and stands for 2 s."""
    time_s = np.arange(0.0, 5.01, 0.05)
    position = np.clip(time_s - 2.0, 0.0, 1.0)[:, None]
    poses = np.tile(np.eye(4), (len(time_s), 1, 1))
    return Plan(["joint"], time_s, position, 0 * position, 0 * position, poses, time_s[:1], poses[:1])


def test_in_a_pause_it_may_be_anywhere_from_its_begin_on(pausing: Plan) -> None:
    monitor = Monitor(pausing)
    for _ in range(10):
        assert monitor.deviation_rad([0.0]) == 0.0
    assert monitor.time_s == pytest.approx(2.0)
    assert monitor.reached_s == 0.0


def test_while_it_moves_there_is_one_time(pausing: Plan) -> None:
    monitor = Monitor(pausing)
    for position in (0.0, 0.0, 0.0, 0.0, 0.0, 0.2, 0.5):
        monitor.deviation_rad([position])
    assert monitor.time_s == monitor.reached_s == pytest.approx(2.5, abs=0.06)
    for position in (0.9, 1.0, 1.0, 1.0):
        monitor.deviation_rad([position])
    assert monitor.reached_s == pytest.approx(3.0)
    assert monitor.time_s > 3.5


def test_after_a_silence_the_arm_is_looked_for_further_ahead_however_often_one_asked(pausing: Plan) -> None:
    monitor = Monitor(pausing, heard_s=99.9)
    for position, heard_s in ((0.0, 100.0), (0.0, 102.0), (0.05, 102.1)):
        monitor.deviation_rad([position], heard_s)
    for _ in range(30):  # asked again and again, and nothing new was heard
        assert monitor.deviation_rad([0.05], 102.1) == pytest.approx(0.0, abs=1e-6)
    assert monitor.deviation_rad([0.95], 102.5) == pytest.approx(0.0, abs=1e-6)
    unheard = Monitor(pausing, heard_s=102.0)
    unheard.deviation_rad([0.0], 102.1)
    assert unheard.deviation_rad([0.95], 102.15) > 0.3  # so soon it cannot have come there


def test_what_comes_first_after_a_silence_may_be_old(pausing: Plan) -> None:
    monitor = Monitor(pausing, heard_s=100.0)
    monitor.deviation_rad([0.0], 100.0)
    monitor.deviation_rad([0.02], 100.5)  # silent for half a second, and it came late
    assert monitor.deviation_rad([0.98], 100.52) == pytest.approx(0.0, abs=1e-6)
    patient = Monitor(pausing, heard_s=100.0)
    for heard_s in (100.0, *np.arange(100.5, 101.1, 0.02)):
        patient.deviation_rad([0.0], heard_s)
    assert patient.deviation_rad([0.98], 101.1) > 0.3  # long enough after it


@pytest.mark.parametrize(("late_s", "behind_rad"), [(0.0, 0.25), (0.4, 0.0)])
def test_an_arm_is_out_of_step_where_that_is_not_the_age_of_what_is_known(
    pausing: Plan, late_s: float, behind_rad: float
) -> None:
    first, second = Monitor(pausing), Monitor(pausing)
    for position in (0.0, 0.0, 0.0, 0.0, 0.4, 0.8):
        first.deviation_rad([position])
    for position in (0.0, 0.0, 0.0, 0.0, 0.3):
        second.deviation_rad([position])
    lags_rad = behind_each([first, second], [np.array([0.8]), np.array([0.3])], [10.0, 10.0 - late_s])
    assert lags_rad == pytest.approx([0.0, behind_rad], abs=0.06)
