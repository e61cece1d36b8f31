"""The table in real time: trajectories of one stamp begin together; what was held up is caught up with, not at once."""

import threading
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamitate_core.arms import load_arms
from dreamitate_core.task import load_task
from dreamitate_sim.live_table import LiveTable
from dreamitate_sim.scene import make_scene
from dreamitate_sim.trajectory_check import Path

Array = NDArray[np.float64]


def test_catching_up_the_table_runs_at_most_twice_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveTable, "_take_pictures", lambda _: None)
    task = load_task("sweeping")
    came_s: list[float] = []
    period_s, held_up_s, held_up, enough = 0.02, 0.4, 10, threading.Event()

    def note(_: list[tuple[Array, Array]]) -> None:
        came_s.append(time.monotonic())
        if len(came_s) == held_up:
            time.sleep(held_up_s)  # what is tested: the thread that moves the table does not run for so long
        if len(came_s) == 40:
            enough.set()

    table = LiveTable(load_arms(task), period_s, 1.0, note, lambda *_: None, lambda _: 10.0)
    try:
        table.set_up(make_scene(task, 1000, "test"))
        assert enough.wait(20.0)
    finally:
        table.end()
    steps = round(held_up_s / period_s) - 4
    took_s = max(came_s[first + steps] - came_s[first] for first in range(held_up, held_up + 3))
    assert took_s > 0.6 * steps * period_s / 2  # half the time but for what the clock is late; 0.01 s as it was


def test_trajectories_of_one_stamp_begin_together_however_late_one_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LiveTable, "_take_pictures", lambda _: None)  # this process draws in another thread
    task = load_task("rotation")
    arms = load_arms(task)
    moved: list[tuple[float, float]] = []
    over = threading.Event()

    def note(states: list[tuple[Array, Array]]) -> None:
        one, two = (float(position[3] - arm.robot.home[3]) for arm, (position, _) in zip(arms, states, strict=True))
        moved.append((one, two))
        if max(one, two) > 0.195:
            over.set()

    table = LiveTable(arms, 0.01, 1.0, note, lambda *_: None, lambda _: 10.0)
    try:
        table.set_up(make_scene(task, 1000, "test"))
        time_s = np.linspace(0.0, 1.5, 60)
        u = time_s / 1.5
        progress, speed = 3 * u**2 - 2 * u**3, (6 * u - 6 * u**2) / 1.5
        offset = np.array([0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0])
        for number, arm in enumerate(arms):
            path = Path(time_s, arm.robot.home + progress[:, None] * offset, speed[:, None] * offset)
            table.start(number, path, stamp_ns=5, delay_s=0.3 - 0.5 * number)  # the second one's clock is off
            table.wait_until(table.time_s() + 0.2, 20.0)
        assert over.wait(20.0)
    finally:
        table.end()
    one, two = np.array(moved).T
    moving = (one > 0.02) & (one < 0.18)
    assert moving.sum() > 20
    assert np.abs(one - two)[moving].max() < 0.002
