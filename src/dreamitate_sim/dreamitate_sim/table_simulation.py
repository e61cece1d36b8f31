"""The table with its arms: they follow joint trajectories, push what lies there, are filmed and judged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.arms import ArmSetup
from dreamitate_core.camera import StereoRig

from .arm import SimulatedArm, add_arm, prefix_of
from .gl import mujoco
from .judge import Verdict
from .observation import Witness
from .renderer import Image, Renderer
from .scene import Scene, scene_kind
from .world import TIMESTEP_S, build_world, scene_rig, set_state

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Snapshot:
    """Where everything was at one instant: MuJoCo's positions (nq,)."""

    positions: Array


class TableSimulation:
    """A scene with arms that hold tools, at rest at their home poses to begin with.

    The same calls in the same order give the same result. All drawing must be done by one thread.
    Raises DreamitateError where the task does not say where the cameras stand, or what a success is.
    """

    def __init__(self, scene: Scene, arms: Sequence[ArmSetup]) -> None:
        self.scene = scene
        self.rig: StereoRig = scene_rig(scene)
        spec = build_world(scene, self.rig)
        for arm in arms:
            add_arm(spec, arm)
        self._model = spec.compile()
        self._data, self._seen = mujoco.MjData(self._model), mujoco.MjData(self._model)
        self.arms = [SimulatedArm(self._model, self._data, arm) for arm in arms]
        self._witness = Witness(self._model, self._data, scene.heights_m, [f"{prefix_of(arm)}tool" for arm in arms])
        self._renderer: Renderer | None = None
        self._owed_s = 0.0
        mujoco.mj_forward(self._model, self._data)
        self.judge()  # what cannot be judged is told before an arm moves

    @property
    def time_s(self) -> float:
        """Simulated seconds since the beginning."""
        return float(self._data.time)

    def step(self, duration_s: float) -> None:
        """Let the time go on. What is less than a time step of physics is carried over to the next call."""
        self._owed_s += duration_s
        while self._owed_s >= TIMESTEP_S * (1.0 - 1e-6):
            self._owed_s -= TIMESTEP_S
            mujoco.mj_step1(self._model, self._data)
            self._witness.look()
            for arm in self.arms:
                arm.drive(TIMESTEP_S)
            mujoco.mj_step2(self._model, self._data)

    def snapshot(self) -> Snapshot:
        """Return where everything is, to be drawn later while time goes on."""
        return Snapshot(self._data.qpos.copy())

    def render(self, camera_index: int, width: int, height: int, snapshot: Snapshot | None = None) -> Image:
        """Return what camera 1 or 2 sees, (height, width, 3) RGB, cropped and resized as the paper does."""
        if self._renderer is None:
            self._renderer = Renderer(self._model, self.rig)
        set_state(self._model, self._seen, (snapshot or self.snapshot()).positions)
        return self._renderer.render(self._seen, camera_index, width, height)

    def judge(self) -> Verdict:
        """Return the task's verdict on the table as it is now."""
        return scene_kind(self.scene.task).judge(self.scene, self._witness.observation())

    def scene_now(self) -> Scene:
        """Return the scene with its objects where they are now."""
        return self.scene.as_seen(self._witness.observation())
