"""A tool as MuJoCo geometry: coloured pieces of its mesh to see, convex pieces to touch."""

import numpy as np

from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool, colours_of

from .gl import mujoco
from .world import ACTOR_GROUP, TOOL_BITS, UNSEEN_GROUP

TOOL_FRICTION = (0.5, 0.003, 0.0002)
"""Sliding, torsional [m], rolling [m] friction of tools whose tool.yaml has no `contact`: a bean hardly slips along."""

FIRM_FRICTION = 30.0
"""How much firmer than its softness a soft contact holds sideways: else all that it holds would creep."""


def add_tool(spec: mujoco.MjSpec, body: mujoco.MjsBody, tool: Tool) -> None:
    """Put the tool into a body, whose frame becomes the tool's, without mass.

    Raises DreamitateError where tool.yaml has no `collision` pieces or one of unknown type.
    """
    for index, (colour, vertices, faces) in enumerate(_pieces(tool)):
        name = f"{tool.name}_{index}"
        mesh = spec.add_mesh(name=name, uservert=vertices.ravel(), userface=faces.ravel())
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        geom = body.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_MESH, meshname=name, rgba=[*colour / 255.0, 1.0])
        geom.contype = geom.conaffinity = 0
        geom.mass, geom.group = 0.0, ACTOR_GROUP
    pieces = tool.settings.get("collision")
    if not pieces:
        raise DreamitateError(f"Tool {tool.name!r} has no `collision` pieces in its tool.yaml: it could touch nothing.")
    for piece in pieces:
        geom = _add_contact_piece(body, piece, tool.name)
        geom.contype, geom.conaffinity = TOOL_BITS, 0
        geom.priority, geom.condim, geom.friction = 2, 3, TOOL_FRICTION
        if "contact" in tool.settings:
            soft = tool.settings["contact"]
            spec.option.impratio = FIRM_FRICTION
            geom.condim, geom.friction, geom.solref, geom.solimp = 4, soft["friction"], soft["solref"], soft["solimp"]
        geom.mass, geom.group = 0.0, UNSEEN_GROUP


def _add_contact_piece(body: mujoco.MjsBody, piece: dict, tool_name: str) -> mujoco.MjsGeom:
    if piece["type"] == "box":
        half = piece["yaw"] / 2.0
        turn = [np.cos(half), 0.0, 0.0, np.sin(half)]
        return body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=piece["centre"], size=piece["half_size"], quat=turn)
    if piece["type"] == "capsule":
        ends = np.array(piece["ends"]).ravel()
        return body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=ends, size=[piece["radius"], 0.0, 0.0])
    raise DreamitateError(f"Tool {tool_name!r}: unknown collision piece {piece['type']!r}. Known: box, capsule.")


def _pieces(tool: Tool) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The mesh's faces by colour (of their first corner): RGB (3,), vertices (N, 3) metres, faces (M, 3)."""
    colours = colours_of(tool.mesh).vertex_colors[:, :3]
    face_colours = colours[tool.mesh.faces[:, 0]]
    pieces = []
    for colour in np.unique(face_colours, axis=0):
        faces = tool.mesh.faces[(face_colours == colour).all(axis=1)]
        used, renumbered = np.unique(faces, return_inverse=True)
        pieces.append((colour.astype(float), tool.mesh.vertices[used], renumbered.reshape(-1, 3)))
    return pieces
