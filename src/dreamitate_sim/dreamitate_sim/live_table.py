"""The table in real time: one thread moves it, another one takes its pictures, so that neither waits for the other.

All drawing is done by the second thread, because a GL context belongs to one thread.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import Image
from dreamitate_core.robot import Robot
from dreamitate_core.tool import Tool

from .judge import Verdict
from .scene import Scene
from .table_simulation import FollowState, TableSimulation
from .trajectory_check import Path

Array = NDArray[np.float64]

REST_S = 0.5
"""How long things may roll after a motion, before they are judged, in simulated seconds."""
STOPPED_RAD_S = 0.01
_LATEST_S = 0.5
"""How far the simulation may fall behind real time before it gives up catching up."""


class LiveTable:
    """A simulation that runs. `stepped` is notified after each step; `on_step` and `on_pictures` are called by the two
    threads, with joint positions and velocities (dof,), and with both pictures."""

    def __init__(
        self,
        robot: Robot,
        tool: Tool,
        period_s: float,
        speed: float,
        on_step: Callable[[Array, Array], None],
        on_pictures: Callable[[Image, Image], None],
        picture_period_s: Callable[[bool], float],
    ) -> None:
        """period_s: real seconds of a step; speed: simulated seconds per second; picture_period_s(moving): seconds."""
        self.robot, self._tool, self._period_s, self._speed = robot, tool, period_s, speed
        self._on_step, self._on_pictures, self._picture_period_s = on_step, on_pictures, picture_period_s
        self.stepped = threading.Condition()
        self.touched = False
        """Whether the arm has moved since the scene was set up."""
        self._over = threading.Event()
        self._jobs: queue.Queue[tuple[Future[Any], Callable[[], Any]]] = queue.Queue()
        self._simulation: TableSimulation | None = None
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._draw, self._move)]
        for thread in self._threads:
            thread.start()

    def set_up(self, scene: Scene) -> None:
        """Begin anew with this scene, and take its pictures. Raises DreamitateError where it cannot be built."""

        def build() -> None:
            simulation = TableSimulation(scene, self.robot, self._tool)
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
        """Stop the arm and both threads."""
        self.stop(1.0)
        self._over.set()
        for thread in self._threads:
            thread.join(2.0)

    def start(self, path: Path) -> None:
        """Follow a path from now on."""
        with self.stepped:
            self.touched = True
            self._live.start(path.time_s, path.position, path.velocity)

    def stop(self, limit_s: float) -> bool:
        """Stop the arm within its limits; return whether it stands within `limit_s`."""
        with self.stepped:
            if self._simulation is None:
                return True
            self._simulation.stop()
            return self.stepped.wait_for(self._stands, limit_s)

    def rest(self, limit_s: float) -> None:
        """Wait until things had their time to come to rest."""
        with self.stepped:
            until_s = self._live.time_s + REST_S
            self.stepped.wait_for(lambda: self._live.time_s >= until_s or self._over.is_set(), limit_s)

    def judge(self) -> Verdict:
        """Return the verdict on the scene as it is."""
        with self.stepped:
            return self._live.judge()

    def scene_now(self) -> Scene:
        """Return the scene with its objects where they are now."""
        with self.stepped:
            return self._live.scene_now()

    def following(self) -> FollowState:
        """Return how the last path goes."""
        with self.stepped:
            return self._live.following

    def joint_state(self) -> tuple[Array, Array]:
        """Return where the joints are and how fast they move: (dof,) rad, (dof,) rad/s."""
        with self.stepped:
            return np.array(self._live.joint_position), np.array(self._live.joint_velocity)

    def time_s(self) -> float:
        """Return the simulated time since the scene was set up."""
        with self.stepped:
            return float(self._live.time_s)

    @property
    def _live(self) -> TableSimulation:
        assert self._simulation is not None
        return self._simulation

    def _stands(self) -> bool:
        return bool(np.abs(self._live.joint_velocity).max() < STOPPED_RAD_S) or self._over.is_set()

    def _move(self) -> None:
        with self.stepped:
            self.stepped.wait_for(lambda: self._simulation is not None or self._over.is_set())
        due_s = time.monotonic()
        while not self._over.is_set():
            with self.stepped:
                self._live.step(self._period_s * self._speed)
                position, velocity = np.array(self._live.joint_position), np.array(self._live.joint_velocity)
                self.stepped.notify_all()
            self._on_step(position, velocity)
            due_s = max(due_s + self._period_s, time.monotonic() - _LATEST_S)
            self._over.wait(max(due_s - time.monotonic(), 0.0))

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
        return self._simulation is not None and self._simulation.following.state == "running"

    def _take_pictures(self) -> None:
        with self.stepped:
            simulation = self._simulation
            snapshot = simulation.snapshot() if simulation else None
        if simulation is None:
            return
        camera = simulation.rig.camera_1
        pictures = [simulation.render(index, camera.width, camera.height, snapshot) for index in (1, 2)]
        self._on_pictures(*pictures)
