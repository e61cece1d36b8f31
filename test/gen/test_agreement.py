"""Where the tools go: moved photos are answered alike, and the way that most answers go is taken, never a mixture."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.task import load_task
from dreamitate_core.video import STEPS
from dreamitate_gen.agreement import LOOKS, NEAR_M, agreed_paths, most_agreed, pixels_of, triangulated
from dreamitate_gen.picture_size import PictureSize
from dreamitate_gen.places import STRIDE, Places, blobs

SIZE = PictureSize(256, 144, 0.7)
TABLE_M = np.array([0.07, -0.04])
"""Where the dot is on the table."""


@given(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.15, 0.15), st.floats(0.0, 0.2)))
@settings(max_examples=20)
def test_a_point_is_found_from_both_views(point: tuple[float, float, float]) -> None:
    rig = load_rig("paper").cropped_and_resized(SIZE.width, SIZE.height, SIZE.region)
    there = _in_reference(rig, np.array([point]))
    pixels = np.stack([camera.project(there)[0] for camera in rig.cameras])
    assert triangulated(rig, pixels) == pytest.approx(there, abs=1e-6)


def test_the_way_that_most_go_is_taken_and_ways_are_not_mixed() -> None:
    left, right = _line(-0.1), _line(0.1)
    near = [right + shift for shift in (-0.003, 0.0, 0.003)]
    found = most_agreed(np.stack([left, left, *near]), np.array([0.3, 0.3, 0.3, 0.3, 0.3]), 2)
    assert found == pytest.approx(np.stack([right, left]))


def test_a_weighty_way_outweighs_many() -> None:
    left, right = _line(-0.1), _line(0.1)
    assert most_agreed(np.stack([left, right, right]), np.array([0.9, 0.2, 0.2]))[0] == pytest.approx(left)


def test_all_are_asked_again_when_each_way_has_been_taken() -> None:
    paths = np.stack([_line(0.0), _line(4 * NEAR_M)])
    assert most_agreed(paths, np.array([0.6, 0.4]), 3) == pytest.approx(paths[[0, 1, 0]])


@pytest.mark.parametrize("task", ["push_shape", "scooping"])  # any turn and the mirror image; shifts alone
def test_moved_photos_are_answered_where_they_were(task: str) -> None:
    """The image encoder here points at a dot at the height of the task's things, each time with another error."""
    seen: list[Tensor] = []

    def dots(photos: Tensor) -> Places:
        seen.append(photos)
        return _at_the_dot(photos)

    rig = load_rig("paper")
    high = load_task(task).surface_height_m
    points = pixels_of(agreed_paths(dots, photos_of_dot(rig, high), rig, SIZE, load_task(task), seed=0), rig, SIZE)
    assert points.shape == (1, 2, STEPS, 4, 2)
    (asked,) = seen
    assert asked.shape == (1 + LOOKS, 2, 3, SIZE.height, SIZE.width)
    assert (asked[1:] - asked[:1]).abs().amax((1, 2, 3, 4)).min() > 0.5, "each photo was moved"
    fitted = rig.cropped_and_resized(SIZE.width, SIZE.height, SIZE.region)
    for view, camera in enumerate(fitted.cameras):
        wanted, _ = camera.project(_in_reference(rig, np.array([[*TABLE_M, high]])))
        assert np.abs(points[0, view].numpy() - wanted).max() < 0.5


def test_photos_of_an_unknown_table_are_not_moved() -> None:
    known = load_rig("paper")
    rig = StereoRig(known.camera_1, known.camera_2)
    looks = []

    def dots(photos: Tensor) -> Places:
        looks.append(len(photos))
        return _at_the_dot(photos)

    agreed_paths(dots, photos_of_dot(known, 0.0), rig, SIZE, load_task("push_shape"), seed=0)
    assert looks == [1]


def _in_reference(rig: StereoRig, points_table: NDArray[np.float64]) -> NDArray[np.float64]:
    assert rig.transform_reference_to_table is not None
    return se3.transform_points(se3.inverse(rig.transform_reference_to_table), points_table)


def _line(y: float) -> NDArray[np.float64]:
    """A path (12, 1, 3) along x."""
    x = np.linspace(0.0, 0.1, STEPS)
    return np.stack([x, np.full(STEPS, y), np.zeros(STEPS)], -1)[:, None]


def photos_of_dot(rig: StereoRig, height_m: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both cameras' pictures of a white dot over a black table."""
    pictures = []
    for camera in rig.cameras:
        picture = np.zeros((camera.height, camera.width, 3), np.uint8)
        ((x, y),), _ = camera.project(_in_reference(rig, np.array([[*TABLE_M, height_m]])))
        pictures.append(np.asarray(cv2.circle(picture, (round(x), round(y)), 18, (255, 255, 255), -1), np.uint8))
    return pictures[0], pictures[1]


def _at_the_dot(photos: Tensor) -> Places:
    """Two ways: to the dot, and, less likely, to nowhere near it, each time elsewhere."""
    white = photos.mean(2)
    x = torch.arange(white.shape[-1]).view(1, 1, 1, -1)
    y = torch.arange(white.shape[-2]).view(1, 1, -1, 1)
    dot = torch.stack([(white * axis).sum((2, 3)) / white.sum((2, 3)) for axis in (x, y)], -1)
    elsewhere = 40 + 60 * torch.rand(dot.shape, generator=torch.Generator().manual_seed(0))
    cells = (torch.stack([dot, elsewhere], 2) + 0.5) / STRIDE - 0.5
    maps = blobs(cells, SIZE.height // STRIDE, SIZE.width // STRIDE)
    logits = (maps + 1e-9).log()[:, :, :, None, None].expand(-1, -1, -1, STEPS, 4, -1, -1)
    return Places(logits, torch.tensor([[0.4, 0.0]]).expand(len(photos), -1))
