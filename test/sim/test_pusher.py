"""The pusher's CAD is what its script makes, of closed pieces, with a flat front, and stands where its YAML says."""

import subprocess
import sys
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.paths import config_dir
from dreamitate_core.tool import Tool, colours_of, load_tool
from dreamitate_sim.push_route import FRONT_HALF_WIDTH_M


@pytest.fixture(scope="module")
def pusher() -> Tool:
    return load_tool("pusher")


def test_the_script_makes_the_file(pusher: Tool, tmp_path: Path) -> None:
    script = copy(config_dir() / "tools" / "pusher" / "make_pusher.py", tmp_path)
    subprocess.run([sys.executable, script], check=True)
    assert pusher.mesh_path is not None
    assert (tmp_path / "pusher.obj").read_text() == pusher.mesh_path.read_text()


def test_four_closed_pieces_and_a_flat_front_at_the_origin(pusher: Tool) -> None:
    merged = pusher.mesh.copy()
    merged.merge_vertices(merge_tex=True, merge_norm=True)
    assert len(merged.split(only_watertight=True)) == 4
    low, high = pusher.mesh.bounds
    assert low[2] == 0.0
    assert high[1] == 0.0
    front = pusher.mesh.vertices[pusher.mesh.vertices[:, 1] == 0.0]
    assert np.ptp(front[:, 0]) == pytest.approx(2 * FRONT_HALF_WIDTH_M)


def test_left_and_right_and_front_and_back_have_their_own_colours(pusher: Tool) -> None:
    head = pusher.mesh.vertices[:, 2] < 0.0365
    colours = colours_of(pusher.mesh).vertex_colors[:, :3].astype(int)
    places = {name: pusher.mesh.vertices[head & (colours == colour).all(axis=1)] for name, colour in COLOURS.items()}
    assert places["green"][:, 0].max() < 0.0 < places["blue"][:, 0].min()
    assert places["green"][:, 1].max() < -0.013


def test_the_flange_looks_down_on_the_handle_s_top(pusher: Tool) -> None:
    flange_to_tool = se3.inverse(pusher.transform_tool_to_flange)
    np.testing.assert_allclose(flange_to_tool[:3, 2], (0.0, 0.0, -1.0), atol=1e-12)
    top = pusher.mesh.vertices[pusher.mesh.vertices[:, 2] > 0.1999]
    np.testing.assert_allclose(flange_to_tool[:3, 3], (top.min(axis=0) + top.max(axis=0)) / 2.0, atol=1e-4)


COLOURS = {"green": (25, 190, 75), "blue": (25, 85, 240)}
