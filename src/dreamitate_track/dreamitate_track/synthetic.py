"""Test clips with truth: a tool swept by a hand over a cluttered table, rendered by MuJoCo, then spoilt as dreams are.

MuJoCo is imported when a clip is made; tracking does not need it.
"""

import os
from dataclasses import dataclass, field

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig, crop_and_resize
from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool
from dreamitate_core.video import STEPS, StereoVideo

Array = NDArray[np.float64]
Images = NDArray[np.uint8]

CAMERA_HEIGHT_M, CAMERA_HALF_BASELINE_M, CAMERA_TILT_RAD = 0.76, 0.33, np.radians(22.5)
FOCAL_PER_WIDTH = 568.0 / 768.0
RENDERED = (768, 448)
CLOTHS = {"black": (18, 18, 20), "grey": (110, 112, 115), "wood": (150, 110, 75), "green": (60, 95, 70)}
SKINS = ((236, 188, 160), (205, 150, 115), (160, 110, 80), (110, 72, 52))


@dataclass(frozen=True)
class Spoil:
    """How a rendered clip is spoilt. Pictures are rendered and spoilt at 768x448, then resized.

    warp_px: elastic warp per frame and view; drift: colour gain per frame; blur_px; noise: grey levels; jpeg: quality;
    shift_px: random shift per frame and view; bias_px: shift of view 2 in all frames, across the epipolar lines.
    """

    warp_px: float = 1.0
    drift: float = 0.04
    blur_px: float = 0.7
    noise: float = 5.0
    jpeg: int = 60
    shift_px: float = 0.0
    bias_px: float = 0.0


@dataclass(frozen=True)
class Conditions:
    """What a test clip shows. any_yaw: the arm may hide the tool; hand_m: hand's radius; clutter: things there."""

    width: int = 768
    height: int = 448
    hand_m: float = 0.04
    any_yaw: bool = False
    clutter: int = 40
    show_tool: bool = True
    spoil: Spoil = field(default_factory=Spoil)


def make_clip(seed: int, tool: Tool | None = None, conditions: Conditions | None = None) -> Clip:
    """Return a test clip with truth; everything in it follows from the seed."""
    conditions = conditions or Conditions()
    rng = np.random.default_rng([seed, 2025])
    tool = tool or block_tool(rng)
    rig = table_rig(conditions.width, conditions.height)
    path = _sweep(rng, conditions.any_yaw)
    stage = _Stage(rng, tool, conditions, path[:, :2, 3])
    clean = np.stack(
        [stage.pictures(path[step - 1] if step else None, conditions.show_tool) for step in range(STEPS + 1)]
    )
    stage.close()
    spoilt = np.empty((STEPS + 1, 2, conditions.height, conditions.width, 3), np.uint8)
    for view in range(2):
        for step, image in enumerate(_spoilt(rng, clean[:, view], conditions.spoil, view)):
            spoilt[step, view] = crop_and_resize(image, conditions.width, conditions.height)
    assert rig.transform_reference_to_table is not None
    truth = {tool.name: se3.inverse(rig.transform_reference_to_table) @ path}
    video = StereoVideo(spoilt[:, 0], spoilt[1:, 1], fps=4.0)
    info = {"made_by": "dreamitate_track.synthetic", "seed": seed}
    return Clip(video, spoilt[0, 0], spoilt[0, 1], rig, [tool], info, truth)


def table_rig(width: int, height: int) -> StereoRig:
    """Return the paper's rig over the table for pictures of that size, with the principal points in the middle."""
    focal = FOCAL_PER_WIDTH * width
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    to_table = []
    for side in (-1, 1):
        c, s = np.cos(CAMERA_TILT_RAD), np.sin(CAMERA_TILT_RAD)
        axes = np.array([[1, 0, 0], [0, -c, side * s], [0, -side * s, -c]]).T
        to_table.append(se3.make_transform(axes, (0, side * CAMERA_HALF_BASELINE_M, CAMERA_HEIGHT_M)))
    one_to_table, two_to_table = to_table
    camera_1 = Camera(width, height, K)
    camera_2 = Camera(width, height, K, np.zeros(0), se3.inverse(one_to_table) @ two_to_table)
    return StereoRig(camera_1, camera_2, one_to_table)


def block_tool(rng: np.random.Generator) -> Tool:
    """Return a tool of our own: a chamfered block, a coloured strip, a slanted handle, random in size and hue."""
    length, depth, height = rng.uniform(0.09, 0.15), rng.uniform(0.03, 0.05), rng.uniform(0.025, 0.04)
    hue = rng.uniform(0.3, 0.95)
    strip_hue = (hue + rng.uniform(0.25, 0.4)) % 1.0
    strip_hue = strip_hue if 0.15 < strip_hue < 0.97 else 0.3
    x, y, cut = length / 2, depth / 2, 0.02
    outline = np.array([(-x, -y), (x, -y), (x, y - cut), (x - cut, y), (-x, y)])
    block = trimesh.convex.convex_hull(np.concatenate([np.insert(outline, 2, z, axis=1) for z in (0, height)]))
    strip = trimesh.creation.box((length - 0.02, 0.008, height * 1.02))
    strip.apply_translation((-0.01, depth / 2, height / 2))
    lean = rng.uniform(0.25, 0.45)
    handle = trimesh.creation.capsule(0.14, 0.012, count=(6, 12))
    handle.apply_translation((0, 0, 0.07 - handle.bounds.mean(axis=0)[2]))
    handle.apply_transform(se3.make_transform(Rotation.from_euler("x", lean).as_matrix(), (0.02, 0, height - 0.01)))
    parts = []
    for mesh, colour in ((block, _rgb(hue, 0.85, 0.9)), (strip, _rgb(strip_hue, 0.8, 0.9)), (handle, (40, 40, 45))):
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.tile([*colour, 255], (len(mesh.vertices), 1)))
        parts.append(mesh)
    mesh = trimesh.util.concatenate(parts)
    return Tool("block", mesh, None, np.eye(4), np.zeros(3), {"grip": [0.02, -0.14 * np.sin(lean), height + 0.13]})


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    pixel = np.array([[[int(hue * 179), int(saturation * 255), int(value * 255)]]], np.uint8)
    r, g, b = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    return int(r), int(g), int(b)


def _sweep(rng: np.random.Generator, any_yaw: bool) -> Array:
    """Return transform_tool_to_table (12, 4, 4): a smooth path of about 30 cm with 30 to 80 degrees of yaw."""
    while True:
        knots = rng.uniform((-0.2, -0.14), (0.2, 0.14), (4, 2))
        points = gaussian_filter1d(np.repeat(knots, 6, axis=0), 3.0, axis=0)
        length = np.linalg.norm(np.diff(points, axis=0), axis=1)
        along = np.concatenate([[0], np.cumsum(length)])
        if 0.2 < along[-1] < 0.45 and np.linalg.norm(points[-1] - points[0]) > 0.15:
            break
    eased = 0.5 - 0.5 * np.cos(np.pi * (np.arange(STEPS) + 0.5) / STEPS)
    xy = np.stack([np.interp(eased * along[-1], along, points[:, i]) for i in range(2)], axis=1)
    turn = np.radians(rng.uniform(30, 80)) * rng.choice([-1, 1])
    start = rng.uniform(-np.pi, np.pi) if any_yaw else rng.uniform(-0.8, 0.8)
    tilt = gaussian_filter1d(rng.normal(0, 0.12, (STEPS, 2)), 2.0, axis=0)
    lift = 0.012 * (1 - np.sin(np.pi * np.linspace(0, 1, STEPS))) + 0.004
    rotation = Rotation.from_euler("z", (start + turn * eased)[:, None]) * Rotation.from_euler("xy", tilt)
    return se3.make_transform(rotation.as_matrix(), np.column_stack([xy, lift]))


class _Stage:
    """The table, its clutter, the tool and the hand in MuJoCo."""

    def __init__(self, rng: np.random.Generator, tool: Tool, conditions: Conditions, path: Array) -> None:
        os.environ.setdefault("MUJOCO_GL", "egl")
        import mujoco

        self._grip = np.asarray(tool.settings.get("grip", [0.0, -0.055, 0.16]), float)
        self._size = (RENDERED[1], RENDERED[0])
        spec = mujoco.MjSpec()
        spec.visual.global_.offwidth, spec.visual.global_.offheight = RENDERED
        spec.visual.headlight.ambient = [0.4] * 3
        spec.visual.headlight.diffuse = [0.2] * 3
        world = spec.worldbody
        light = world.add_light(pos=[*rng.uniform(-0.8, 0.8, 2), 1.8], dir=[0, 0, -1], diffuse=[0.6] * 3)
        light.castshadow = True
        cloth = np.array(CLOTHS[str(rng.choice(list(CLOTHS)))]) / 255
        spec.add_texture(
            name="cloth", type=mujoco.mjtTexture.mjTEXTURE_2D, builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
            mark=mujoco.mjtMark.mjMARK_RANDOM, random=0.1, rgb1=cloth, markrgb=np.clip(cloth * 1.25, 0, 1),
            width=512, height=512,
        )  # fmt: skip
        cloth_material = spec.add_material(name="cloth", specular=0.0)
        cloth_material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "cloth"
        world.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=[1.2, 1.2, 0.01], pos=[0, 0, -0.01], material="cloth")
        for _ in range(conditions.clutter):
            size = rng.uniform(0.006, 0.03, 3)
            place = rng.uniform((-0.4, -0.3), (0.4, 0.3))
            if np.linalg.norm(path - place, axis=1).min() < 0.12:  # nothing stands in the tool's way
                continue
            kind = [mujoco.mjtGeom.mjGEOM_BOX, mujoco.mjtGeom.mjGEOM_CYLINDER, mujoco.mjtGeom.mjGEOM_ELLIPSOID]
            world.add_geom(
                type=kind[rng.integers(3)], size=size, pos=[*place, size[2]],
                quat=[np.cos(a := rng.uniform(0, 3)), 0, 0, np.sin(a)],
                rgba=[*np.array(_rgb(rng.uniform(), rng.uniform(0, 0.7), rng.uniform(0.2, 0.9))) / 255, 1],
            )  # fmt: skip
        self._add_tool(spec, tool, mujoco)
        skin = [*np.array(SKINS[rng.integers(len(SKINS))]) / 255, 1]
        hand = world.add_body(name="hand", mocap=True)
        r = conditions.hand_m
        hand.add_geom(type=mujoco.mjtGeom.mjGEOM_ELLIPSOID, size=[r, r * 0.8, r], rgba=skin)
        hand.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[0, 0, 0, rng.choice([-0.3, 0.3]), -0.4, 0.12],
            size=[r * 0.7, 0, 0],
            rgba=skin,
        )
        rig = table_rig(*RENDERED)
        fovy = np.degrees(2 * np.arctan(RENDERED[1] / 2 / rig.camera_1.K[1, 1]))
        assert rig.transform_reference_to_table is not None
        for camera in rig.cameras:
            pose = rig.transform_reference_to_table @ camera.transform_camera_to_reference
            x, y, z, w = se3.to_quaternion_xyzw(pose[:3, :3] @ np.diag([1.0, -1, -1]))
            world.add_camera(pos=pose[:3, 3], quat=[w, x, y, z], fovy=fovy)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, *self._size)
        self._mujoco = mujoco

    @staticmethod
    def _add_tool(spec: object, tool: Tool, mujoco: object) -> None:
        body = spec.worldbody.add_body(name="tool", mocap=True)  # type: ignore[attr-defined]
        colours, index = np.unique(tool.mesh.visual.face_colors[:, :3], axis=0, return_inverse=True)
        for n, colour in enumerate(colours):
            triangles = tool.mesh.triangles[index.reshape(-1) == n]
            # A speck of 0.1 mm keeps flat parts from being refused: MuJoCo wants a hull with a volume.
            speck = triangles[0, 0] + 1e-4 * np.array(
                [[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 0, 0], [0, 0, 1], [1, 1, 0]]]
            )
            vertices = np.concatenate([triangles, speck]).reshape(-1, 3)
            mesh = spec.add_mesh(name=f"tool_{n}")  # type: ignore[attr-defined]
            mesh.uservert = vertices.ravel()
            # Both sides of each triangle: a part of one colour is an open surface.
            faces = np.arange(len(vertices)).reshape(-1, 3)
            mesh.userface = np.concatenate([faces, faces[:, ::-1]]).ravel()
            mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL  # type: ignore[attr-defined]
            mesh.smoothnormal = False
            body.add_geom(
                type=mujoco.mjtGeom.mjGEOM_MESH,  # type: ignore[attr-defined]
                meshname=f"tool_{n}",
                rgba=[*colour / 255, 1],
                mass=0.01,
            )

    def pictures(self, transform_tool_to_table: Array | None, with_tool: bool) -> Images:
        """Return what both cameras see (2, H, W, 3), at a pose of the hand, with the tool or without, or bare."""
        for name in ("tool", "hand"):
            pose = np.eye(4)
            pose[:3, 3] = (0, 0, -2)
            if transform_tool_to_table is not None and (with_tool or name == "hand"):
                pose = transform_tool_to_table.copy()
                if name == "hand":
                    pose[:3, 3] += pose[:3, :3] @ self._grip
                    pose[:3, :3] = np.eye(3)
            mocap = self._model.body(name).mocapid[0]
            x, y, z, w = se3.to_quaternion_xyzw(pose)
            self._data.mocap_pos[mocap], self._data.mocap_quat[mocap] = pose[:3, 3], (w, x, y, z)
        self._mujoco.mj_forward(self._model, self._data)
        images = []
        for camera in range(2):
            self._renderer.update_scene(self._data, camera)
            images.append(self._renderer.render().copy())
        return np.stack(images)

    def close(self) -> None:
        self._renderer.close()


def _spoilt(rng: np.random.Generator, images: Images, spoil: Spoil, view: int) -> Images:
    """Return one view's frames (13, H, W, 3) spoilt; the first frame, being a photo, is only compressed and noisy."""
    height, width = images.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    spoilt = np.empty_like(images)
    for step, image in enumerate(images):
        picture = image.astype(np.float32)
        if step:
            coarse = rng.normal(0, spoil.warp_px, (2, 7, 11)).astype(np.float32)
            warp = np.stack([cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC) for part in coarse])
            warp += rng.normal(0, spoil.shift_px, (2, 1, 1)).astype(np.float32)
            warp[1] += np.float32(spoil.bias_px * view)
            picture = cv2.remap(
                picture, columns + warp[0], rows + warp[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            picture = picture * (1 + rng.normal(0, spoil.drift, 3).astype(np.float32)) + rng.normal(0, 60 * spoil.drift)
            if spoil.blur_px > 0.2:
                picture = cv2.GaussianBlur(picture, (0, 0), spoil.blur_px)
        picture = picture + rng.normal(0, spoil.noise if step else 1.0, picture.shape)
        encoded = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [1, spoil.jpeg if step else 95])[1]
        spoilt[step] = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return spoilt
