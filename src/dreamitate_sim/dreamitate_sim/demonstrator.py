"""A person who solves a scene by hand, filmed by both cameras, with the tool's true poses."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.goal import blend
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.tool import Tool, load_tool
from dreamitate_core.video import STEPS, StereoVideo

from .gl import mujoco
from .hand import add_hand, place_hand, random_person
from .judge import Verdict
from .observation import Observation, observe
from .renderer import Renderer
from .scene import Placed, Scene, ToolMotion, scene_kinds
from .silhouette import goal_masks
from .tool_model import add_tool
from .world import TIMESTEP_S, build_world, scene_rig, set_state

Array = NDArray[np.float64]

TOOL_MASS_KG = 50.0
"""The hand does not give way: the tool's motion is imposed on a body that nothing on the table can stop."""


@dataclass(frozen=True)
class Sweep:
    """A motion that physics let succeed. states: (13, nq) MuJoCo positions at t = 0..12; truth: (12, 4, 4)
    transform_tool_to_table at t = 1..12; seen, verdict: at t = 12."""

    motion: ToolMotion
    states: Array
    truth: Array
    seen: Observation
    verdict: Verdict


class Demonstration:
    """A scene with a hand that holds the tool. Close it, or use it in a `with` block."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rig = scene_rig(scene)
        self.tool = load_tool(scene.task.tools[0])
        self._spec = _world_with_tool(scene, self.rig, self.tool)
        self._model = self._spec.compile()
        self._data = mujoco.MjData(self._model)
        joint = self._model.joint("tool")
        self._tool_position = slice(joint.qposadr[0], joint.qposadr[0] + 7)
        self._tool_velocity = slice(joint.dofadr[0], joint.dofadr[0] + 6)

    def successes(self, progress: Progress = quiet) -> Iterator[Sweep]:
        """Yield the ways that succeed, best first. Raises Cancelled through `progress`."""
        kind = scene_kinds.get(self.scene.task.name)
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
        person = random_person(np.random.default_rng([self.scene.seed, 32452843]), _travel(sweep.truth))
        spec = self._spec.copy()
        add_hand(spec, person, _handle(self.tool)["radius"])
        model = spec.compile()
        data = mujoco.MjData(model)
        handle_axis = np.array(_handle(self.tool)["ends"])
        views: list[list[NDArray[np.uint8]]] = [[], []]
        with Renderer(model, self.rig) as renderer:
            set_state(model, data, sweep.states[0])
            backgrounds = [renderer.render(data, index, width, height, bare=True) for index in (1, 2)]
            for t in range(1, STEPS + 1):
                place_hand(model, data, person, sweep.truth[t - 1], handle_axis)
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
            tools=[self.tool],
            info={
                "task": self.scene.task.name,
                "seed": self.scene.seed,
                "split": self.scene.split,
                "made_by": "demonstrator",
                "way": sweep.motion.text,
                **sweep.verdict.figures,
            },
            truth={self.tool.name: se3.inverse(rig.transform_reference_to_table) @ sweep.truth},
            goals=masks,
        )

    def follow(self, motion: ToolMotion) -> Sweep:
        """Push the real objects along the motion, which is imposed on the tool at every step."""
        model, data = self._model, self._data
        mujoco.mj_resetData(model, data)
        frame_steps = np.round(np.arange(STEPS) / self.scene.task.fps / TIMESTEP_S).astype(int)
        time = np.arange(frame_steps[-1] + 1) * TIMESTEP_S
        position, velocity = _joint_motion(motion, time)
        states, truth = [data.qpos.copy()], []
        for step in range(len(time)):
            data.qpos[self._tool_position] = position[step]
            data.qvel[self._tool_velocity] = velocity[step]
            if step in frame_steps:
                states.append(data.qpos.copy())
                truth.append(_transform(position[step]))
            mujoco.mj_step(model, data)
        seen = observe(model, data, self.scene.heights_m)
        verdict = scene_kinds.get(self.scene.task.name).judge(self.scene, seen)
        return Sweep(motion, np.array(states), np.array(truth), seen, verdict)


def demonstrate(scene: Scene, way: int, width: int, height: int, progress: Progress = quiet) -> Clip:
    """Return the clip (pictures (height, width, 3)) of the way numbered `way`, best first, among those that succeed.

    Raises DreamitateError where the scene has fewer ways; Cancelled through `progress`.
    """
    demonstration = Demonstration(scene)
    count = 0
    for count, sweep in enumerate(demonstration.successes(progress), start=1):
        if count == way + 1:
            return demonstration.film(sweep, width, height, progress, scene.goal)
    raise DreamitateError(
        f"Scene {scene.seed} of {scene.task.name} has {count} ways that succeed; way {way} asked for."
    )


def _world_with_tool(scene: Scene, rig: StereoRig, tool: Tool) -> mujoco.MjSpec:
    spec = build_world(scene, rig)
    body = spec.worldbody.add_body(name="tool", pos=[0.0, 0.0, 1.0], gravcomp=1.0)
    body.mass, body.inertia, body.explicitinertial = TOOL_MASS_KG, [1.0, 1.0, 1.0], True
    body.add_freejoint(name="tool")
    add_tool(spec, body, tool)
    return spec


def _travel(transform_tool_to_table: Array) -> Array:
    """The tool's mean direction of travel (2,) on the table; its length is at most 1."""
    step = np.diff(transform_tool_to_table[:, :2, 3], axis=0)
    return np.asarray(step.sum(axis=0) / max(float(np.linalg.norm(step, axis=1).sum()), 1e-9))


def _handle(tool: Tool) -> dict:
    """The tool's capsule-shaped contact piece, by which the hand holds it."""
    for piece in tool.settings.get("collision", ()):
        if piece["type"] == "capsule":
            return dict(piece)
    raise DreamitateError(f"Tool {tool.name!r} has no capsule among its `collision` pieces: the hand needs a handle.")


def _joint_motion(motion: ToolMotion, time: Array) -> tuple[Array, Array]:
    """The free joint's positions (N, 7) and velocities (N, 6) (linear in the table frame, angular in the tool's)."""
    step = np.clip(np.searchsorted(motion.time_s, time, side="right") - 1, 0, len(motion.time_s) - 2)
    fraction = (time - motion.time_s[step]) / np.diff(motion.time_s)[step]
    transforms = motion.transform_tool_to_table
    poses = se3.interpolate(transforms[step], transforms[step + 1], np.clip(fraction, 0.0, 1.0))
    twist = se3.log(se3.inverse(poses[:-1]) @ poses[1:]) / TIMESTEP_S
    velocity = np.vstack([twist, np.zeros(6)])
    velocity[:-1, :3] = np.diff(poses[:, :3, 3], axis=0) / TIMESTEP_S
    quaternion = np.roll(se3.to_quaternion_xyzw(poses), 1, axis=-1)
    return np.hstack([poses[:, :3, 3], quaternion]), velocity


def _transform(position: Array) -> Array:
    """The 4x4 of a free joint's position (7,)."""
    return se3.make_transform(se3.from_quaternion_xyzw(np.roll(position[3:], -1)), position[:3])
