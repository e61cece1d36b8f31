"""Projection, rays, and the crop that must reach the intrinsics."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamitate_core import se3
from dreamitate_core.camera import Camera, crop_and_resize, load_rig, read_rig, rig_to_json, write_rig
from dreamitate_core.errors import DreamitateError

points = st.tuples(st.floats(-0.25, 0.25), st.floats(-0.2, 0.2), st.floats(0.0, 0.2))


@given(points, st.sampled_from([(1280, 720), (768, 448), (192, 112)]))
def test_a_ray_passes_through_the_point_it_came_from(point: tuple[float, float, float], size: tuple[int, int]) -> None:
    rig = load_rig("paper").cropped_and_resized(*size)
    assert rig.transform_reference_to_table is not None
    in_reference = se3.transform_points(se3.inverse(rig.transform_reference_to_table), np.array([point]))[0]
    for camera in rig.cameras:
        pixel, depth = camera.project(in_reference)
        origin, direction = camera.rays(pixel)
        assert depth > 0.3
        assert np.linalg.norm(np.cross(direction, in_reference - origin)) < 1e-6


@given(points)
def test_distortion_is_undone_by_rays(point: tuple[float, float, float]) -> None:
    K = np.array([[900.0, 0, 640], [0, 900, 360], [0, 0, 1]])
    camera = Camera(1280, 720, K, distortion=np.array([0.05, -0.08, 1e-3, -1e-3, 0.02]))
    target = np.array(point) + (0, 0, 0.8)
    _, direction = camera.rays(camera.project(target)[0])
    assert np.linalg.norm(np.cross(direction, target)) < 1e-4


@pytest.mark.parametrize("size", [(768, 448), (192, 112), (384, 224)])
def test_the_crop_reaches_the_intrinsics(size: tuple[int, int]) -> None:
    """A bright blob lands where the resized camera says that it does."""
    camera = Camera(1280, 720, np.array([[912.0, 0, 640], [0, 912, 360], [0, 0, 1]]))
    resized = camera.cropped_and_resized(*size)
    point = np.array([0.113, -0.071, 0.8])
    u, v = camera.project(point)[0]
    rows, columns = np.mgrid[:720, :1280]
    blob = 250 * np.exp(-((columns - u) ** 2 + (rows - v) ** 2) / (2 * 15.0**2))
    small = crop_and_resize(np.repeat(blob[..., None], 3, axis=2).round().astype(np.uint8), *size)[..., 0].astype(float)
    rows, columns = np.mgrid[: size[1], : size[0]]
    measured = np.array([(columns * small).sum(), (rows * small).sum()]) / small.sum()
    np.testing.assert_allclose(measured, resized.project(point)[0], atol=0.1)


def test_the_papers_rig_is_660_mm_apart_at_45_degrees() -> None:
    transform = load_rig("paper").camera_2.transform_camera_to_reference
    assert np.linalg.norm(transform[:3, 3]) == pytest.approx(0.66, abs=1e-9)
    assert se3.rotation_distance_rad(transform, np.eye(4)) == pytest.approx(np.pi / 4)


def test_a_rig_survives_its_file(tmp_path: Path) -> None:
    rig = load_rig("paper")
    write_rig(tmp_path / "cameras.json", rig)
    assert rig_to_json(read_rig(tmp_path / "cameras.json")) == rig_to_json(rig)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data.pop("camera_2"), "camera_2"),
        (lambda data: data["camera_1"].update(K=[[float("nan")] * 3] * 3), "K of camera_1"),
        (lambda data: data["camera_2"].update(transform_camera_to_reference=[[1, 2], [3, 4]]), "camera_2"),
    ],
)
def test_a_wrong_rig_is_refused_by_name(tmp_path: Path, change: object, said: str) -> None:
    data = rig_to_json(load_rig("paper"))
    change(data)  # type: ignore[operator]
    (tmp_path / "cameras.json").write_text(json.dumps(data))
    with pytest.raises(DreamitateError, match=said):
        read_rig(tmp_path / "cameras.json")


def test_an_unknown_rig_lists_the_known_ones() -> None:
    with pytest.raises(DreamitateError, match="Known: .*paper"):
        load_rig("mars")
