"""Goal masks: blended where they are, refused where they do not fit, kept beside a clip."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamitate_core.camera import load_rig
from dreamitate_core.clip import Clip, read_clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.goal import OPACITY, Mask, blend, fit_mask, read_mask, write_mask
from dreamitate_core.tool import load_tool
from dreamitate_core.video import StereoVideo

WIDTH, HEIGHT = 96, 56


@pytest.fixture
def mask() -> Mask:
    made = np.zeros((HEIGHT, WIDTH), np.uint8)
    made[20:40, 30:60] = 255
    return made


def test_the_veil_is_where_the_mask_is_and_nowhere_else(mask: Mask) -> None:
    video = np.random.default_rng(0).integers(0, 256, (13, HEIGHT, WIDTH, 3), dtype=np.uint8)
    blended = blend(video, mask)
    np.testing.assert_array_equal(blended[:, mask == 0], video[:, mask == 0])
    expected = (1 - OPACITY) * video[:, mask > 0].astype(float) + OPACITY * 255
    assert np.abs(blended[:, mask > 0] - expected).max() <= 0.5 + 1e-9
    np.testing.assert_array_equal(blended[3], blend(video[3], mask))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.full((HEIGHT, WIDTH + 1), 255, np.uint8), "is 97x56, but its picture 96x56"),
        (np.ones((HEIGHT, WIDTH)), r"shape \(56, 96\) of float64"),
        (np.full((HEIGHT, WIDTH, 3), 255, np.uint8), r"shape \(56, 96, 3\) of uint8"),
        (np.full((HEIGHT, WIDTH), 1, np.uint8), "holds the value 1; 255 stands for the object"),
        (np.zeros((HEIGHT, WIDTH), np.uint8), "is empty"),
    ],
)
def test_a_mask_that_does_not_fit_is_one_line(wrong: Mask, said: str) -> None:
    with pytest.raises(DreamitateError, match=said) as error:
        blend(np.zeros((HEIGHT, WIDTH, 3), np.uint8), wrong)
    assert "\n" not in str(error.value)


def test_fitting_keeps_two_values_and_the_area(mask: Mask) -> None:
    camera = load_rig("paper").camera_1.cropped_and_resized(8 * WIDTH, 8 * HEIGHT)
    large = np.kron(mask, np.ones((8, 8), np.uint8))
    small = fit_mask(large, camera, camera.cropped_and_resized(WIDTH, HEIGHT))
    np.testing.assert_array_equal(small, mask)
    assert set(np.unique(fit_mask(large, camera, camera.cropped_and_resized(61, 35)))) == {0, 255}


def test_of_the_middle_region_the_mask_is_what_the_picture_is(mask: Mask) -> None:
    camera = load_rig("paper").camera_1.cropped_and_resized(WIDTH, HEIGHT)
    half = fit_mask(mask, camera, camera.cropped_and_resized(WIDTH // 2, HEIGHT // 2, 0.5))
    np.testing.assert_array_equal(half, mask[HEIGHT // 4 : -HEIGHT // 4, WIDTH // 4 : -WIDTH // 4])


def test_a_file_that_is_no_mask_is_named(tmp_path: Path, mask: Mask) -> None:
    write_mask(tmp_path / "mask.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask)
    write_mask(tmp_path / "colour.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "broken.png").write_text("no picture")
    for name, said in (("colour.png", "8-bit grey"), ("broken.png", "cannot be read"), ("none.png", "no goal mask")):
        with pytest.raises(DreamitateError, match=said):
            read_mask(tmp_path / name)


def test_a_clip_keeps_its_goal(tmp_path: Path, mask: Mask) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (25, HEIGHT, WIDTH, 3), dtype=np.uint8)
    rig = load_rig("paper").cropped_and_resized(WIDTH, HEIGHT)
    video = StereoVideo(frames[:13], frames[13:], 6.0)
    clip = Clip(video, frames[0], frames[13], rig, [load_tool("pusher")], goals=(mask, mask[::-1]))
    write_clip(tmp_path / "clip", clip)
    goals = read_clip(tmp_path / "clip").goals
    assert goals is not None
    np.testing.assert_array_equal(goals[1], mask[::-1])
    write_mask(tmp_path / "clip" / "goal_2.png", mask[:-1])
    with pytest.raises(DreamitateError, match=r"goal_2.png is 96x55, but its picture 96x56"):
        read_clip(tmp_path / "clip")
    (tmp_path / "clip" / "goal_2.png").unlink()
    with pytest.raises(DreamitateError, match=r"no goal mask .*goal_2.png"):
        read_clip(tmp_path / "clip")
    write_clip(tmp_path / "plain", replace(clip, goals=None))
    assert read_clip(tmp_path / "plain").goals is None
