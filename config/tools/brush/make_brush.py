"""Writes brush.obj, the CAD of the sweeping brush, beside this file: python config/tools/brush/make_brush.py.

Tool frame [m]: origin at the centre of the head's underside, z up, y the sweeping direction, x across.
The head is a crescent, concave in front, mirror symmetric in x; the handle leans back towards -y.
Colours sit on the vertices, and change over 0.4 mm wide rows of faces, so that merging vertices keeps them.
"""

from pathlib import Path

import numpy as np
import trimesh

HALF_WIDTH, HEIGHT, CHAMFER, ROW = 0.075, 0.032, 0.001, 0.0004
FRONT_Y, SAGITTA = 0.0225, 0.025  # front edge at the tips, and how far its middle lies behind them
BACK_Y, BACK_SAGITTA = -0.0225, 0.014  # back edge in the middle, and how far its tips lie in front of it
STRIP = 0.3  # share of the top that each coloured edge covers
HANDLE_RADIUS, HANDLE_FOOT_Y, LEAN, TOP = 0.013, -0.011, np.deg2rad(17.0), 0.2
MAGENTA, GREEN, BLUE, BLACK = (235, 30, 165), (25, 190, 75), (25, 85, 240), (35, 35, 40)
STATIONS, SEGMENTS = 41, 24


def arc_y(x: np.ndarray, middle_y: float, sagitta: float) -> np.ndarray:
    """y (N,) of the circular arc through (0, middle_y) and (+-HALF_WIDTH, middle_y + sagitta)."""
    radius = (HALF_WIDTH**2 + sagitta**2) / (2.0 * sagitta)
    return np.asarray(middle_y + radius - np.sqrt(radius**2 - x**2))


def head() -> trimesh.Trimesh:
    """The crescent: one closed cross-section per station across x, joined by quads, closed at both ends."""
    x = np.linspace(-HALF_WIDTH, HALF_WIDTH, STATIONS)
    front, back = arc_y(x, FRONT_Y - SAGITTA, SAGITTA), arc_y(x, BACK_Y, BACK_SAGITTA)
    depth = front - back
    # (y, z, colour) around the cross-section, seen from +x: bottom, up the front, over the top, down the back.
    ring = [
        (back + ROW, 0.0, BLACK),
        (front - ROW, 0.0, BLACK),
        (front, ROW, MAGENTA),
        (front, HEIGHT - CHAMFER, MAGENTA),
        (front - CHAMFER, HEIGHT, MAGENTA),
        (front - STRIP * depth, HEIGHT, MAGENTA),
        (front - STRIP * depth - ROW, HEIGHT, GREEN),
        (back + STRIP * depth + ROW, HEIGHT, GREEN),
        (back + STRIP * depth, HEIGHT, BLUE),
        (back + CHAMFER, HEIGHT, BLUE),
        (back, HEIGHT - CHAMFER, BLUE),
        (back, ROW, BLUE),
    ]
    vertices = np.stack([np.stack([x, y, np.full(STATIONS, z)], axis=-1) for y, z, _ in ring], axis=1).reshape(-1, 3)
    colours = np.tile(np.array([colour for _, _, colour in ring]), (STATIONS, 1))
    size = len(ring)
    faces = []
    for station in range(STATIONS - 1):
        for k in range(size):
            a, b = station * size + k, station * size + (k + 1) % size
            faces += [(a, b + size, b), (a, a + size, b + size)]
    last = (STATIONS - 1) * size
    # An end is closed by strips from front to back, so that its colours are those of the three bands.
    bands = [(0, 1, 2, 11), (11, 2, 3, 10), (10, 3, 4, 9), (9, 4, 5, 8), (8, 5, 6, 7)]
    for a, b, c, d in bands:
        faces += [(a, b, c), (a, c, d), (last + a, last + c, last + b), (last + a, last + d, last + c)]
    return coloured(vertices, np.array(faces), colours)


def handle() -> trimesh.Trimesh:
    """The round handle from inside the head up to the mount, whose end faces straight up."""
    angle = np.linspace(0.0, 2.0 * np.pi, SEGMENTS, endpoint=False)
    heights = np.concatenate([[HEIGHT - 0.006], np.linspace(HEIGHT + 0.002, TOP - 0.012, 9), [TOP - 0.0116, TOP]])
    colours_of = [BLUE] * 10 + [BLACK] * 2
    vertices, colours = [], []
    for z, colour in zip(heights, colours_of, strict=True):
        centre_y = HANDLE_FOOT_Y - np.tan(LEAN) * (min(z, TOP - 0.012) - HEIGHT)
        ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(SEGMENTS)], axis=-1) * HANDLE_RADIUS
        vertices.append(ring + (0.0, centre_y, z))
        colours += [colour] * SEGMENTS
    rows = len(heights)
    faces = []
    for row in range(rows - 1):
        for k in range(SEGMENTS):
            a, b = row * SEGMENTS + k, row * SEGMENTS + (k + 1) % SEGMENTS
            faces += [(a, b, b + SEGMENTS), (a, b + SEGMENTS, a + SEGMENTS)]
    for row, flip in ((0, -1), (rows - 1, 1)):
        centre = row * SEGMENTS
        faces += [(centre, centre + k, centre + k + 1)[::flip] for k in range(1, SEGMENTS - 1)]
    return coloured(np.concatenate(vertices), np.array(faces), np.array(colours))


def coloured(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> trimesh.Trimesh:
    """A closed mesh with its faces turned outwards and opaque vertex colours (N,3) uint8."""
    alpha = np.full((len(colours), 1), 255)
    mesh = trimesh.Trimesh(vertices, faces, vertex_colors=np.hstack([colours, alpha]).astype(np.uint8), process=False)
    mesh.fix_normals()
    if not mesh.is_watertight or mesh.volume <= 0.0:
        raise SystemExit("The brush's mesh is not closed: check make_brush.py.")
    return mesh


def write_obj(path: Path, parts: dict[str, trimesh.Trimesh]) -> None:
    """Writes the parts as OBJ objects with `v x y z r g b` lines (colours 0..1)."""
    lines, offset = ["# Brush of Dreamitate. Units: m. Made by make_brush.py."], 1
    for name, mesh in parts.items():
        lines.append(f"o {name}")
        colours = mesh.visual.vertex_colors[:, :3] / 255.0
        lines += ["v " + " ".join(f"{value:.6f}" for value in row) for row in np.hstack([mesh.vertices, colours])]
        lines += ["f " + " ".join(str(index + offset) for index in face) for face in mesh.faces]
        offset += len(mesh.vertices)
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_obj(Path(__file__).with_name("brush.obj"), {"head": head(), "handle": handle()})
