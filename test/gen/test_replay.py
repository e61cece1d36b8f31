"""The generator `replay` shows the clip of this scene, and no other's."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dreamitate_core.camera import StereoRig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task
from dreamitate_gen.registry import load_generator


def test_it_returns_the_clip_of_the_scene(
    tmp_path: Path, small_rig: StereoRig, task: Task, draw: Callable[..., Clip]
) -> None:
    clip = draw(0)
    write_clip(tmp_path / "clip", clip)
    generator = load_generator("replay", task, replay=tmp_path / "clip")
    dream = generator.dreams(clip.background_1, clip.background_2, small_rig, 0)[0]
    assert np.array_equal(dream.video.frames(), clip.video.frames())
    photos = clip.background_1, clip.background_2
    larger = [p.repeat(3, axis=0).repeat(3, axis=1) for p in photos]
    assert generator.dreams(larger[0], larger[1], small_rig, 0)[0].video.width == clip.video.width


def test_another_scene_or_swapped_photos_are_refused(
    tmp_path: Path, small_rig: StereoRig, task: Task, draw: Callable[..., Clip]
) -> None:
    write_clip(tmp_path / "clip", draw(0))
    generator = load_generator("replay", task, replay=tmp_path / "clip")
    clip, other = draw(0), draw(1)
    with pytest.raises(DreamitateError, match="photo 2"):
        generator.dreams(clip.background_1, other.background_2, small_rig, 0)
    with pytest.raises(DreamitateError, match="does not show the scene"):
        generator.dreams(clip.background_2, clip.background_1, small_rig, 0)


def test_no_clip_is_an_error(task: Task, tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match="replay"):
        load_generator("replay", task)
    with pytest.raises(DreamitateError, match="no clip folder"):
        load_generator("replay", task, replay=tmp_path / "none")
