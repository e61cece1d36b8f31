"""The closer look: photos straightened along a path that is roughly known are answered where things really are."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.task import load_task
from dreamitate_core.video import STEPS
from dreamitate_gen.closer import LOOKS, ROUNDS, closer_path
from dreamitate_gen.picture_size import PictureSize
from dreamitate_gen.places import STRIDE, Places, blobs

SIZE = PictureSize(192, 112, 0.5)
COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
"""Of the dots where the path begins, where it ends, and where the tool's left end is when it begins."""
HEIGHT_M = load_task("push_shape").surface_height_m


@pytest.mark.parametrize("turn_rad", [0.0, 1.3, 3.0, -2.0])
def test_a_path_that_is_roughly_known_becomes_exact(turn_rad: float) -> None:
    rig = load_rig("paper")
    path = _true_path(turn_rad)
    rough = se3.exp([0.02, -0.015, 0.0, 0.0, 0.0, 0.15])
    looks: list[Tensor] = []

    def dots(photos: Tensor) -> Places:
        looks.append(photos)
        return _along_the_dots(photos)

    seen = _photos(rig, path)
    found = closer_path(
        dots, seen, rig, SIZE, load_task("push_shape"), _in_reference(rig, se3.transform_points(rough, path)), seed=3
    )
    seen_ends = [0, 1, 3]  # the right end has no dot
    assert np.linalg.norm(found - _in_reference(rig, path), axis=-1)[:, seen_ends].max() < 0.002
    assert [look.shape for look in looks] == [(LOOKS, 2, 3, SIZE.height, SIZE.width)] * ROUNDS
    begins = [_dots(look)[0] for look in looks]
    assert (begins[1][..., 0] < SIZE.width / 2).all(), "the way goes to the right in all looks"
    assert begins[1].std() < begins[0].std(), "the second look is around what the first found"


def test_photos_of_an_unknown_table_are_not_looked_at() -> None:
    known = load_rig("paper")
    path = _in_reference(known, _true_path(0.3))
    blind = StereoRig(known.camera_1, known.camera_2)
    assert closer_path(_never, _photos(known, path), blind, SIZE, load_task("push_shape"), path, seed=0) is path


def _never(photos: Tensor) -> Places:
    raise AssertionError(photos.shape)


def _true_path(turn_rad: float) -> NDArray[np.float64]:
    """Return (12, 4, 3) on the table, at the height of what is seen."""
    tip = np.column_stack([np.linspace(-0.05, 0.05, STEPS), np.zeros((STEPS, 2))])
    ends = np.stack([tip, tip + (0.0, 0.04, 0.0), tip - (0.0, 0.04, 0.0), tip + (-0.02, 0.0, 0.2)], 1)
    turned = se3.transform_points(se3.exp([0.0, 0.0, 0.0, 0.0, 0.0, turn_rad]), ends)
    return np.asarray(turned + (0.04, -0.03, HEIGHT_M))


def _in_reference(rig: StereoRig, points_table: NDArray[np.float64]) -> NDArray[np.float64]:
    assert rig.transform_reference_to_table is not None
    return se3.transform_points(se3.inverse(rig.transform_reference_to_table), points_table)


def _photos(rig: StereoRig, path: NDArray[np.float64]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Both cameras' pictures of the three dots over a black table."""
    pictures = []
    for camera in rig.cameras:
        picture = np.zeros((camera.height, camera.width, 3), np.uint8)
        pixels, _ = camera.project(_in_reference(rig, np.stack([path[0, 0], path[-1, 0], path[0, 1]])))
        for (x, y), colour in zip(pixels, COLOURS, strict=True):
            cv2.circle(picture, (round(x), round(y)), 12, [int(c) for c in colour], -1)
        pictures.append(picture)
    return pictures[0], pictures[1]


def _dots(photos: Tensor) -> Tensor:
    """Return pixels (3, B, 2, 2) of the dots in photos (B, 2, 3, H, W), as x, y."""
    x = torch.arange(photos.shape[-1]).view(1, 1, 1, 1, -1)
    y = torch.arange(photos.shape[-2]).view(1, 1, 1, -1, 1)
    mass = photos.sum((3, 4))
    centres = torch.stack([(photos * axis).sum((3, 4)) / mass for axis in (x, y)], -1)
    return centres.permute(2, 0, 1, 3)


def _along_the_dots(photos: Tensor) -> Places:
    """One way, from dot to dot; the tool's left end is the one on the left, whichever dot that is in the mirror. Where
    the arm holds the tool is not seen."""
    begin, end, left = _dots(photos)
    ahead, aside = end - begin, left - begin
    on_the_left = ahead[..., 0] * aside[..., 1] - ahead[..., 1] * aside[..., 0] < 0  # y points down
    aside = torch.where(on_the_left[..., None], aside, -aside)
    share = torch.linspace(0, 1, STEPS).view(1, 1, STEPS, 1)
    tip = begin[:, :, None] + share * ahead[:, :, None]
    points = torch.stack([tip, tip + aside[:, :, None], tip - aside[:, :, None], 0 * tip], 3)
    maps = blobs((points + 0.5) / STRIDE - 0.5, SIZE.height // STRIDE, SIZE.width // STRIDE)
    return Places((maps + 1e-9).log()[:, :, None], torch.zeros(len(photos), 1))
