"""The table with an arm: it follows joint trajectories, pushes what lies there, is filmed and judged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.robot import Robot
from dreamitate_core.tool import Tool

from .arm import Motors, add_arm
from .follower import Follower, FollowState
from .gl import mujoco
from .judge import Verdict
from .observation import observe
from .renderer import Image, Renderer
from .scene import Scene, scene_kinds
from .world import TIMESTEP_S, build_world, scene_rig, set_state

Array = NDArray[np.float64]

__all__ = ["FollowState", "Snapshot", "TableSimulation"]


@dataclass(frozen=True)
class Snapshot:
    """Where everything was at one instant: MuJoCo's positions (nq,)."""

    positions: Array


class TableSimulation:
    """A scene with an arm that holds a tool, at rest at the arm's home pose to begin with.

    The same calls in the same order give the same result. All drawing must be done by one thread.
    Raises DreamitateError where the task does not say where the arm and the cameras stand.
    """

    def __init__(self, scene: Scene, robot: Robot, tool: Tool) -> None:
        self.scene, self.robot, self.tool = scene, robot, tool
        self.rig: StereoRig = scene_rig(scene)
        spec = build_world(scene, self.rig)
        add_arm(spec, scene, robot, tool)
        self._model = spec.compile()
        self._data, self._seen = mujoco.MjData(self._model), mujoco.MjData(self._model)
        self._motors = Motors(self._model, self._data, robot)
        self._motors.place(robot.home)
        self._follower = Follower(robot, robot.home)
        self._renderer: Renderer | None = None
        self._owed_s = 0.0
        mujoco.mj_forward(self._model, self._data)

    @property
    def time_s(self) -> float:
        """Simulated seconds since the beginning."""
        return float(self._data.time)

    @property
    def joint_position(self) -> Array:
        """(dof,) rad."""
        return self._motors.position

    @property
    def joint_velocity(self) -> Array:
        """(dof,) rad/s."""
        return self._motors.velocity

    @property
    def transform_tool_to_table(self) -> Array:
        """Where the tool really is, (4, 4)."""
        body = self._data.body("tool")
        return se3.make_transform(body.xmat.reshape(3, 3), body.xpos)

    @property
    def following(self) -> FollowState:
        """How the last trajectory goes."""
        return self._follower.following

    def start(self, time_s: ArrayLike, position: ArrayLike, velocity: ArrayLike) -> None:
        """Follow a trajectory from now on: time_s (N,), position (N, dof) rad, velocity (N, dof) rad/s.

        Raises DreamitateError where it is none for this arm.
        """
        self._follower.start(self.time_s, time_s, position, velocity)

    def stop(self) -> None:
        """Leave the trajectory and come to rest within the arm's deceleration limits, as time goes on."""
        self._follower.stop()

    def step(self, duration_s: float) -> None:
        """Let the time go on. What is less than a time step of physics is carried over to the next call."""
        self._owed_s += duration_s
        while self._owed_s >= TIMESTEP_S * (1.0 - 1e-6):
            self._owed_s -= TIMESTEP_S
            mujoco.mj_step1(self._model, self._data)
            setpoint = self._follower.update(self.time_s, TIMESTEP_S, self.joint_position, self.joint_velocity)
            self._motors.drive(setpoint.position, setpoint.velocity, setpoint.acceleration)
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
        seen = observe(self._model, self._data, self.scene.heights_m)
        return scene_kinds.get(self.scene.task.name).judge(self.scene, seen)

    def scene_now(self) -> Scene:
        """Return the scene with its objects where they are now."""
        return self.scene.as_seen(observe(self._model, self._data, self.scene.heights_m))
