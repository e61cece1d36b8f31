"""Tools: known CAD meshes with a stated origin, tip and mount."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import trimesh
from numpy.typing import NDArray

from . import se3
from .errors import DreamitateError, unknown
from .numbers import read_array
from .paths import config_dir
from .yaml_file import read_mapping

Array = NDArray[np.float64]

NAME = re.compile(r"\w[\w .-]*")
"""What a tool may be called: it becomes a file's name."""
UNITS_M = {"m": 1.0, "mm": 1e-3}
LARGEST_M = 2.0
"""A hand-held tool larger than this is a mesh in the wrong units."""


@dataclass(frozen=True)
class Tool:
    """A tool. mesh: in metres in the tool frame; transform_tool_to_flange: where the arm holds it; tip: (3,) metres.

    mesh_path: None where the mesh was made, not read.
    """

    name: str
    mesh: trimesh.Trimesh
    mesh_path: Path | None
    transform_tool_to_flange: Array
    tip: Array
    settings: dict[str, Any]


def read_mesh(path: Path, units: str) -> trimesh.Trimesh:
    """Return the mesh, in metres, with per-vertex colours where the file has any.

    Raises DreamitateError for a missing, empty or unreadable file, unknown units, or a size that no tool has.
    """
    if not isinstance(units, str) or units not in UNITS_M:
        raise unknown("unit of length", str(units), UNITS_M)
    if not Path(path).is_file():
        raise DreamitateError(f"There is no mesh {path}.")
    try:
        mesh = cast(trimesh.Trimesh, trimesh.load(path, force="mesh", process=False))
    except Exception as error:  # trimesh raises whatever its many readers raise
        raise DreamitateError(f"The mesh {path} cannot be read: {error}.") from None
    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise DreamitateError(f"The mesh {path} is empty or holds numbers that are not finite.")
    mesh.apply_scale(UNITS_M[units])
    size = float(mesh.extents.max())
    if size > LARGEST_M:
        raise DreamitateError(
            f"The mesh {path} is {size:.3g} m large in units of {units!r}; at most {LARGEST_M} m is allowed."
            " Is it in millimetres?"
        )
    if isinstance(mesh.visual, trimesh.visual.TextureVisuals):
        mesh.visual = mesh.visual.to_color()
    return mesh


def colours_of(mesh: trimesh.Trimesh) -> trimesh.visual.ColorVisuals:
    """Return the colours of a tool's mesh, which has no texture: `read_mesh` has made colours of it."""
    assert isinstance(mesh.visual, trimesh.visual.ColorVisuals)
    return mesh.visual


def load_tool(name: str) -> Tool:
    """Return the tool `config/tools/<name>/tool.yaml`. Raises DreamitateError that lists the known ones."""
    folder = config_dir() / "tools"
    path = folder / name / "tool.yaml"
    if not path.is_file():
        raise unknown("tool", name, (file.parent.name for file in folder.glob("*/tool.yaml")))
    return tool_from_settings(read_mapping(path), path.parent, str(path))


def tool_from_settings(settings: dict[str, Any], folder: Path, source: str) -> Tool:
    """Return the tool of an entry of `tool.yaml` or `tools.json`; mesh paths are relative to `folder`."""
    if not isinstance(settings, dict) or not {"name", "mesh"} <= set(settings):
        raise DreamitateError(f"A tool in {source} must have a name and a mesh; it has {settings}.")
    name, mesh = settings["name"], settings["mesh"]
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise DreamitateError(
            f"The name of a tool in {source} must be letters, digits, _ - . and spaces; it is {name!r}."
        )
    if not isinstance(mesh, str) or "\0" in mesh:
        raise DreamitateError(f"The mesh of tool {name!r} in {source} must be a file's name; it is {mesh!r}.")
    mesh_path = Path(folder) / mesh
    mount = settings.get("transform_tool_to_flange", np.eye(4))
    return Tool(
        name=name,
        mesh=read_mesh(mesh_path, settings.get("units", "m")),
        mesh_path=mesh_path,
        transform_tool_to_flange=se3.check_transform(mount, f"transform_tool_to_flange in {source}"),
        tip=read_array(settings.get("tip", (0.0, 0.0, 0.0)), (3,), f"tip of tool {name!r} in {source}"),
        settings=settings,
    )


def part_of(tool: Tool, part: str) -> Tool:
    """Return the tool with only the triangles of its `tracked_part` as mesh: those whose middles lie in the part's box.

    part: that part's name. Raises DreamitateError where the tool has no such part.
    """
    known = tool.settings.get("tracked_part") or {}
    if known.get("name") != part:
        raise unknown(f"part of tool {tool.name!r}", part, ["whole", *filter(None, [known.get("name")])])
    middles = tool.mesh.triangles_center
    inside = ((middles >= known["box_min"]) & (middles <= known["box_max"])).all(axis=1)
    mesh = cast(trimesh.Trimesh, tool.mesh.submesh([np.flatnonzero(inside)], append=True))
    return replace(tool, mesh=mesh)
