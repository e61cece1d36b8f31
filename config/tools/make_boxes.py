"""Writes the two box tools' box.obj, each into its own folder: python config/tools/make_boxes.py.

Tool frame of the left one [m]: origin in the middle of the pad's lower edge; x out of the pad, towards the object;
z up; y to the left of someone who looks along x. The right one is its mirror image in x, in other colours.
The box is of one colour in front (y < 0) and of another one behind, so that each picture tells how it is turned.
"""

from pathlib import Path

import numpy as np
import trimesh

PAD, DEPTH, HALF_WIDTH, HEIGHT = 0.014, 0.058, 0.040, 0.050  # along x, along x with the pad, along y, along z
HANDLE_RADIUS, HANDLE_FOOT, LEAN, TOP = 0.013, np.array([-0.037, 0.0, 0.045]), np.deg2rad(20.0), 0.21
CAP = 0.012  # the straight end that the flange is screwed to
SEGMENTS = 24
BLACK = (35, 35, 40)
COLOURS = {  # front, behind and handle; no blue nor violet, which grey sleeves come near in cool light
    "box_left": ((235, 30, 165), (25, 190, 75)),
    "box_right": ((165, 225, 25), (235, 30, 165)),
}
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


def left(front: tuple[int, int, int], behind: tuple[int, int, int]) -> trimesh.Trimesh:
    """The pad, the box's two halves, the leaning handle and its cap: closed pieces that touch or overlap."""
    leaning = HANDLE_FOOT + (TOP - CAP - HANDLE_FOOT[2]) * np.array([-np.tan(LEAN), 0.0, 1.0])
    top = leaning + (0.0, 0.0, CAP)
    pieces = [
        (block((-PAD, 0.0), (-HALF_WIDTH, HALF_WIDTH)), BLACK),
        (block((-DEPTH, -PAD), (-HALF_WIDTH, 0.0)), front),
        (block((-DEPTH, -PAD), (0.0, HALF_WIDTH)), behind),
        (trimesh.creation.cylinder(HANDLE_RADIUS, segment=[HANDLE_FOOT, leaning], sections=SEGMENTS), behind),
        (trimesh.creation.cylinder(HANDLE_RADIUS, segment=[leaning, top], sections=SEGMENTS), BLACK),
    ]
    for piece, colour in pieces:
        piece.visual.vertex_colors = np.tile(np.array([*colour, 255], np.uint8), (len(piece.vertices), 1))
    return trimesh.util.concatenate([piece for piece, _ in pieces])


def block(x: tuple[float, float], y: tuple[float, float]) -> trimesh.Trimesh:
    """An upright block on the plane z = 0."""
    return trimesh.creation.box(bounds=[(x[0], y[0], 0.0), (x[1], y[1], HEIGHT)])


if __name__ == "__main__":
    for name, colours in COLOURS.items():
        made = left(*colours)
        if name == "box_right":
            made.apply_transform(MIRROR)
        assert all(piece.is_watertight and piece.volume > 0 for piece in made.split())
        made.export(Path(__file__).with_name(name) / "box.obj", digits=6)
