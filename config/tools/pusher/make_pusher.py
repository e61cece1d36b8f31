"""Writes pusher.obj, the CAD of the pusher, beside this file: python config/tools/pusher/make_pusher.py.

Tool frame [m]: origin at the foot of the front face's middle, z up, y the pushing direction, x across.
The head's front is flat and wide, so that what it pushes lies flush with it; behind, it narrows. Front and handle are
magenta, the rest green on the left and blue on the right, with a seam between colours, so that merging vertices keeps
them. No part is dark or grey: so is much else, a sleeve for instance.
"""

from pathlib import Path

import numpy as np
import trimesh

HALF_WIDTH, HALF_WIDTH_BACK, HEIGHT = 0.06, 0.03, 0.036
FRONT_DEPTH, DEPTH, SEAM = 0.013, 0.036, 0.0002
HANDLE_RADIUS, HANDLE_Y, TOP = 0.013, -0.018, 0.2
MAGENTA, GREEN, BLUE = (235, 30, 165), (25, 190, 75), (25, 85, 240)


def block(outline: list[tuple[float, float]], colour: tuple[int, int, int]) -> trimesh.Trimesh:
    """A convex outline (x, y) from the table up to the head's height."""
    corners = [(x, y, z) for x, y in outline for z in (0.0, HEIGHT)]
    return coloured(trimesh.convex.convex_hull(np.array(corners)), colour)


def head() -> list[trimesh.Trimesh]:
    """The front slab, and the two halves behind it."""
    back, front, side = -DEPTH, -FRONT_DEPTH - SEAM, HALF_WIDTH
    left = [(-side, front), (-SEAM, front), (-SEAM, back), (-HALF_WIDTH_BACK, back)]
    right = [(-x, y) for x, y in left]
    slab = [(-side, 0.0), (side, 0.0), (side, -FRONT_DEPTH), (-side, -FRONT_DEPTH)]
    return [block(slab, MAGENTA), block(left, GREEN), block(right, BLUE)]


def handle() -> trimesh.Trimesh:
    """The round upright handle."""
    segment = [(0.0, HANDLE_Y, HEIGHT), (0.0, HANDLE_Y, TOP)]
    return coloured(trimesh.creation.cylinder(radius=HANDLE_RADIUS, segment=segment, sections=24), MAGENTA)


def coloured(mesh: trimesh.Trimesh, colour: tuple[int, int, int]) -> trimesh.Trimesh:
    """The closed mesh in one opaque colour."""
    if not mesh.is_watertight or mesh.volume <= 0.0:
        raise SystemExit("A piece of the pusher's mesh is not closed: check make_pusher.py.")
    mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.tile([*colour, 255], (len(mesh.vertices), 1)))
    return mesh


if __name__ == "__main__":
    trimesh.util.concatenate([*head(), handle()]).export(Path(__file__).with_name("pusher.obj"), digits=6)
