"""The scoop's CAD is what its script makes, and its tracked part is the handle, which no turn maps to itself."""

import subprocess
import sys
from pathlib import Path
from shutil import copy

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import config_dir
from dreamitate_core.tool import Tool, colours_of, load_tool, part_of

LEAN_RAD = np.deg2rad(42.0)


@pytest.fixture(scope="module")
def scoop() -> Tool:
    return load_tool("scoop")


def test_the_script_makes_the_file(scoop: Tool, tmp_path: Path) -> None:
    script = copy(config_dir() / "tools" / "scoop" / "make_scoop.py", tmp_path)
    subprocess.run([sys.executable, script], check=True)
    assert scoop.mesh_path is not None
    assert (tmp_path / "scoop.obj").read_text() == scoop.mesh_path.read_text()


def test_closed_with_the_lip_s_middle_at_the_origin(scoop: Tool) -> None:
    assert scoop.mesh.is_watertight
    low, high = scoop.mesh.bounds
    assert low[2] == 0.0
    lip = scoop.mesh.vertices[np.isclose(scoop.mesh.vertices[:, 1], 0.0) & (scoop.mesh.vertices[:, 2] == 0.0)]
    assert len(lip) > 0
    np.testing.assert_allclose((lip.min(axis=0) + lip.max(axis=0)) / 2.0, scoop.tip, atol=1e-9)
    assert high[1] == 0.0


def test_mount_is_the_handle_s_top_with_the_flange_looking_down_the_handle(scoop: Tool) -> None:
    flange_to_tool = se3.inverse(scoop.transform_tool_to_flange)
    down = np.array([0.0, np.sin(LEAN_RAD), -np.cos(LEAN_RAD)])
    np.testing.assert_allclose(flange_to_tool[:3, 2], down, atol=1e-6)
    along = scoop.mesh.vertices @ -down
    top = scoop.mesh.vertices[along > along.max() - 1e-5]
    np.testing.assert_allclose(flange_to_tool[:3, 3], (top.min(axis=0) + top.max(axis=0)) / 2.0, atol=1e-4)


def test_the_handle_is_tracked_without_neck_and_cup(scoop: Tool) -> None:
    handle = part_of(scoop, "handle")
    grey = (colours_of(handle.mesh).face_colors[:, :3] == (150, 152, 156)).all(axis=1)
    assert handle.mesh.area_faces[grey].sum() < 0.01 * handle.mesh.area  # the neck's end, inside the block
    assert handle.mesh.vertices[:, 2].min() > scoop.mesh.vertices[scoop.mesh.vertices[:, 1] > -0.03, 2].max()
    assert handle.tip is scoop.tip
    assert np.ptp(handle.mesh.vertices[:, 0]) > 0.1
    with pytest.raises(DreamitateError, match=r"Unknown part of tool 'scoop' 'blade'. Known: handle, whole."):
        part_of(scoop, "blade")


def test_the_handle_tells_right_from_left_and_front_from_back(scoop: Tool) -> None:
    """The coloured surface's middles, each turned or mirrored about the handle, lie elsewhere."""
    handle = part_of(scoop, "handle").mesh
    colours, middles, areas = colours_of(handle).face_colors[:, :3], handle.triangles_center, handle.area_faces
    along = np.array([0.0, -np.sin(LEAN_RAD), np.cos(LEAN_RAD)])
    ahead = np.array([0.0, np.cos(LEAN_RAD), np.sin(LEAN_RAD)])
    core = (colours == (25, 190, 75)).all(axis=1)
    axis_point = np.average(middles[core], axis=0, weights=areas[core])
    magenta = (colours == (235, 30, 165)).all(axis=1)
    blue = (colours == (25, 85, 240)).all(axis=1)
    right, left = (np.average(middles[part] - axis_point, axis=0, weights=areas[part]) for part in (magenta, blue))
    assert right[0] > 0.03
    assert left[0] < -0.005
    assert left @ ahead > 0.005
    assert abs(right @ ahead) < 0.002
    assert right @ along - left @ along > 0.005


def test_contact_pieces_leave_the_cup_open_in_front_and_above(scoop: Tool) -> None:
    boxes = [piece for piece in scoop.settings["collision"] if piece["type"] == "box"]
    low, high = scoop.mesh.bounds
    for piece in boxes:
        centre, half = np.array(piece["centre"]), np.array(piece["half_size"])
        assert (centre - half > low - 1e-6).all()
        assert (centre + half < high + 1e-6).all()

    def is_solid(point: tuple[float, float, float]) -> bool:
        return any((np.abs(np.array(point) - piece["centre"]) <= piece["half_size"]).all() for piece in boxes)

    assert is_solid((0.0, -0.02, 0.001))
    assert is_solid((0.0, -0.043, 0.01))
    assert is_solid((0.0200, -0.02, 0.01))
    assert not is_solid((0.0, -0.02, 0.01))
    assert not is_solid((0.0, -0.001, 0.006))
    assert not is_solid((0.0, -0.02, 0.025))
