"""A scene as a MuJoCo model: table, cloth, light, cameras, objects, marks. World coordinates are the table frame.

Contact classes: the table and objects touch each other, and tools (and arms) touch objects and the table.
"""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig, load_rig
from dreamitate_core.errors import DreamitateError

from .bowl import add_bowl
from .cloth import HEIGHT, WIDTH, cloth_texture
from .gl import mujoco
from .objects import ObjectKind, Part
from .scene import Look, Mark, Scene

Array = NDArray[np.float64]

TIMESTEP_S = 0.004
LARGEST_WIDTH, LARGEST_HEIGHT = 1536, 896
"""Of a picture, in pixels, before it is averaged to its final size."""
SCENE_GROUP, ACTOR_GROUP, UNSEEN_GROUP = 0, 2, 3
"""Geometry groups: the bare scene, what acts in it (hand, tool, arm), which a bare picture leaves out, and what stands
for something else in contact and is in no picture."""
OBJECT_BITS, TOOL_BITS = 1, 2
CLOTH_FRICTION = (0.7, 0.005, 0.002)
"""Sliding, torsional [m], rolling [m]: soft cloth gives way under a bean, which therefore does not roll far."""
TABLE_HALF_SIZE_M = (1.0, 0.75)
OPENCV_TO_OPENGL = np.diag([1.0, -1.0, -1.0])


def scene_rig(scene: Scene) -> StereoRig:
    """Return the scene's cameras. Raises DreamitateError where the rig file does not say where they stand."""
    rig = load_rig(scene.task.rig)
    if rig.transform_reference_to_table is None:
        raise DreamitateError(f"The rig {scene.task.rig!r} lacks transform_reference_to_table, which the table needs.")
    return rig


def build_world(scene: Scene, rig: StereoRig) -> mujoco.MjSpec:
    """Return the model of a scene without any actor. Body i of scene.objects is named `object_i`."""
    spec = mujoco.MjSpec()
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.visual.global_.offwidth, spec.visual.global_.offheight = LARGEST_WIDTH, LARGEST_HEIGHT
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 1024, 0
    spec.visual.quality.numquads, spec.visual.quality.numslices, spec.visual.quality.numstacks = 8, 16, 8
    spec.visual.map.znear, spec.visual.map.zfar = 0.1, 3.0
    spec.visual.map.shadowclip = 0.9
    spec.stat.extent, spec.stat.center = 1.0, np.zeros(3)
    _add_light(spec, scene.look)
    _add_table(spec, scene.look)
    for index, camera in enumerate(rig.cameras, start=1):
        _add_camera(spec, f"camera_{index}", camera, rig)
    for mark in scene.marks:
        _add_mark(spec, mark)
    for index, placed in enumerate(scene.objects):
        body = spec.worldbody.add_body(name=f"object_{index}", pos=[placed.x, placed.y, placed.z])
        body.quat = [np.cos(placed.yaw / 2), 0.0, 0.0, np.sin(placed.yaw / 2)]
        body.add_freejoint()
        _add_object(spec, body, placed.kind, rolls=placed.role == "particle")
    return spec


def set_state(model: mujoco.MjModel, data: mujoco.MjData, positions: Array) -> None:
    """Put everything at MuJoCo's positions (nq,), ready to be drawn."""
    data.qpos[:] = positions
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)


def _add_light(spec: mujoco.MjSpec, look: Look) -> None:
    spec.visual.headlight.active = 1
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = look.ambient, (0.0, 0.0, 0.0)
    spec.visual.headlight.specular = (0.0, 0.0, 0.0)
    direction = np.array(look.light_direction)
    light = spec.worldbody.add_light(pos=-1.2 * direction, dir=direction)
    light.type, light.castshadow = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, True
    light.diffuse, light.specular = look.light_colour, (0.4, 0.4, 0.4)
    light.ambient = (0.0, 0.0, 0.0)


def _add_table(spec: mujoco.MjSpec, look: Look) -> None:
    texture = spec.add_texture(
        name="cloth", type=mujoco.mjtTexture.mjTEXTURE_2D, width=WIDTH, height=HEIGHT, nchannel=3
    )
    texture.data = cloth_texture(look).tobytes()
    material = spec.add_material(name="cloth", specular=look.sheen, shininess=0.2)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "cloth"
    table = spec.worldbody.add_geom(
        name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[*TABLE_HALF_SIZE_M, 0.05], material="cloth"
    )
    table.contype, table.conaffinity = OBJECT_BITS, OBJECT_BITS | TOOL_BITS
    table.friction, table.priority, table.condim = CLOTH_FRICTION, 1, 6


def _add_camera(spec: mujoco.MjSpec, name: str, camera: Camera, rig: StereoRig) -> None:
    """A fixed camera at the rig's place; `renderer` sets its intrinsics for each picture's size."""
    assert rig.transform_reference_to_table is not None
    transform_camera_to_table = rig.transform_reference_to_table @ camera.transform_camera_to_reference
    quaternion = se3.to_quaternion_xyzw(transform_camera_to_table[:3, :3] @ OPENCV_TO_OPENGL)
    spec.worldbody.add_camera(
        name=name,
        pos=transform_camera_to_table[:3, 3],
        quat=np.roll(quaternion, 1),
        resolution=[camera.width, camera.height],
        sensor_size=[1.0, camera.height / camera.width],
        focal_pixel=[camera.K[0, 0], camera.K[1, 1]],
    )


def _add_mark(spec: mujoco.MjSpec, mark: Mark) -> None:
    """A five-pointed star, 0.6 mm thick, that nothing touches."""
    angle = np.pi / 2 + np.arange(10) * np.pi / 5
    radius = np.where(np.arange(10) % 2 == 0, mark.radius, 0.42 * mark.radius)
    outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    layers = [np.column_stack([np.vstack([outline, [0.0, 0.0]]), np.full(11, z)]) for z in (0.0, 0.0006)]
    faces = []
    for k in range(10):
        n = (k + 1) % 10
        faces += [(10, n, k), (21, 11 + k, 11 + n), (k, n, 11 + n), (k, 11 + n, 11 + k)]
    mesh = spec.add_mesh(name="star", uservert=np.vstack(layers).ravel(), userface=np.array(faces).ravel())
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    star = spec.worldbody.add_geom(
        name="star", type=mujoco.mjtGeom.mjGEOM_MESH, meshname="star", pos=[mark.x, mark.y, 0.0003]
    )
    star.quat = [np.cos(mark.yaw / 2), 0.0, 0.0, np.sin(mark.yaw / 2)]
    star.rgba = [*(np.array(mark.colour) / 255.0), 1.0]
    star.contype = star.conaffinity = 0


def _add_object(spec: mujoco.MjSpec, body: mujoco.MjsBody, kind: ObjectKind, rolls: bool) -> None:
    volume = sum(_box_volume(part) for part in kind.parts)
    for part in kind.parts:
        is_bowl = part.shape == "bowl"
        geoms = add_bowl(spec, body, part, UNSEEN_GROUP) if is_bowl else [_add_part(spec, body, part)]
        for geom in geoms:
            geom.mass = kind.mass_kg * _box_volume(part) / volume / len(geoms)
            geom.contype, geom.conaffinity = OBJECT_BITS, OBJECT_BITS | TOOL_BITS
            geom.friction = (0.4, 0.003, 0.0002)
            geom.condim = 4 if rolls else 3


def _box_volume(part: Part) -> float:
    """Of a box itself; of other parts, that of the square box around them."""
    return float(np.prod(part.size)) if part.shape == "box" else float((2 * part.radius) ** 2 * part.height)


def _add_part(spec: mujoco.MjSpec, body: mujoco.MjsBody, part: Part) -> mujoco.MjsGeom:
    size = np.array(part.size)
    centre = np.array(part.base) + (0.0, 0.0, part.height / 2.0)
    rgba = [*(np.array(part.colour) / 255.0), 1.0]
    kinds = mujoco.mjtGeom
    if part.shape == "box":
        turn = [np.cos(part.yaw / 2.0), 0.0, 0.0, np.sin(part.yaw / 2.0)]
        return body.add_geom(type=kinds.mjGEOM_BOX, size=size / 2.0, pos=centre, quat=turn, rgba=rgba)
    if part.shape == "ellipsoid":
        return body.add_geom(type=kinds.mjGEOM_ELLIPSOID, size=size / 2.0, pos=centre, rgba=rgba)
    if part.shape == "cylinder":
        return body.add_geom(type=kinds.mjGEOM_CYLINDER, size=[size[0] / 2, size[1] / 2, 0], pos=centre, rgba=rgba)
    if part.shape == "sphere":
        return body.add_geom(type=kinds.mjGEOM_SPHERE, size=[size[0] / 2, 0, 0], pos=centre, rgba=rgba)
    if part.shape == "capsule":
        half = size[1] / 2 - size[0] / 2
        lying = [np.sqrt(0.5), 0.0, np.sqrt(0.5), 0.0]
        return body.add_geom(type=kinds.mjGEOM_CAPSULE, size=[size[0] / 2, half, 0], pos=centre, quat=lying, rgba=rgba)
    return _add_prism(spec, body, part, centre, rgba)


def _add_prism(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, part: Part, centre: Array, rgba: list[float]
) -> mujoco.MjsGeom:
    sides, below, above, height = part.size
    angle = np.arange(int(sides)) * 2.0 * np.pi / sides
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    rings = [
        np.column_stack([circle * diameter / 2.0, np.full(int(sides), z)])
        for diameter, z in ((below, -height / 2), (above, height / 2))
    ]
    name = f"{body.name}_part_{len(list(body.geoms))}"
    spec.add_mesh(name=name, uservert=np.vstack(rings).ravel())
    return body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, pos=centre, rgba=rgba)
