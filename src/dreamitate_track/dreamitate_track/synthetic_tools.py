"""Tools of our own for test clips, random in size and colour. Each says in its settings where it is held ("grip") and,
in `parts`, which faces make up its head and its handle and the middle of each part."""

from typing import cast

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.tool import Tool

Array = NDArray[np.float64]
Colour = tuple[int, int, int]
MIRROR = np.diag([-1.0, 1, 1, 1])


def block_tool(rng: np.random.Generator) -> Tool:
    """Return a chamfered block with a coloured strip and a slanted dark handle."""
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
    head = [(block, rgb(hue, 0.85, 0.9)), (strip, rgb(strip_hue, 0.8, 0.9))]
    grip = [0.02, -0.14 * np.sin(lean), height + 0.13]
    return _tool("block", head, [(handle, (40, 40, 45))], grip)


def scoop_tool(rng: np.random.Generator) -> Tool:
    """Return a flat bowl at the end of a broad handle whose faces and ends differ in colour."""
    hue = rng.uniform(0.3, 0.95)
    other = (hue + rng.uniform(0.25, 0.4)) % 1.0
    other = other if 0.15 < other < 0.97 else 0.35
    length, width, height = rng.uniform(0.13, 0.17), rng.uniform(0.028, 0.038), rng.uniform(0.02, 0.028)
    handle = trimesh.creation.box((length, width, height))
    handle.apply_translation((length / 2, 0, height / 2 + 0.02))
    band = trimesh.creation.box((length * 0.22, width * 1.04, height * 1.04))
    band.apply_translation((length * 0.22, 0, height / 2 + 0.02))
    keel = trimesh.creation.box((length * 0.9, width * 0.35, height * 1.3))
    keel.apply_translation((length * 0.5, -width * 0.3, height / 2 + 0.02))
    bowl = trimesh.creation.cylinder(rng.uniform(0.03, 0.04), 0.02, sections=20)
    bowl.apply_translation((-0.03, 0, 0.015))
    first, second = rgb(hue, 0.85, 0.9), rgb(other, 0.8, 0.9)
    grip = [length * 0.95, 0.0, 0.02 + height]
    return _tool("scoop", [(bowl, (70, 70, 75))], [(handle, first), (band, second), (keel, second)], grip)


def plate_tools(rng: np.random.Generator) -> list[Tool]:
    """Return two plates, each the other's mirror image: a light face with dark windows, straight at one end."""
    hue = rng.uniform(0.3, 0.95)
    x, y = rng.uniform(0.055, 0.07), rng.uniform(0.036, 0.045)
    depth = rng.uniform(0.03, 0.05)
    round_end = [(x + 0.3 * y * np.cos(a), y * np.sin(a)) for a in np.linspace(-np.pi / 2, np.pi / 2, 9)]
    outline = np.array([(-x, -y), *round_end, (-x, y)])
    levels = ((1.12, -depth), (1.0, 0.0))
    body = trimesh.convex.convex_hull(np.concatenate([np.insert(outline * s, 2, z, axis=1) for s, z in levels]))
    face = trimesh.convex.convex_hull(np.concatenate([np.insert(outline * 0.86, 2, z, axis=1) for z in (-0.002, 1e-3)]))
    pieces = [(body, rgb(hue, 0.85, 0.8)), (face, (235, 240, 245))]
    for column, size in ((-0.6, 0.30), (-0.1, 0.16), (0.3, 0.30)):
        window = trimesh.creation.box((size * x, 0.55 * y, 0.002))
        window.apply_translation((column * x, 0.4 * y, 1e-3))
        pieces.append((window, (50, 60, 82)))
    for column in (-0.65, -0.25, 0.15, 0.5):
        window = trimesh.creation.box((0.12 * x, 0.3 * y, 0.002))
        window.apply_translation((column * x, -0.45 * y, 1e-3))
        pieces.append((window, (50, 60, 82)))
    mirrored = [(mesh.copy().apply_transform(MIRROR), colour) for mesh, colour in pieces]
    grip = [0.0, -1.3 * y, -depth]
    return [_tool("left", pieces, [], grip), _tool("right", mirrored, [], grip)]


def part_of(tool: Tool, part: str) -> Tool:
    """Return the tool with only its "head" or "handle" as mesh, and as "middle" that part's."""
    first, last = tool.settings["parts"][part]
    mesh = cast(trimesh.Trimesh, tool.mesh.submesh([np.arange(first, last)], append=True))
    middle = mesh.bounds.mean(axis=0).tolist()
    return Tool(
        tool.name, mesh, tool.mesh_path, tool.transform_tool_to_flange, tool.tip, {**tool.settings, "middle": middle}
    )


def rgb(hue: float, saturation: float, value: float) -> Colour:
    """Return 8-bit RGB of hue, saturation and value 0..1."""
    pixel = np.array([[[int(hue * 179), int(saturation * 255), int(value * 255)]]], np.uint8)
    r, g, b = cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0]
    return int(r), int(g), int(b)


def _tool(
    name: str,
    head: list[tuple[trimesh.Trimesh, Colour]],
    handle: list[tuple[trimesh.Trimesh, Colour]],
    grip: list[float],
) -> Tool:
    """Return the tool of coloured pieces; "middle" (3,) is the head's, or the handle's if that is larger."""
    meshes = []
    for mesh, colour in (*head, *handle):
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.tile([*colour, 255], (len(mesh.vertices), 1)))
        meshes.append(mesh)
    whole = cast(trimesh.Trimesh, trimesh.util.concatenate(meshes))
    split = sum(len(mesh.faces) for mesh, _ in head)
    parts = {"head": [0, split], "handle": [split, len(whole.faces)]}
    middle = trimesh.util.concatenate([mesh for mesh, _ in head]).bounds.mean(axis=0).tolist()
    return Tool(name, whole, None, np.eye(4), np.zeros(3), {"grip": grip, "parts": parts, "middle": middle})
