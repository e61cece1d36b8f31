"""Damage to a clip's tools and their meshes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import trimesh

from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool, colours_of

from .damage_ways import Rng, damage

ABSENT = "absent"
"""The name of a tool that is in no picture."""


def _mesh(clip: Clip, change: Callable[[trimesh.Trimesh], Any]) -> Clip:
    tool = clip.tools[0]
    mesh = tool.mesh.copy()
    return replace(clip, tools=[replace(tool, mesh=change(mesh) or mesh), *clip.tools[1:]])


@damage
def mesh_in_millimetres(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.apply_scale(1000.0))


@damage
def mesh_tiny(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.apply_scale(0.01))


@damage
def mesh_stretched(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.apply_transform(np.diag([*np.exp(rng.normal(0, 0.6, 3)), 1.0])))


@damage
def mesh_nan(rng: Rng, clip: Clip, other: Clip) -> Clip:
    def spoil(mesh: trimesh.Trimesh) -> None:
        mesh.vertices[rng.integers(len(mesh.vertices))] = rng.choice([np.nan, np.inf])

    return _mesh(clip, spoil)


@damage
def mesh_one_triangle(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.update_faces(np.arange(len(mesh.faces)) == 0))


@damage
def mesh_flat(rng: Rng, clip: Clip, other: Clip) -> Clip:
    keep = np.ones(3)
    keep[rng.permutation(3)[: rng.integers(1, 3)]] = 0.0

    def flatten(mesh: trimesh.Trimesh) -> None:
        mesh.vertices *= keep

    return _mesh(clip, flatten)


@damage
def mesh_with_holes(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.update_faces(rng.random(len(mesh.faces)) < rng.uniform(0.3, 0.9)))


@damage
def mesh_inside_out(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.invert())


@damage
def mesh_not_manifold(rng: Rng, clip: Clip, other: Clip) -> Clip:
    def tangle(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
        extra = rng.integers(0, len(mesh.vertices), (30, 3))
        faces = np.concatenate([mesh.faces, mesh.faces[:20], mesh.faces[:20, ::-1], extra, extra[:, [0, 0, 1]]])
        colours = colours_of(mesh).vertex_colors
        return trimesh.Trimesh(mesh.vertices, faces, vertex_colors=colours, process=False)

    return _mesh(clip, tangle)


@damage
def mesh_with_stray_vertices(rng: Rng, clip: Clip, other: Clip) -> Clip:
    def stray(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
        vertices = np.concatenate([mesh.vertices, rng.normal(0, 1e3, (5, 3))])
        colours = np.concatenate([colours_of(mesh).vertex_colors, np.zeros((5, 4), np.uint8)])
        return trimesh.Trimesh(vertices, mesh.faces, vertex_colors=colours, process=False)

    return _mesh(clip, stray)


@damage
def mesh_fine(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: mesh.subdivide().subdivide().subdivide())


@damage
def mesh_colourless(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: trimesh.Trimesh(mesh.vertices, mesh.faces, process=False))


def _painted(colour: Any) -> Callable[[trimesh.Trimesh], None]:
    def paint(mesh: trimesh.Trimesh) -> None:
        colours_of(mesh).vertex_colors = np.tile([*colour, 255], (len(mesh.vertices), 1))

    return paint


@damage
def mesh_grey(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, _painted([int(rng.integers(256))] * 3))


@damage
def mesh_of_the_table(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, _painted(np.median(clip.background_1.reshape(-1, 3), axis=0).astype(int)))


@damage
def mesh_skin(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, _painted([(236, 188, 160), (210, 150, 115), (160, 110, 80)][rng.integers(3)]))


@damage
def tools_same_name(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, tools=[*clip.tools, clip.tools[0]])


@damage
def tool_too_many(rng: Rng, clip: Clip, other: Clip) -> Clip:
    """A second tool is named that no picture shows."""
    mesh = trimesh.creation.box(rng.uniform(0.02, 0.2, 3))
    _painted(rng.integers(0, 256, 3))(mesh)
    return replace(clip, tools=[*clip.tools, Tool(ABSENT, mesh, clip.tools[0].mesh_path, np.eye(4), np.zeros(3), {})])


# Damages are done in this file's order: what takes the mesh or the tools away comes last, for the others need them.
@damage
def mesh_empty(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _mesh(clip, lambda mesh: trimesh.Trimesh())


@damage
def tools_none(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, tools=[])
