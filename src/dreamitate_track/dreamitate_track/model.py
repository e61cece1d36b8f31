"""What the tracker knows of a tool: a light triangle mesh whose faces are labelled by colour."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import TextureVisuals

from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool

Array = NDArray[np.float64]

SMALLEST_M = 0.01
LARGEST_M = 2.0
SMALLEST_M2 = 1e-6
MAX_LABELS = 4
SAME_COLOUR = 60.0
"""RGB distance under which two faces bear the same label."""


@dataclass(frozen=True)
class Model:
    """A tool as the tracker sees it.

    vertices: (V, 3) metres in the body frame, which is the tool frame moved to the mesh's middle; faces: (F, 3) int32;
    face_label: (F,) int8, index of the face's colour; colours: (L, 3) RGB 0..255, empty (0, 3) where the mesh has none;
    radius: of the sphere about the middle that holds the mesh; transform_body_to_tool: (4, 4).
    """

    vertices: Array
    faces: NDArray[np.int32]
    face_label: NDArray[np.int8]
    colours: Array
    radius: float
    transform_body_to_tool: Array

    @property
    def labels(self) -> int:
        """The number of labels, at least one."""
        return max(1, len(self.colours))


def make_model(tool: Tool) -> Model:
    """Return the model of a tool. Raises DreamitateError where its mesh is empty, not finite or of no tool's size."""
    mesh = tool.mesh
    if len(mesh.faces) == 0 or len(mesh.vertices) == 0:
        raise DreamitateError(f"The mesh of tool {tool.name!r} is empty. Give a mesh with triangles.")
    vertices = np.asarray(mesh.vertices, float)
    if not np.isfinite(vertices).all():
        raise DreamitateError(f"The mesh of tool {tool.name!r} holds vertices that are not finite.")
    used = vertices[np.unique(mesh.faces)]
    size = float(np.ptp(used, axis=0).max())
    if not SMALLEST_M <= size <= LARGEST_M:
        raise DreamitateError(
            f"The mesh of tool {tool.name!r} is {size:.3g} m large; {SMALLEST_M} to {LARGEST_M} m is allowed."
            " Meshes must be in metres; is it in millimetres (units: mm)?"
        )
    if float(mesh.area) < SMALLEST_M2:
        raise DreamitateError(f"The mesh of tool {tool.name!r} has no surface: all its triangles are lines or points.")
    middle = (used.min(axis=0) + used.max(axis=0)) / 2
    label, colours = _label_faces(mesh)
    pose = np.eye(4)
    pose[:3, 3] = middle
    radius = float(np.linalg.norm(used - middle, axis=1).max())
    return Model(vertices - middle, np.asarray(mesh.faces, np.int32), label, colours, radius, pose)


def simplified(model: Model, cell_m: float, few: int = 500) -> Model:
    """Return the model with vertices in one cell of a grid merged and faces that vanish left out.

    The outermost vertex of a cell stands for it, so that the tool does not shrink; up to `few` faces are left alone.
    """
    if len(model.faces) <= few:
        return model
    cell = np.floor(model.vertices / cell_m + 0.5).astype(np.int64)
    _, index = np.unique(cell, axis=0, return_inverse=True)
    index = index.reshape(-1)
    outermost = np.argsort(np.linalg.norm(model.vertices, axis=1))
    stands_for = np.empty(index.max() + 1, np.int64)
    stands_for[index[outermost]] = outermost
    faces = index[model.faces]
    keep = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    if keep.sum() < 4:
        return model
    _, first = np.unique(np.sort(faces[keep], axis=1), axis=0, return_index=True)
    kept = np.flatnonzero(keep)[np.sort(first)]
    return replace(
        model,
        vertices=model.vertices[stands_for],
        faces=faces[kept].astype(np.int32),
        face_label=model.face_label[kept],
    )


def _label_faces(mesh: trimesh.Trimesh) -> tuple[NDArray[np.int8], Array]:
    """Return (F,) labels and (L, 3) RGB: the colours that cover most of the surface, each face to its nearest."""
    none = np.zeros(len(mesh.faces), np.int8), np.zeros((0, 3))
    visual: Any = mesh.visual.to_color() if isinstance(mesh.visual, TextureVisuals) else mesh.visual
    if getattr(visual, "kind", None) not in ("vertex", "face"):
        return none
    face_colour = np.asarray(visual.face_colors, float)[:, :3]
    area = np.asarray(mesh.area_faces, float)
    chosen: list[Array] = []
    left = area > 0
    total = area.sum()
    while len(chosen) < MAX_LABELS and area[left].sum() > 0.02 * total:
        unique, index = np.unique(face_colour[left], axis=0, return_inverse=True)
        colour = unique[np.argmax(np.bincount(index.reshape(-1), area[left]))]
        chosen.append(colour)
        left &= np.linalg.norm(face_colour - colour, axis=1) > SAME_COLOUR
    colours = np.array(chosen)
    label = np.linalg.norm(face_colour[:, None] - colours[None], axis=2).argmin(axis=1)
    return label.astype(np.int8), colours
