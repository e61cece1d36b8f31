"""The clip folder: what is written comes back, and what is wrong is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.clip import Clip, read_clip, read_image, write_clip, write_image
from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool, colours_of, read_mesh
from dreamitate_core.video import StereoVideo

WIDTH, HEIGHT = 192, 112


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    rng = np.random.default_rng(1)
    smooth = np.linspace(0, 200, WIDTH)[None, None, :, None] + np.linspace(0, 50, 25)[:, None, None, None]
    frames = np.broadcast_to(smooth, (25, HEIGHT, WIDTH, 3)).astype(np.uint8)
    mesh = trimesh.creation.box((0.1, 0.04, 0.03))
    mesh.visual.vertex_colors = rng.integers(0, 255, (len(mesh.vertices), 4), dtype=np.uint8)
    tool = Tool("brush", mesh, tmp_path, se3.exp(np.full(6, 0.1)), np.array([0, 0, -0.1]), {"symmetry": "none"})
    rig = load_rig("paper").cropped_and_resized(WIDTH, HEIGHT)
    truth = {"brush": se3.exp(rng.normal(size=(12, 6)) / 5)}
    video = StereoVideo(frames[:13], frames[13:], 4.0)
    return Clip(video, frames[0], frames[13], rig, [tool], {"task": "sweeping", "seed": 3}, truth)


def test_a_clip_survives_its_folder(tmp_path: Path, clip: Clip) -> None:
    write_clip(tmp_path / "clip", clip)
    again = read_clip(tmp_path / "clip")
    np.testing.assert_array_equal(again.video.frames(), clip.video.frames())
    np.testing.assert_array_equal(again.background_2, clip.background_2)
    assert again.truth is not None
    assert clip.truth is not None
    np.testing.assert_array_equal(again.truth["brush"], clip.truth["brush"])
    np.testing.assert_allclose(again.tools[0].mesh.vertices, clip.tools[0].mesh.vertices, atol=1e-6)
    colours, before = (colours_of(each.tools[0].mesh).vertex_colors for each in (again, clip))
    np.testing.assert_array_equal(colours, before)
    np.testing.assert_allclose(again.tools[0].transform_tool_to_flange, clip.tools[0].transform_tool_to_flange)
    assert again.info["seed"] == 3
    assert not list(tmp_path.glob(".*partial"))


def test_a_compressed_clip_is_nearly_the_same(tmp_path: Path, clip: Clip) -> None:
    write_clip(tmp_path / "clip", clip, lossless=False)
    difference = read_clip(tmp_path / "clip").video.frames().astype(float) - clip.video.frames()
    assert np.abs(difference).mean() < 3


@pytest.mark.parametrize("name", ["cameras.json", "tools.json", "background_1.png", "frames/024.png", "brush.ply"])
def test_a_missing_file_is_named(tmp_path: Path, clip: Clip, name: str) -> None:
    write_clip(tmp_path / "clip", clip)
    (tmp_path / "clip" / name).unlink()
    with pytest.raises(DreamitateError, match=Path(name).name):
        read_clip(tmp_path / "clip")


@pytest.mark.parametrize("name", ["cameras.json", "tools.json", "background_1.png", "frames/024.png", "brush.ply"])
def test_a_damaged_file_is_named(tmp_path: Path, clip: Clip, name: str) -> None:
    write_clip(tmp_path / "clip", clip)
    (tmp_path / "clip" / name).write_bytes(b"\x89 not what it says")
    with pytest.raises(DreamitateError, match=Path(name).name):
        read_clip(tmp_path / "clip")


def test_cameras_of_another_size_are_refused(tmp_path: Path, clip: Clip) -> None:
    write_clip(tmp_path / "clip", clip)
    data = json.loads((tmp_path / "clip" / "cameras.json").read_text())
    data["camera_2"]["width"] = 768
    (tmp_path / "clip" / "cameras.json").write_text(json.dumps(data))
    with pytest.raises(DreamitateError, match="camera_2 is 768x112"):
        read_clip(tmp_path / "clip")


def test_a_mesh_in_millimetres_is_found_out(tmp_path: Path) -> None:
    trimesh.creation.box((120, 40, 30)).export(tmp_path / "block.obj")
    with pytest.raises(DreamitateError, match="millimetres"):
        read_mesh(tmp_path / "block.obj", "m")
    assert read_mesh(tmp_path / "block.obj", "mm").extents.max() == pytest.approx(0.12)


def test_a_grey_picture_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "colour.png", np.zeros((4, 4, 3), np.uint8))
    shutil.copy(tmp_path / "colour.png", tmp_path / "grey.png")
    import cv2

    cv2.imwrite(str(tmp_path / "grey.png"), np.zeros((4, 4), np.uint8))
    assert read_image(tmp_path / "colour.png").shape == (4, 4, 3)
    with pytest.raises(DreamitateError, match="colour"):
        read_image(tmp_path / "grey.png")
