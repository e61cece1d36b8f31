"""Small clip folders with the real brush, drawn without a simulator."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.video import STEPS, StereoVideo

WIDTH, HEIGHT = 64, 32


@pytest.fixture(scope="session")
def task() -> Task:
    return load_task("sweeping")


@pytest.fixture(scope="session")
def small_rig() -> StereoRig:
    return load_rig("paper").cropped_and_resized(WIDTH, HEIGHT)


@pytest.fixture(scope="session")
def draw(small_rig: StereoRig) -> Callable[..., Clip]:
    """Return a maker of clips, see `drawn_clip`; by default at the small rig's size."""

    def make(seed: int, rig: StereoRig = small_rig, with_truth: bool = True) -> Clip:
        return drawn_clip(seed, rig, with_truth)

    return make


def drawn_clip(seed: int, rig: StereoRig, with_truth: bool) -> Clip:
    """Return a brush-sized bright disc that crosses a noisy table, with its true poses."""
    random = np.random.default_rng(seed)
    tool = load_tool("brush")
    width, height = rig.camera_1.width, rig.camera_1.height
    begin, end = random.uniform(-0.15, 0.15, (2, 2))
    poses = np.tile(np.eye(4), (STEPS, 1, 1))
    poses[:, :2, 3] = begin + (end - begin) * np.linspace(0, 1, STEPS)[:, None]
    assert rig.transform_reference_to_table is not None
    truth = se3.inverse(rig.transform_reference_to_table) @ poses
    backgrounds = random.integers(0, 60, (2, height, width, 3), dtype=np.uint8)
    views = []
    for background, camera in zip(backgrounds, rig.cameras, strict=True):
        view = [background]
        for pose in truth:
            x, y = camera.project(pose[:3, 3])[0]
            view.append(cv2.circle(background.copy(), (round(x), round(y)), 4, (200, 40, 180), -1))
        views.append(np.stack(view))
    video = StereoVideo(views[0], views[1][1:], 4.0)
    info = {"task": "sweeping", "seed": seed}
    return Clip(video, backgrounds[0], backgrounds[1], rig, [tool], info, {"brush": truth} if with_truth else None)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory, small_rig: StereoRig) -> Callable[[int], Path]:
    """Return a maker of folders that hold so many clips; each call gives a folder of its own."""

    def make(count: int) -> Path:
        folder = tmp_path_factory.mktemp("clips")
        for seed in range(count):
            write_clip(folder / f"sweeping-{seed:06d}", drawn_clip(seed, small_rig, with_truth=True))
        return folder

    return make
