"""The table in real time: one thread moves it, another one takes its pictures, so that neither waits for the other.

All drawing is done by the second thread, because a GL context belongs to one thread.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.arms import ArmSetup
from dreamitate_core.camera import Image

from .arm import SimulatedArm
from .follower import FollowState
from .judge import Verdict
from .scene import Scene
from .table_simulation import TableSimulation
from .trajectory_check import Path

Array = NDArray[np.float64]

REST_S = 0.5
"""How long things may roll after a motion, before they are judged, in simulated seconds."""
STOPPED_RAD_S = 0.01
_LATEST_S = 0.5
"""How far the simulation may fall behind real time before it gives up catching up."""
_CATCHING_UP = 2.0
"""How many times as fast as real time it is at most while it catches up: an arm that leaps looks off its path."""


class LiveTable:
    """A simulation that runs. `stepped` is notified after each step; `on_step` and `on_pictures` are called by the two
    threads, with each arm's joint positions and velocities (dof,), and with both pictures. Arms are numbered."""

    def __init__(
        self,
        arms: Sequence[ArmSetup],
        period_s: float,
        speed: float,
        on_step: Callable[[list[tuple[Array, Array]]], None],
        on_pictures: Callable[[Image, Image], None],
        picture_period_s: Callable[[bool], float],
    ) -> None:
        """period_s: real seconds of a step; speed: simulated seconds per second; picture_period_s(moving): seconds."""
        self.setups, self._period_s, self._speed = list(arms), period_s, speed
        self._on_step, self._on_pictures, self._picture_period_s = on_step, on_pictures, picture_period_s
        self.stepped = threading.Condition()
        self.touched = False
        """Whether an arm has moved since the scene was set up."""
        self._beginning = 0, 0.0
        self._over = threading.Event()
        self._jobs: queue.Queue[tuple[Future[Any], Callable[[], Any]]] = queue.Queue()
        self._simulation: TableSimulation | None = None
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._draw, self._move)]
        for thread in self._threads:
            thread.start()

    def set_up(self, scene: Scene) -> None:
        """Begin anew with this scene, and take its pictures. Raises DreamitateError where it cannot be built."""

        def build() -> None:
            simulation = TableSimulation(scene, self.setups)
            with self.stepped:
                self._simulation, self.touched = simulation, False
                self.stepped.notify_all()
            self._take_pictures()

        self.do_where_drawn(build)

    def do_where_drawn(self, job: Callable[[], Any]) -> Any:
        """Return what `job()` returns, which is run by the thread that draws."""
        future: Future[Any] = Future()
        self._jobs.put((future, job))
        return future.result()

    def end(self) -> None:
        """Stop the arms and both threads."""
        for arm in range(len(self.setups)):
            self.stop(arm, 1.0)
        self._over.set()
        self._jobs.put((Future(), lambda: None))  # wakes the one that draws
        for thread in self._threads:
            thread.join(2.0)

    def start(self, arm: int, path: Path, stamp_ns: int = 0, delay_s: float = 0.0) -> None:
        """Have an arm follow a path from now on, or from a stamp on that is so many real seconds away.

        Paths of one stamp begin at the same simulated time, however the simulation keeps up meanwhile.
        """
        with self.stepped:
            self.touched = True
            if not stamp_ns or stamp_ns != self._beginning[0]:
                self._beginning = stamp_ns, self._live.time_s + delay_s * self._speed
            wait_s = self._beginning[1] - self._live.time_s
            self._arm(arm).start(path.time_s, path.position, path.velocity, wait_s)

    def stop(self, arm: int, limit_s: float) -> bool:
        """Stop an arm within its limits; return whether it stands within `limit_s`."""
        with self.stepped:
            if self._simulation is None:
                return True
            self._arm(arm).stop()
            return self.stepped.wait_for(lambda: self._stands(arm), limit_s)

    def rest(self, limit_s: float) -> None:
        """Wait until things had their time to come to rest."""
        self.wait_until(self.time_s() + REST_S, limit_s)

    def wait_until(self, time_s: float, limit_s: float) -> None:
        """Wait until that simulated time, for at most so many real seconds."""
        with self.stepped:
            self.stepped.wait_for(lambda: self._live.time_s >= time_s or self._over.is_set(), limit_s)

    def judge(self) -> Verdict:
        """Return the verdict on the scene as it is."""
        with self.stepped:
            return self._live.judge()

    def scene_now(self) -> Scene:
        """Return the scene with its objects where they are now."""
        with self.stepped:
            return self._live.scene_now()

    def following(self, arm: int) -> FollowState:
        """Return how an arm's last path goes."""
        with self.stepped:
            return self._arm(arm).following

    def joint_state(self, arm: int) -> tuple[Array, Array]:
        """Return where an arm's joints are and how fast they move: (dof,) rad, (dof,) rad/s."""
        with self.stepped:
            return self._arm(arm).position, self._arm(arm).velocity

    def time_s(self) -> float:
        """Return the simulated time since the scene was set up."""
        with self.stepped:
            return float(self._live.time_s)

    @property
    def _live(self) -> TableSimulation:
        assert self._simulation is not None
        return self._simulation

    def _arm(self, number: int) -> SimulatedArm:
        return self._live.arms[number]

    def _stands(self, arm: int) -> bool:
        return bool(np.abs(self._arm(arm).velocity).max() < STOPPED_RAD_S) or self._over.is_set()

    def _move(self) -> None:
        with self.stepped:
            self.stepped.wait_for(lambda: self._simulation is not None or self._over.is_set())
        due_s = time.monotonic()
        while not self._over.is_set():
            begun_s = time.monotonic()
            with self.stepped:
                self._live.step(self._period_s * self._speed)
                states = [(arm.position, arm.velocity) for arm in self._live.arms]
                self.stepped.notify_all()
            self._on_step(states)
            due_s = max(due_s + self._period_s, time.monotonic() - _LATEST_S)
            next_s = max(due_s, begun_s + self._period_s / _CATCHING_UP)
            self._over.wait(max(next_s - time.monotonic(), 0.0))

    def _draw(self) -> None:
        due_s = time.monotonic()
        while not self._over.is_set():
            try:
                future, job = self._jobs.get(timeout=max(due_s - time.monotonic(), 0.0))
            except queue.Empty:
                self._take_pictures()
                due_s = time.monotonic() + self._picture_period_s(self._moves())
                continue
            try:
                future.set_result(job())
            except Exception as problem:
                future.set_exception(problem)

    def _moves(self) -> bool:
        return self._simulation is not None and any(arm.following.state == "running" for arm in self._simulation.arms)

    def _take_pictures(self) -> None:
        with self.stepped:
            simulation = self._simulation
            snapshot = simulation.snapshot() if simulation else None
        if simulation is None:
            return
        camera = simulation.rig.camera_1
        pictures = [simulation.render(index, camera.width, camera.height, snapshot) for index in (1, 2)]
        self._on_pictures(*pictures)
