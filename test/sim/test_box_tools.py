"""The box tools' CAD is what its script makes, closed, of the stated size, and each the other's mirror image."""

import subprocess
import sys
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.paths import config_dir
from dreamitate_core.tool import colours_of, load_tool

NAMES = ("box_left", "box_right")


def test_the_script_makes_the_files(tmp_path: Path) -> None:
    script = copy(config_dir() / "tools" / "make_boxes.py", tmp_path)
    for name in NAMES:
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, script], check=True)
    for name in NAMES:
        path = load_tool(name).mesh_path
        assert path is not None
        assert (tmp_path / name / "box.obj").read_text() == path.read_text()


def test_mirror_images_in_different_colours() -> None:
    left, right = (load_tool(name).mesh for name in NAMES)
    np.testing.assert_allclose(left.vertices * (-1.0, 1.0, 1.0), right.vertices, atol=1e-6)
    colours = [{tuple(c) for c in colours_of(mesh).vertex_colors[:, :3] if max(c) > 100} for mesh in (left, right)]
    assert [len(each) for each in colours] == [2, 2]
    assert colours[0] != colours[1]


@pytest.mark.parametrize("name", NAMES)
def test_pieces_are_closed_and_the_box_stands_on_its_tip(name: str) -> None:
    tool = load_tool(name)
    assert all(piece.is_watertight and piece.volume > 0 for piece in tool.mesh.split())
    low, high = tool.mesh.bounds
    assert low[2] == pytest.approx(0.0, abs=1e-9)
    assert high[2] == pytest.approx(0.21, abs=1e-6)
    inner = high[0] if name == "box_left" else -low[0]
    assert inner == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_mount_is_the_handle_s_top(name: str) -> None:
    tool = load_tool(name)
    flange_to_tool = se3.inverse(tool.transform_tool_to_flange)
    top = tool.mesh.vertices[tool.mesh.vertices[:, 2] > 0.2099]
    np.testing.assert_allclose(flange_to_tool[:3, 3], (top.min(axis=0) + top.max(axis=0)) / 2.0, atol=1e-4)
    assert flange_to_tool[2, 2] < -0.9


@pytest.mark.parametrize("name", NAMES)
def test_contact_pieces_keep_to_the_mesh(name: str) -> None:
    tool = load_tool(name)
    box, handle = tool.settings["collision"]
    low, high = tool.mesh.bounds
    side = 1.0 if name == "box_left" else -1.0
    assert box["centre"][0] + side * box["half_size"][0] == pytest.approx(0.0)
    assert np.asarray(box["centre"])[2] - box["half_size"][2] == pytest.approx(0.0)
    ends = np.array(handle["ends"])
    assert (ends.min(axis=0) - handle["radius"] >= low - 0.001).all()
    assert (ends.max(axis=0) + handle["radius"] <= high + 0.002).all()
