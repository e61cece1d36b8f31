"""Packing clips, reading batches, and the changes that training makes to them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_gen import dataset
from dreamitate_gen.dataset import (
    MARKS,
    POINTS,
    PackedClips,
    batch,
    mirrored,
    mirrored_part,
    pack,
    shifted,
    tool_points,
)
from dreamitate_gen.moves import moved_paths
from dreamitate_gen.picture_size import PictureSize

WIDTH, HEIGHT = 64, 32
SIZE = PictureSize(WIDTH, HEIGHT)


def test_packed_clips_hold_what_the_clips_hold(
    clip_folder: Callable[[int], Path], draw: Callable[..., Clip], small_rig: StereoRig
) -> None:
    folder = clip_folder(3)
    assert pack(folder, SIZE) == 3
    clips = PackedClips(folder, SIZE, "clips")
    video, photos, points = batch(clips, [1], [3, 12])
    clip = draw(1)
    assert video.shape == (1, 2, 2, 3, HEIGHT, WIDTH)
    expected = np.stack([clip.video.view_1[[3, 12]], clip.video.view_2[[2, 11]]])
    assert np.array_equal((video[0] * 255).round().byte().permute(0, 1, 3, 4, 2).numpy(), expected)
    assert np.array_equal((photos[0, 1] * 255).round().byte().permute(1, 2, 0).numpy(), clip.background_2)
    assert clip.truth is not None
    tip = small_rig.camera_2.project(clip.truth["brush"][4][:3, 3])[0]
    assert np.allclose(points[0, 1, 4, 0], tip, atol=1e-3)


def test_new_clips_are_found_and_old_ones_keep_their_place(
    clip_folder: Callable[[int], Path], draw: Callable[..., Clip]
) -> None:
    folder = clip_folder(2)
    pack(folder, SIZE)
    clips = PackedClips(folder, SIZE, "clips")
    before = list(clips.names)
    write_clip(folder / "sweeping-000000a", draw(9))
    assert pack(folder, SIZE) == 3
    clips.refresh()
    assert clips.names[:2] == before
    assert len(clips) == 3


def test_clips_that_were_packed_without_marks_are_packed_again(clip_folder: Callable[[int], Path]) -> None:
    folder = clip_folder(2)
    pack(folder, SIZE)
    old = folder / SIZE.folder / "sweeping-000001.marks.npy"
    old.unlink()
    assert len(PackedClips(folder, SIZE, "clips")) == 1
    assert pack(folder, SIZE) == 2
    points, marks = PackedClips(folder, SIZE, "clips").read_points(1)
    assert points.shape == (2, 12, POINTS, 2)
    assert marks.shape == (2, 12, MARKS, 2)
    assert (marks.max(axis=2) >= points.max(axis=2) - 1).all()  # they reach as far as the points


def test_a_clip_of_another_size_is_refused_by_name(
    clip_folder: Callable[[int], Path], draw: Callable[..., Clip]
) -> None:
    folder = clip_folder(1)
    write_clip(folder / "sweeping-000009", draw(9, load_rig("paper").cropped_and_resized(48, 32)))
    with pytest.raises(DreamitateError, match="sweeping-000009"):
        pack(folder, SIZE)


def test_a_clip_without_truth_is_refused_by_name(clip_folder: Callable[[int], Path], draw: Callable[..., Clip]) -> None:
    folder = clip_folder(1)
    write_clip(folder / "sweeping-000007", draw(7, with_truth=False))
    with pytest.raises(DreamitateError, match=r"sweeping-000007.*truth"):
        pack(folder, SIZE)


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match="demonstrate"):
        pack(tmp_path, SIZE)


def test_the_mirror_image_is_what_the_mirrored_cameras_see(small_rig: StereoRig) -> None:
    """The paper's rig is symmetric: mirroring pixels is mirroring the table's x."""
    tip = np.array([[0.08, -0.05, 0.003]])
    reference_to_table = small_rig.transform_reference_to_table
    assert reference_to_table is not None
    for camera in small_rig.cameras:
        pixels = []
        for side in (1, -1):
            in_reference = np.linalg.inv(reference_to_table) @ np.append(tip[0] * (side, 1, 1), 1.0)
            pixels.append(camera.project(in_reference[:3])[0])
        views = np.zeros((2, 1, HEIGHT, WIDTH, 3), np.uint8)
        _, points = mirrored(views, np.tile(pixels[0], (2, 12, 4, 1)).astype(np.float32))
        assert np.allclose(points[0, 0, 0], pixels[1], atol=0.6)  # the principal point is a hair off the middle


def test_mirroring_twice_changes_nothing() -> None:
    random = np.random.default_rng(0)
    views = random.integers(0, 255, (2, 3, HEIGHT, WIDTH, 3), dtype=np.uint8)
    points = random.uniform(0, 30, (2, 12, 4, 2)).astype(np.float32)
    again = mirrored(*mirrored(views, points))
    assert np.array_equal(again[0], views)
    assert np.allclose(again[1], points, atol=1e-4)


def test_a_shift_moves_pixels_and_points_alike() -> None:
    video = torch.zeros(2, 1, 3, 40, 60)
    video[:, :, :, 20, 30] = 1
    points = torch.tensor([30.0, 20.0]).expand(2, 12, 3, 2)
    for seed in range(5):
        moved, there = shifted(video, points, torch.Generator().manual_seed(seed))
        x, y = there[0, 0, 0].int().tolist()
        assert moved[0, 0, 0, y, x] == 1
        assert moved[0, 0, 0].sum() == 1


def test_of_the_photos_only_the_middle_region_is_packed(
    clip_folder: Callable[[int], Path], draw: Callable[..., Clip], small_rig: StereoRig
) -> None:
    folder, half = clip_folder(1), PictureSize(32, 16, 0.5)
    pack(folder, half)
    video, _, points = batch(PackedClips(folder, half, "nothing"), [0], [4])
    clip = draw(0)
    middle = clip.video.view_1[4][8:24, 16:48]
    assert np.array_equal((video[0, 0, 0] * 255).round().byte().permute(1, 2, 0).numpy(), middle)
    assert clip.truth is not None
    tip = small_rig.camera_1.project(clip.truth["brush"][3][:3, 3])[0]
    assert np.allclose(points[0, 0, 3, 0], tip - (16, 8), atol=1e-3)


@pytest.mark.parametrize("name", ["brush", "scoop", "pusher", "box_left", "box_right"])
def test_a_tools_points_span_it(name: str) -> None:
    """Four points that lie in no line, so that where they are tells how the tool is held."""
    points = tool_points(load_tool(name))
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    assert spread[1] > 0.03
    assert np.allclose(points[0], 0.5 * (points[1] + points[2]), atol=0.011)


def test_only_what_a_task_says_of_one_symmetric_tool_is_mirrored() -> None:
    names = "sweeping", "push_shape", "scooping", "rotation"
    sweeping, push_shape, scooping, rotation = (load_task(name) for name in names)
    assert mirrored_part(sweeping) == "clips"
    assert mirrored_part(push_shape) == "photos"  # its tool's left is green, its right blue
    assert mirrored_part(scooping) == mirrored_part(rotation) == "nothing"
    assert mirrored_part(replace(sweeping, settings={**sweeping.settings, "mirrored": False})) == "nothing"
    for task in (scooping, rotation):
        with pytest.raises(DreamitateError, match=r"says mirrored: true.*its tools are (scoop|box_left, box_right)\."):
            mirrored_part(replace(task, settings={**task.settings, "mirrored": True}))


def test_photos_are_mirrored_where_clips_may_not_be(clip_folder: Callable[[int], Path]) -> None:
    folder = clip_folder(8)
    pack(folder, SIZE)
    clips, random = PackedClips(folder, SIZE, "photos"), torch.Generator().manual_seed(0)
    right = batch(clips, range(8), [])[2][:, 0, :, 0, 0] - (WIDTH - 1) / 2  # of the tip, from the middle
    index, time = divmod(int(right.abs().argmax()), right.shape[1])
    assert right[index, time].abs() > 8  # more than clips are shifted
    for times, expected in (([], {False, True}), ([3], {False})):
        x = [float(batch(clips, [index], times, random)[2][0, 0, time, 0, 0]) for _ in range(12)]
        assert {(value > (WIDTH - 1) / 2) != bool(right[index, time] > 0) for value in x} == expected


def test_photos_turned_on_the_table_show_what_the_points_say(draw: Callable[..., Clip], tmp_path: Path) -> None:
    """A spot on the table, where the tip stands at t = 5, is where the moved points have the tip."""
    rig = load_rig("paper").cropped_and_resized(384, 224)
    clip = draw(4, rig)
    assert clip.truth is not None
    for photo, camera in zip((clip.background_1, clip.background_2), rig.cameras, strict=True):
        photo[:] = 0
        x, y = camera.project(clip.truth["brush"][4][:3, 3])[0].round().astype(int)
        photo[y - 2 : y + 3, x - 2 : x + 3] = 255
    write_clip(tmp_path / "sweeping-000004", clip)
    size = PictureSize(256, 144, 0.9)
    pack(tmp_path, size)
    clips, random = PackedClips(tmp_path, size, "clips", turn_rad=np.pi), torch.Generator().manual_seed(0)
    seen = []
    for _ in range(20):
        _, photos, points = batch(clips, [0], [], random)
        for photo, tip in zip(photos[0], points[0, :, 4, 0], strict=True):
            rows, columns = torch.nonzero(photo[0] > 0.5).float().mean(0) if (photo > 0.5).any() else (np.nan, np.nan)
            seen.append([float(columns - tip[0]), float(rows - tip[1]), float(tip[0]), float(tip[1])])
    found = np.array(seen)[~np.isnan(seen).any(1)]
    assert len(found) > 20
    assert np.abs(found[:, :2]).max() < 1.6
    assert (np.ptp(found[:, 2:], axis=0) > 30).all()


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_moved_points_are_those_of_the_moved_tool(
    draw: Callable[..., Clip], small_rig: StereoRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: float
) -> None:
    """In the mirror as well, where the tool's left end is the mirror image of its right one."""
    clip, to_table = draw(2), small_rig.transform_reference_to_table
    assert clip.truth is not None
    assert to_table is not None
    move = se3.exp(np.array([0.02, 0.01, 0.0, 0.0, 0.0, 0.7])) @ np.diag([side, 1.0, 1.0, 1.0])
    monkeypatch.setattr(dataset, "random_move", lambda *_: move)
    write_clip(tmp_path / "sweeping-000002", clip)
    pack(tmp_path, SIZE)
    points = batch(PackedClips(tmp_path, SIZE, "clips"), [0], [], torch.Generator())[2][0]
    there = se3.inverse(to_table) @ moved_paths(to_table @ clip.truth["brush"], move)
    expected = se3.transform_points(there, tool_points(clip.tools[0]))
    for pixels, camera in zip(points, small_rig.cameras, strict=True):
        assert np.allclose(pixels, camera.project(expected)[0], atol=1e-3)
