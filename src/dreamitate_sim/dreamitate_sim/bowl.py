"""A bowl as MuJoCo geometry: a smooth mesh to see; a disc with a ring of leaning boards to touch, for it is hollow."""

import numpy as np
from numpy.typing import NDArray

from .gl import mujoco
from .objects import Part

Array = NDArray[np.float64]

BOARDS = 20
SECTIONS = 64
STAND_M = 0.001
"""The boards end so far above the table: the bowl stands on its floor."""


def add_bowl(spec: mujoco.MjSpec, body: mujoco.MjsBody, part: Part, unseen_group: int) -> list[mujoco.MjsGeom]:
    """Add a bowl to a body and return the pieces that are touched, which are in the geometry group `unseen_group`.

    The part's size: outer diameter at the base, outer diameter at the rim, thickness, height; metres.
    """
    below, above, thickness, height = (part.size[0] / 2.0, part.size[1] / 2.0, *part.size[2:])
    base = np.array(part.base)
    name = f"{body.name}_bowl_{len(list(body.geoms))}"
    vertices, faces = _turned(_outline(below, above, thickness, height))
    mesh = spec.add_mesh(name=name, uservert=(vertices + base).ravel(), userface=faces.ravel())
    mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    seen = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=[*(np.array(part.colour) / 255.0), 1.0])
    seen.contype = seen.conaffinity = 0
    seen.mass = 0.0
    touched = [
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[below, thickness / 2.0, 0.0],
            pos=base + (0.0, 0.0, thickness / 2.0),
        )
    ]
    touched += [_add_board(body, base, angle, below, above, thickness, height) for angle in _angles(BOARDS)]
    for geom in touched:
        geom.group = unseen_group
    return touched


def _add_board(
    body: mujoco.MjsBody, base: Array, angle: float, below: float, above: float, thickness: float, height: float
) -> mujoco.MjsGeom:
    """A board of the ring: its outer face touches the bowl's outside, its middle looks along `angle`."""
    rise = height - STAND_M
    lean = np.arctan2(above - below, height)
    length = rise / np.cos(lean)
    out = np.array([np.cos(angle), np.sin(angle), 0.0])
    up = np.array([0.0, 0.0, np.cos(lean)]) + np.sin(lean) * out
    normal = np.cos(lean) * out - np.array([0.0, 0.0, np.sin(lean)])
    middle = base + (below + above) / 2.0 * out + (0.0, 0.0, STAND_M + rise / 2.0) - normal * thickness / 2.0
    width = np.tan(np.pi / BOARDS) * above
    rotation = np.stack([normal, np.cross(up, normal), up], axis=-1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    return body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[thickness / 2.0, width, length / 2.0], pos=middle, quat=quaternion
    )


def _outline(below: float, above: float, thickness: float, height: float) -> Array:
    """The cross-section (N, 2), radius and height, from the underside's middle round the rim to the floor's middle."""
    slope = (above - below) / height
    inner = thickness * np.hypot(1.0, slope)
    rim = [
        (above - inner / 2.0 + inner / 2.0 * np.sin(turn), height - inner / 2.0 * (1.0 - np.cos(turn)))
        for turn in np.linspace(np.pi / 2.0, -np.pi / 2.0, 7)
    ]
    floor = below + slope * thickness - inner
    return np.array([(0.0, 0.0), (below, 0.0), *rim, (floor, thickness), (0.0, thickness)])


def _turned(outline: Array) -> tuple[Array, NDArray[np.int32]]:
    """The outline turned about the z axis: vertices (V, 3), faces (F, 3) that look outwards."""
    angles = _angles(SECTIONS)
    ring = outline[1:-1]
    vertices = np.stack([(r * np.cos(a), r * np.sin(a), z) for r, z in ring for a in angles])
    count = len(ring) * SECTIONS
    bottom, top = count, count + 1
    vertices = np.vstack([vertices, (0.0, 0.0, outline[0, 1]), (0.0, 0.0, outline[-1, 1])])
    faces = []
    for k in range(SECTIONS):
        n = (k + 1) % SECTIONS
        faces += [(bottom, n, k), (top, count - SECTIONS + k, count - SECTIONS + n)]
        for row in range(len(ring) - 1):
            a, b = row * SECTIONS, (row + 1) * SECTIONS
            faces += [(a + k, a + n, b + n), (a + k, b + n, b + k)]
    return vertices, np.array(faces, np.int32)


def _angles(count: int) -> Array:
    return np.arange(count) * 2.0 * np.pi / count
