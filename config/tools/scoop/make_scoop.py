"""Writes scoop.obj, the CAD of the bead scoop, beside this file: python config/tools/scoop/make_scoop.py.

Tool frame [m]: origin at the middle of the lip, on the underside; z up from the cup's floor, y out of the cup over the
lip, x across to the right. The cup lies behind the lip (y < 0) and is open in front and above. The handle stands behind
the cup and leans back by LEAN; along it: a grey neck, a block with two wings that cameras see, and the grip.
Every coloured piece is a closed mesh of its own, so that no vertex has two colours.
"""

from pathlib import Path

import numpy as np
import trimesh

HALF_WIDTH, LENGTH, DEPTH, WALL = 0.021, 0.044, 0.021, 0.0025  # of the cup
LEAN = np.deg2rad(42.0)
FOOT = (0.0, -0.049, 0.008)  # where the handle's axis starts
NECK_RADIUS, GRIP_RADIUS = 0.008, 0.012
BLOCK_FROM, BLOCK_TO, TOP = 0.052, 0.108, 0.195  # along the handle's axis
CORE = 0.026  # the block's sides
GREY, MAGENTA, GREEN, BLUE = (150, 152, 156), (235, 30, 165), (25, 190, 75), (25, 85, 240)


def cup() -> list[trimesh.Trimesh]:
    """Floor, back and both sides; each side rises from the lip to the back."""
    floor = box((-HALF_WIDTH, -LENGTH, 0.0), (HALF_WIDTH, 0.0, WALL))
    back = box((-HALF_WIDTH, -LENGTH, WALL), (HALF_WIDTH, -LENGTH + WALL, DEPTH))
    outline = [(0.0, 0.0), (0.0, WALL), (-0.4 * LENGTH, DEPTH), (-LENGTH, DEPTH), (-LENGTH, 0.0)]
    sides = [
        trimesh.convex.convex_hull([(x, y, z) for x in ends for y, z in outline])
        for ends in ((-HALF_WIDTH, -HALF_WIDTH + WALL), (HALF_WIDTH - WALL, HALF_WIDTH))
    ]
    return [coloured(piece, GREY) for piece in (floor, back, *sides)]


def handle() -> list[trimesh.Trimesh]:
    """Neck, block and grip, leaning back. The wings tell right (magenta, long) from left (blue, short and lower)."""
    half = CORE / 2.0
    pieces = [
        coloured(rod(NECK_RADIUS, 0.0, BLOCK_FROM + 0.001), GREY),
        coloured(box((-half, -half, BLOCK_FROM), (half, half, BLOCK_TO)), GREEN),
        coloured(rod(GRIP_RADIUS, BLOCK_TO - 0.004, TOP), GREEN),
        coloured(box((half, -0.008, BLOCK_FROM + 0.004), (0.066, 0.008, BLOCK_TO)), MAGENTA),
        coloured(box((-0.046, -0.008, BLOCK_FROM), (-half, 0.008, BLOCK_TO - 0.018)), BLUE),
        coloured(box((-0.008, half, BLOCK_FROM + 0.012), (0.008, 0.042, BLOCK_TO - 0.012)), BLUE),
    ]
    lean = trimesh.transformations.rotation_matrix(LEAN, (1.0, 0.0, 0.0))
    lean[:3, 3] = FOOT
    return [piece.apply_transform(lean) for piece in pieces]


def box(low: tuple[float, ...], high: tuple[float, ...]) -> trimesh.Trimesh:
    """The box between two corners."""
    return trimesh.creation.box(bounds=[low, high])


def rod(radius: float, low: float, high: float) -> trimesh.Trimesh:
    """A round rod along z."""
    return trimesh.creation.cylinder(radius, segment=[(0.0, 0.0, low), (0.0, 0.0, high)], sections=24)


def coloured(mesh: trimesh.Trimesh, colour: tuple[int, int, int]) -> trimesh.Trimesh:
    """The mesh with one opaque colour on all its vertices."""
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.tile([*colour, 255], (len(mesh.vertices), 1)))
    return mesh


def write_obj(path: Path, pieces: list[trimesh.Trimesh]) -> None:
    """Writes one OBJ object with `v x y z r g b` lines (colours 0..1)."""
    whole = trimesh.util.concatenate(pieces)
    if not whole.is_watertight or whole.volume <= 0.0:
        raise SystemExit("The scoop's mesh is not closed: check make_scoop.py.")
    rows = np.hstack([whole.vertices, whole.visual.vertex_colors[:, :3] / 255.0])
    lines = ["# Scoop of Dreamitate. Units: m. Made by make_scoop.py.", "o scoop"]
    lines += ["v " + " ".join(f"{value + 0.0:.6f}" for value in np.round(row, 6) + 0.0) for row in rows]
    lines += ["f " + " ".join(str(index + 1) for index in face) for face in whole.faces]
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_obj(Path(__file__).with_name("scoop.obj"), cup() + handle())
