"""Trust in dreams: every way in which a dream goes wrong lowers it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamitate_core.camera import StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.tool import load_tool
from dreamitate_core.video import StereoVideo
from dreamitate_gen.confidence import confidence, vivid_hues

Change = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


@pytest.fixture
def good(draw: Callable[..., Clip], small_rig: StereoRig) -> Clip:
    """A disc of one of the brush's colours that crosses the table. Epipolar lines are upright in this rig."""
    return draw(3)


def test_a_good_dream_is_trusted(good: Clip) -> None:
    seen = confidence(good)
    assert seen.seen == 1.0
    assert seen.stereo_px < 1.0
    assert seen.roughness < 0.1
    assert seen.change < 3.0
    assert seen.value > 0.4


def test_a_tool_that_is_gone_for_half_of_the_time_is_not(good: Clip) -> None:
    worse = _changed(good, gone=range(1, 7))
    assert confidence(worse).seen == pytest.approx(0.5)
    assert confidence(worse).value < 0.6 * confidence(good).value


def test_views_that_do_not_agree_are_not(good: Clip) -> None:
    worse = replace(good, video=replace(good.video, view_2=np.roll(good.video.view_2, 5, axis=2)))
    worse = replace(worse, background_2=np.roll(good.background_2, 5, axis=1))
    assert 3.0 < confidence(worse).stereo_px < 6.0
    assert confidence(worse).value < 0.3 * confidence(good).value


def test_another_scene_behind_is_not(good: Clip) -> None:
    video = replace(good.video, view_1=np.minimum(good.video.view_1.astype(int) + 40, 255).astype(np.uint8))
    assert confidence(replace(good, video=video)).change > 15.0


def test_a_tool_that_flickers_is_not(good: Clip) -> None:
    view_1 = good.video.view_1.copy()
    for t in range(2, 13, 2):
        disc = (view_1[t] == (200, 40, 180)).all(axis=-1)
        half = disc & (np.arange(disc.shape[1]) < np.argwhere(disc)[:, 1].mean())
        view_1[t][half] = good.background_1[half]
    assert confidence(replace(good, video=replace(good.video, view_1=view_1))).roughness > 0.25


def test_an_empty_table_is_not_trusted(good: Clip) -> None:
    assert confidence(_changed(good, gone=range(1, 13))).value < 1e-6


def test_the_brushs_vivid_colours_are_told_apart() -> None:
    hues = vivid_hues([load_tool("brush")])
    assert len(hues) >= 3
    assert vivid_hues([load_tool("brush"), load_tool("brush")]) == hues


def _changed(clip: Clip, gone: range) -> Clip:
    """The clip without its tool at some times."""
    view_1, view_2 = clip.video.view_1.copy(), clip.video.view_2.copy()
    for t in gone:
        view_1[t], view_2[t - 1] = clip.background_1, clip.background_2
    return replace(clip, video=StereoVideo(view_1, view_2, clip.video.fps))
