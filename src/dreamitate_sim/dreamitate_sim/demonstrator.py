"""A person who solves a scene by hand, filmed by both cameras, with the tool's true poses."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError, NoDemonstration
from dreamitate_core.goal import blend
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.tool import Tool, load_tool
from dreamitate_core.video import STEPS, StereoVideo

from .gl import mujoco
from .hand import add_hand, place_hand, random_people
from .judge import Verdict
from .observation import Observation, Witness
from .renderer import Renderer
from .scene import Placed, Scene, ToolMotion, scene_kind
from .silhouette import goal_masks
from .tool_model import add_tool
from .world import TIMESTEP_S, build_world, scene_rig, set_state

Array = NDArray[np.float64]

TOOL_MASS_KG = 50.0
"""The hands do not give way: the tools' motion is imposed on bodies that nothing on the table can stop."""


@dataclass(frozen=True)
class Sweep:
    """A motion as physics let it happen in a scene. states: (13, nq) MuJoCo positions at t = 0..12; truth:
    (tools, 12, 4, 4) transform_tool_to_table at t = 1..12; seen: at t = 12."""

    scene: Scene
    motion: ToolMotion
    states: Array
    truth: Array
    seen: Observation

    @cached_property
    def verdict(self) -> Verdict:
        """How the task stands at t = 12; worked out when it is asked for, since a search tries many motions."""
        return scene_kind(self.scene.task).judge(self.scene, self.seen)


class Demonstration:
    """A scene with the task's tools, each in a hand."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rig = scene_rig(scene)
        self.tools = [load_tool(name) for name in scene.task.tools]
        self._spec = _world_with_tools(scene, self.rig, self.tools)
        self._model = self._spec.compile()
        self._data = mujoco.MjData(self._model)
        joints = [self._model.joint(_body_of(tool)) for tool in self.tools]
        self._positions = np.array([joint.qposadr[0] + np.arange(7) for joint in joints])
        self._velocities = np.array([joint.dofadr[0] + np.arange(6) for joint in joints])

    def successes(self, progress: Progress = quiet) -> Iterator[Sweep]:
        """Yield the ways that succeed, best first. Raises Cancelled through `progress`."""
        kind = scene_kind(self.scene.task)
        motions = kind.ways(self.scene)
        for index, motion in enumerate(motions):
            progress("demonstrate", index / len(motions))
            sweep = self.follow(motion)
            if kind.is_exemplary(sweep.verdict):
                yield sweep

    def film(
        self, sweep: Sweep, width: int, height: int, progress: Progress = quiet, goal: Placed | None = None
    ) -> Clip:
        """Return the clip of a sweep at any size, with the goal, if any, blended in as a mask.

        Raises Cancelled through `progress`.
        """
        rig = self.rig.cropped_and_resized(width, height)
        people = random_people(np.random.default_rng([self.scene.seed, 32452843]), sweep.truth)
        spec = self._spec.copy()
        for number, (person, tool) in enumerate(zip(people, self.tools, strict=True)):
            add_hand(spec, number, person, _handle(tool)["radius"])
        model = spec.compile()
        data = mujoco.MjData(model)
        views: list[list[NDArray[np.uint8]]] = [[], []]
        with Renderer(model, self.rig) as renderer:
            set_state(model, data, sweep.states[0])
            backgrounds = [renderer.render(data, index, width, height, bare=True) for index in (1, 2)]
            for t in range(1, STEPS + 1):
                for number, (person, tool) in enumerate(zip(people, self.tools, strict=True)):
                    place_hand(model, data, number, person, sweep.truth[number, t - 1], *_held(tool))
                set_state(model, data, sweep.states[t])
                for index in (1, 2):
                    views[index - 1].append(renderer.render(data, index, width, height))
                progress("film", t / STEPS)
        fps = self.scene.task.fps
        assert rig.transform_reference_to_table is not None
        one, two = (np.stack([bare, *view]) for bare, view in zip(backgrounds, views, strict=True))
        masks = goal_masks(goal, rig) if goal is not None else None
        if masks is not None:
            one, two = blend(one, masks[0]), blend(two, masks[1])
        return Clip(
            video=StereoVideo(one, two[1:], fps),
            background_1=one[0],
            background_2=two[0],
            rig=rig,
            tools=self.tools,
            info={
                "task": self.scene.task.name,
                "seed": self.scene.seed,
                "split": self.scene.split,
                "made_by": "demonstrator",
                "way": sweep.motion.text,
                **sweep.verdict.figures,
            },
            truth={
                tool.name: se3.inverse(rig.transform_reference_to_table) @ poses
                for tool, poses in zip(self.tools, sweep.truth, strict=True)
            },
            goals=masks,
        )

    def follow(self, motion: ToolMotion) -> Sweep:
        """Push the real objects along the motion, which is imposed on the tools at every step."""
        model, data = self._model, self._data
        mujoco.mj_resetData(model, data)
        witness = Witness(model, data, self.scene.heights_m, [_body_of(tool) for tool in self.tools])
        frame_steps = np.round(np.arange(STEPS) / self.scene.task.fps / TIMESTEP_S).astype(int)
        time = np.arange(frame_steps[-1] + 1) * TIMESTEP_S
        paths = np.reshape(motion.transform_tool_to_table, (len(self.tools), -1, 4, 4))
        each = [_joint_motion(motion.time_s, path, time) for path in paths]
        position, velocity = (np.stack(both, axis=1) for both in zip(*each, strict=True))
        states, truth = [data.qpos.copy()], []
        for step in range(len(time)):
            data.qpos[self._positions] = position[step]
            data.qvel[self._velocities] = velocity[step]
            if step in frame_steps:
                states.append(data.qpos.copy())
                truth.append([_transform(pose) for pose in position[step]])
            mujoco.mj_step(model, data)
            witness.look()
        return Sweep(self.scene, motion, np.array(states), np.swapaxes(truth, 0, 1), witness.observation())


def demonstrate(scene: Scene, way: int, width: int, height: int, progress: Progress = quiet) -> Clip:
    """Return the clip (pictures (height, width, 3)) of the way numbered `way`, best first, among those that succeed.

    Raises NoDemonstration where the scene has fewer ways; Cancelled through `progress`.
    """
    demonstration = Demonstration(scene)
    count = 0
    for count, sweep in enumerate(demonstration.successes(progress), start=1):
        if count == way + 1:
            return demonstration.film(sweep, width, height, progress, scene.goal)
    raise NoDemonstration(
        f"Scene {scene.seed} of {scene.task.name} has {count} ways that succeed; way {way} asked for."
    )


def _world_with_tools(scene: Scene, rig: StereoRig, tools: list[Tool]) -> mujoco.MjSpec:
    spec = build_world(scene, rig)
    for tool in tools:
        body = spec.worldbody.add_body(name=_body_of(tool), pos=[0.0, 0.0, 1.0], gravcomp=1.0)
        body.mass, body.inertia, body.explicitinertial = TOOL_MASS_KG, [1.0, 1.0, 1.0], True
        body.add_freejoint(name=_body_of(tool))
        add_tool(spec, body, tool)
    return spec


def _body_of(tool: Tool) -> str:
    """The name of a tool's body in the model, and of its joint."""
    return f"tool {tool.name}"


def _held(tool: Tool) -> tuple[Array, Array | None]:
    """Return the handle's axis (2, 3) and where the fist holds it (3,), in the tool frame; None: the hand chooses."""
    grip = tool.settings.get("grip")
    return np.array(_handle(tool)["ends"]), None if grip is None else np.array(grip, float)


def _handle(tool: Tool) -> dict:
    """The tool's capsule-shaped contact piece, by which the hand holds it."""
    for piece in tool.settings.get("collision", ()):
        if piece["type"] == "capsule":
            return dict(piece)
    raise DreamitateError(f"Tool {tool.name!r} has no capsule among its `collision` pieces: the hand needs a handle.")


def _joint_motion(time_s: Array, transforms: Array, time: Array) -> tuple[Array, Array]:
    """A free joint's positions (N, 7) and velocities (N, 6) (linear in the table frame, angular in the tool's) at times
    (N,), between poses (M, 4, 4) at times (M,)."""
    step = np.clip(np.searchsorted(time_s, time, side="right") - 1, 0, len(time_s) - 2)
    fraction = (time - time_s[step]) / np.diff(time_s)[step]
    poses = se3.interpolate(transforms[step], transforms[step + 1], np.clip(fraction, 0.0, 1.0))
    twist = se3.log(se3.inverse(poses[:-1]) @ poses[1:]) / TIMESTEP_S
    velocity = np.vstack([twist, np.zeros(6)])
    velocity[:-1, :3] = np.diff(poses[:, :3, 3], axis=0) / TIMESTEP_S
    quaternion = np.roll(se3.to_quaternion_xyzw(poses), 1, axis=-1)
    return np.hstack([poses[:, :3, 3], quaternion]), velocity


def _transform(position: Array) -> Array:
    """The 4x4 of a free joint's position (7,)."""
    return se3.make_transform(se3.from_quaternion_xyzw(np.roll(position[3:], -1)), position[:3])
