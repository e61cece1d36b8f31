"""The figures of `dreamitate bench dream`."""

import json
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamitate_bench import dream
from dreamitate_bench.dream import last_line, summarise, table
from dreamitate_bench.dream_paths import Library, error_mm
from dreamitate_bench.dream_stereo import drawn, epipolar_error_px, stereo_error_px
from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.clip import Clip
from dreamitate_core.tool import load_tool
from dreamitate_core.video import StereoVideo


def test_the_error_is_to_the_nearest_way() -> None:
    ways = np.zeros((2, 12, 3))
    ways[1, :, 0] = 0.1
    tips = np.full((12, 3), [0.09, 0.0, 0.0])
    assert error_mm(tips, ways) == pytest.approx(10.0)


def test_the_library_guesses_the_mean_and_the_nearest() -> None:
    photos = np.stack([np.full(48 * 28 * 6, value, float) for value in (10.0, 200.0)])
    tips = np.stack([np.zeros((12, 3)), np.ones((12, 3))])
    picture = np.full((112, 192, 3), 190, np.uint8)
    guesses = Library(photos, tips).guesses(picture, picture)
    assert np.array_equal(guesses["nearest clip"], tips[1])
    assert np.array_equal(guesses["mean path"], np.full((12, 3), 0.5))


def test_the_last_line_compares() -> None:
    rows = [
        {"kind": "dreamed", "seconds": 2.0, "cpu_seconds": 1.0, "error_mm": 9.0},
        {"kind": "4 steps", "seconds": 1.0, "cpu_seconds": 1.0, "error_mm": 8.0},
        {"kind": "30 steps", "seconds": 9.0, "cpu_seconds": 6.0, "error_mm": 10.0},
        {"kind": "mean path", "error_mm": 90.0},
    ]
    summary = summarise(rows)
    assert "6.0 times faster than 30 steps, -1.0 mm of error" in last_line("sweeping", summary, 400.0)
    assert table(summary).splitlines()[4].split()[:3] == ["mean", "path", "1"]


def test_scenes_in_the_report_are_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Instant:
        """In place of the models."""

        peak_memory_mib = 400.0

        def __init__(self, options: Namespace) -> None:
            pass

        def rows(self, seed: int) -> list[dict[str, Any]]:
            made.append(seed)
            times = {"seconds": 1.0, "cpu_seconds": 1.0, "error_mm": float(seed)}
            return [{"seed": seed, "kind": kind, **times} for kind in ("dreamed", "30 steps")]

    monkeypatch.setattr(dream, "Bench", Instant)
    parser = ArgumentParser()
    dream.add_arguments(parser)
    for seeds in ("1000,1001", "1001-1003"):
        assert dream.run(parser.parse_args(["--seeds", seeds, "--out", str(tmp_path / "dream.json")])) == 0
    assert made == [1000, 1001, 1002, 1003]
    report = json.loads((tmp_path / "dream.json").read_text())
    assert report["summary"]["dreamed"]["error_mm"] == 1002.0
    assert report["peak_memory_MiB"] == 400.0


def test_points_of_one_place_lie_on_each_others_lines() -> None:
    rig = load_rig("paper").cropped_and_resized(192, 112)
    points = np.random.default_rng(0).uniform([-0.2, -0.1, 0.6], [0.2, 0.1, 0.9], (20, 3))
    one, two = (camera.project(points)[0] for camera in rig.cameras)
    assert epipolar_error_px(rig, one, two).max() < 1e-6
    assert np.isnan(epipolar_error_px(rig, np.full((1, 2), np.nan), two[:1])).all()


@pytest.mark.parametrize("sideways_px", [0.0, 2.0])
def test_a_view_that_shows_the_tool_elsewhere_is_measured(sideways_px: float) -> None:
    """The cameras stand above each other on the table: epipolar lines run down, and disagreement is sideways."""
    rig = load_rig("paper").cropped_and_resized(192, 112)
    tool, poses = load_tool("brush"), _poses(rig)
    shifted = rig.camera_2.K.copy()
    shifted[0, 2] += sideways_px
    cameras = (rig.camera_1, replace(rig.camera_2, K=shifted))
    cloth = np.full((112, 192, 3), 40, np.uint8)
    views = [np.stack([cloth, *(drawn(cloth, tool, pose, camera)[0] for pose in poses)]) for camera in cameras]
    clip = Clip(StereoVideo(views[0], views[1][1:], 4.0), cloth, cloth, rig, [tool])
    error = stereo_error_px(clip, tool, poses)
    assert np.abs(error - sideways_px).max() < 0.35


def _poses(rig: StereoRig) -> np.ndarray:
    assert rig.transform_reference_to_table is not None
    on_table = np.tile(np.eye(4), (12, 1, 1))
    on_table[:, 0, 3] = np.linspace(-0.1, 0.1, 12)
    return np.asarray(se3.inverse(rig.transform_reference_to_table) @ on_table)
