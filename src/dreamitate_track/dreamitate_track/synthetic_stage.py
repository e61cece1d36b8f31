"""The stage of a test clip: a table, its clutter, tools and the hands that hold them, in MuJoCo."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.tool import Tool, colours_of

from .synthetic_tools import rgb

Array = NDArray[np.float64]
Images = NDArray[np.uint8]

CLOTHS = {"black": (18, 18, 20), "grey": (110, 112, 115), "wood": (150, 110, 75), "green": (60, 95, 70)}
SKINS = ((236, 188, 160), (205, 150, 115), (160, 110, 80), (110, 72, 52))
AWAY_M = (0.0, 0.0, -2.0)


@dataclass(frozen=True)
class Arm:
    """A person's arm. hand_m: the hand's radius; elbow_m: (3,) from the hand, to the right."""

    hand_m: float
    elbow_m: tuple[float, float, float]


class Stage:
    """What two cameras see of tools, hands and a cluttered table. Needs MuJoCo."""

    def __init__(
        self,
        rng: np.random.Generator,
        tools: list[Tool],
        arm: Arm,
        clutter: int,
        paths: Array,
        rig: StereoRig,
    ) -> None:
        """paths: (tools, 12, 4, 4) tool to table, which the clutter keeps clear of; rig: of the rendered size."""
        os.environ.setdefault("MUJOCO_GL", "egl")
        import mujoco

        self._grips = [np.asarray(tool.settings.get("grip", [0.0, -0.055, 0.16]), float) for tool in tools]
        self._rig = rig
        width, height = rig.camera_1.width, rig.camera_1.height
        spec = mujoco.MjSpec()
        spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
        spec.visual.headlight.ambient = [0.4] * 3
        spec.visual.headlight.diffuse = [0.2] * 3
        world = spec.worldbody
        light = world.add_light(pos=[*rng.uniform(-0.8, 0.8, 2), 1.8], dir=[0, 0, -1], diffuse=[0.6] * 3)
        light.castshadow = True
        self._add_table(spec, rng, mujoco)
        self._add_clutter(world, rng, clutter, paths[..., :2, 3].reshape(-1, 2), mujoco)
        skin = [*np.array(SKINS[rng.integers(len(SKINS))]) / 255, 1]
        for index, tool in enumerate(tools):
            _add_tool(spec, index, tool, mujoco)
            hand = world.add_body(name=f"hand_{index}", mocap=True)
            r = arm.hand_m
            side = rng.choice([-1, 1]) if len(tools) == 1 else 2 * index - 1
            elbow = arm.elbow_m * np.array([side, 1, 1])
            hand.add_geom(type=mujoco.mjtGeom.mjGEOM_ELLIPSOID, size=[r, r * 0.8, r], rgba=skin)
            hand.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[0, 0, 0, *elbow], size=[r * 0.7, 0, 0], rgba=skin)
        fovy = np.degrees(2 * np.arctan(height / 2 / rig.camera_1.K[1, 1]))
        assert rig.transform_reference_to_table is not None
        self._camera_to_table = [
            rig.transform_reference_to_table @ c.transform_camera_to_reference for c in rig.cameras
        ]
        for pose in self._camera_to_table:
            x, y, z, w = se3.to_quaternion_xyzw(pose[:3, :3] @ np.diag([1.0, -1, -1]))
            world.add_camera(pos=pose[:3, 3], quat=[w, x, y, z], fovy=fovy)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, height, width)
        self._mujoco = mujoco

    @staticmethod
    def _add_table(spec: Any, rng: np.random.Generator, mujoco: Any) -> None:
        cloth = np.array(CLOTHS[str(rng.choice(list(CLOTHS)))]) / 255
        spec.add_texture(
            name="cloth", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            mark=mujoco.mjtMark.mjMARK_RANDOM, random=0.1, rgb1=cloth, markrgb=np.clip(cloth * 1.25, 0, 1),
            width=512, height=512,
        )  # fmt: skip
        material = spec.add_material(name="cloth", specular=0.0)
        material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "cloth"
        spec.worldbody.add_geom(
            type=mujoco.mjtGeom.mjGEOM_BOX, size=[1.2, 1.2, 0.01], pos=[0, 0, -0.01], material="cloth"
        )

    @staticmethod
    def _add_clutter(world: Any, rng: np.random.Generator, count: int, path: Array, mujoco: Any) -> None:
        for _ in range(count):
            size = rng.uniform(0.006, 0.03, 3)
            place = rng.uniform((-0.4, -0.3), (0.4, 0.3))
            if np.linalg.norm(path - place, axis=1).min() < 0.12:  # nothing stands in a tool's way
                continue
            kind = [mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_ELLIPSOID]
            world.add_geom(
                type=kind[rng.integers(3)], size=size, pos=[*place, size[2]],
                quat=[np.cos(a := rng.uniform(0, 3)), 0, 0, np.sin(a)],
                rgba=[*np.array(rgb(rng.uniform(), rng.uniform(0, 0.7), rng.uniform(0.2, 0.9))) / 255, 1],
            )  # fmt: skip

    def bare(self) -> Images:
        """Return what both cameras see (2, H, W, 3) without tools and hands."""
        self._place([None] * len(self._grips), [])
        return np.stack([self._render(view) for view in range(2)])

    def pictures(self, poses: Array, shifts_px: Array, with_tools: bool) -> Images:
        """Return what both cameras see (2, H, W, 3) of poses (tools, 4, 4) tool to table, or of the hands alone.

        shifts_px: (2, 2) by how many columns and rows each view draws tools and hands beside where they are.
        """
        images = []
        for view, camera in enumerate(self._rig.cameras):
            to_table = self._camera_to_table[view]
            moved = []
            for pose in poses:
                depth = float((se3.inverse(to_table) @ pose)[2, 3])
                aside = shifts_px[view] * depth / camera.K[[0, 1], [0, 1]]
                shifted = pose.copy()
                shifted[:3, 3] += to_table[:3, :2] @ aside
                moved.append(shifted)
            self._place(moved if with_tools else [None] * len(moved), moved)
            images.append(self._render(view))
        return np.stack(images)

    def _place(self, tools: list[Any], hands: list[Array]) -> None:
        """Put tools at poses tool to table, hands where they hold them, and out of sight what has no pose."""
        for index, grip in enumerate(self._grips):
            away = se3.make_transform(np.eye(3), AWAY_M)
            hand = away
            if hands:
                hand = se3.make_transform(np.eye(3), hands[index][:3, 3] + hands[index][:3, :3] @ grip)
            for name, pose in (
                (f"tool_{index}", away if tools[index] is None else tools[index]),
                (f"hand_{index}", hand),
            ):
                mocap = self._model.body(name).mocapid[0]
                x, y, z, w = se3.to_quaternion_xyzw(pose)
                self._data.mocap_pos[mocap], self._data.mocap_quat[mocap] = pose[:3, 3], (w, x, y, z)
        self._mujoco.mj_forward(self._model, self._data)

    def _render(self, view: int) -> Images:
        self._renderer.update_scene(self._data, view)
        return np.array(self._renderer.render(), np.uint8)

    def close(self) -> None:
        """Give the GL context back."""
        self._renderer.close()


def _add_tool(spec: Any, index: int, tool: Tool, mujoco: Any) -> None:
    body = spec.worldbody.add_body(name=f"tool_{index}", mocap=True)
    colours, colour_index = np.unique(colours_of(tool.mesh).face_colors[:, :3], axis=0, return_inverse=True)
    for n, colour in enumerate(colours):
        triangles = tool.mesh.triangles[colour_index.reshape(-1) == n]
        # A speck of 0.1 mm keeps flat parts from being refused: MuJoCo wants a hull with a volume.
        speck = triangles[0, 0] + 1e-4 * np.array(
            [[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 1], [1, 1, 0]]]
        )
        vertices = np.concatenate([triangles, speck]).reshape(-1, 3)
        name = f"tool_{index}_{n}"
        mesh = spec.add_mesh(name=name)
        mesh.uservert = vertices.ravel()
        # Both sides of each triangle: a part of one colour is an open surface.
        faces = np.arange(len(vertices)).reshape(-1, 3)
        mesh.userface = np.concatenate([faces, faces[:, ::-1]]).ravel()
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        mesh.smoothnormal = False
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=[*colour / 255, 1], mass=0.01)
