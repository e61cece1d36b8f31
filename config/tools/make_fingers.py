"""Writes the two fingers' finger.obj, each into its own folder: python config/tools/make_fingers.py.

Tool frame [m]: origin at the tip, the middle of the rounded lower end; z up, along the rod, which is the same all
around; x away from the bracket that leads from the rod's top to the arm. Each has bands in its own colours.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import trimesh

RADIUS, LENGTH, SEGMENTS = 0.012, 0.18, 32
MOUNT = np.array([-0.09, 0.0, 0.25])  # the bracket's other end, where the flange is
BRACKET_FOOT, GREY = np.array([0.0, 0.0, 0.168]), (70, 70, 75)
ROUNDED = 6  # rings of the rounded end
ROW = 0.0004  # colours change over so narrow rows of faces
BANDS = {  # height above the tip at which a colour begins
    "finger_left": ((0.0, (235, 30, 165)), (0.05, (25, 190, 75)), (0.10, (25, 85, 240))),
    "finger_right": ((0.0, (240, 140, 20)), (0.05, (25, 85, 240)), (0.10, (150, 40, 220))),
}


def finger(bands: tuple[tuple[float, tuple[int, int, int]], ...]) -> trimesh.Trimesh:
    """The rod as rings of vertices from the tip up, closed at both ends."""
    angle = np.linspace(0.0, np.pi / 2, ROUNDED + 1)[1:]
    profile = [(RADIUS * np.sin(a), RADIUS * (1.0 - np.cos(a)), bands[0][1]) for a in angle]
    for (_, below), (height, above) in pairwise(bands):
        profile += [(RADIUS, height - ROW, below), (RADIUS, height, above)]
    profile.append((RADIUS, LENGTH, bands[-1][1]))
    turn = np.linspace(0.0, 2 * np.pi, SEGMENTS, endpoint=False)
    rings = [np.stack([r * np.cos(turn), r * np.sin(turn), np.full(SEGMENTS, z)], axis=1) for r, z, _ in profile]
    vertices = np.concatenate([[[0.0, 0.0, 0.0]], *rings, [[0.0, 0.0, LENGTH]]])
    colours = [bands[0][1]] + [colour for *_, colour in profile for _ in range(SEGMENTS)] + [bands[-1][1]]
    faces = []
    for k in range(SEGMENTS):
        n = (k + 1) % SEGMENTS
        faces.append((0, 1 + n, 1 + k))
        for ring in range(len(profile) - 1):
            a, b = 1 + ring * SEGMENTS, 1 + (ring + 1) * SEGMENTS
            faces += [(a + k, a + n, b + n), (a + k, b + n, b + k)]
        top = 1 + (len(profile) - 1) * SEGMENTS
        faces.append((top + k, top + n, len(vertices) - 1))
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    mesh.visual.vertex_colors = np.array(colours, np.uint8)
    return mesh


def bracket() -> trimesh.Trimesh:
    """The round bar from the rod's top to the mount."""
    bar = trimesh.creation.cylinder(radius=RADIUS, segment=[BRACKET_FOOT, MOUNT], sections=SEGMENTS)
    bar.visual.vertex_colors = np.tile(np.array([*GREY, 255], np.uint8), (len(bar.vertices), 1))
    return bar


if __name__ == "__main__":
    for name, bands in BANDS.items():
        made = finger(bands)
        assert made.is_watertight
        assert made.volume > 0
        made = trimesh.util.concatenate([made, bracket()])
        made.export(Path(__file__).with_name(name) / "finger.obj", digits=6)
