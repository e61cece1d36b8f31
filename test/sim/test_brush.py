"""The brush's CAD is what its script makes, closed, mirror symmetric, and stands where its YAML says."""

import subprocess
import sys
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.paths import config_dir
from dreamitate_core.tool import Tool, colours_of, load_tool


@pytest.fixture(scope="module")
def brush() -> Tool:
    return load_tool("brush")


def test_closed_and_of_the_stated_size(brush: Tool) -> None:
    assert brush.mesh.is_watertight
    low, high = brush.mesh.bounds
    assert low[2] == 0.0
    np.testing.assert_allclose((high - low)[[0, 2]], (0.150, 0.200), atol=1e-6)


def test_the_script_makes_the_file(brush: Tool, tmp_path: Path) -> None:
    script = copy(config_dir() / "tools" / "brush" / "make_brush.py", tmp_path)
    subprocess.run([sys.executable, script], check=True)
    assert brush.mesh_path is not None
    assert (tmp_path / "brush.obj").read_text() == brush.mesh_path.read_text()


def test_mirror_symmetric_with_its_colours(brush: Tool) -> None:
    colours = colours_of(brush.mesh).vertex_colors
    table = {tuple(np.round(v, 5) + 0.0): tuple(c) for v, c in zip(brush.mesh.vertices, colours, strict=True)}
    for vertex, colour in table.items():
        mirrored = tuple(np.round((-vertex[0], *vertex[1:]), 5) + 0.0)
        assert table[mirrored] == colour


def test_front_is_concave_and_differs_from_the_back(brush: Tool) -> None:
    head = brush.mesh.vertices[:, 2] < 0.0325
    colours = colours_of(brush.mesh).vertex_colors[:, :3]
    front = head & (colours[:, 0] > 200)
    vertices = brush.mesh.vertices[front]
    middle, tips = np.abs(vertices[:, 0]) < 0.005, np.abs(vertices[:, 0]) > 0.074
    assert vertices[tips, 1].max() - vertices[middle, 1].max() == pytest.approx(0.025, abs=0.001)
    back = head & (colours[:, 2] > 200)
    assert brush.mesh.vertices[back, 1].max() < vertices[tips, 1].max()


def test_mount_is_the_handle_s_top_with_the_flange_looking_down(brush: Tool) -> None:
    flange_to_tool = se3.inverse(brush.transform_tool_to_flange)
    np.testing.assert_allclose(flange_to_tool[:3, 2], (0.0, 0.0, -1.0), atol=1e-12)
    top = brush.mesh.vertices[brush.mesh.vertices[:, 2] > 0.1999]
    low, high = top.min(axis=0), top.max(axis=0)
    np.testing.assert_allclose(flange_to_tool[:3, 3], (low + high) / 2.0, atol=1e-4)


def test_contact_pieces_keep_to_the_mesh(brush: Tool) -> None:
    low, high = brush.mesh.bounds
    for piece in brush.settings["collision"]:
        if piece["type"] != "box":
            continue
        turn = np.array([[np.cos(piece["yaw"]), -np.sin(piece["yaw"])], [np.sin(piece["yaw"]), np.cos(piece["yaw"])]])
        signs = np.array([[x, y] for x in (-1, 1) for y in (-1, 1)])
        corners = signs * piece["half_size"][:2] @ turn.T + piece["centre"][:2]
        assert (corners > low[:2] - 0.004).all()
        assert (corners < high[:2] + 0.004).all()
