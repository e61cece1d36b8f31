"""Clips are labelled by their tracks in other processes; what is not sure is set apart where training does not look."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamitate.cli import main
from dreamitate_core.clip import read_clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import Status, ToolTrajectory, read_tracks, write_tracks
from dreamitate_data.label import label_clips, why_low
from dreamitate_gen.dataset import pack
from dreamitate_gen.picture_size import PictureSize
from dreamitate_sim.demonstrator import demonstrate
from dreamitate_sim.scene import make_scene


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A folder of two clips without truth: one good, one that shows no hand and no tool; and the truth of the first."""
    data = tmp_path_factory.mktemp("clips")
    clip = demonstrate(make_scene(load_task("sweeping"), 1001, "test"), 0, 320, 192)
    assert clip.truth is not None
    write_clip(data / "good", replace(clip, truth=None))
    still = replace(
        clip.video,
        view_1=np.repeat(clip.background_1[None], 13, axis=0),
        view_2=np.repeat(clip.background_2[None], 12, axis=0),
    )
    write_clip(data / "empty", replace(clip, truth=None, video=still))
    return data, clip.truth["brush"]


def test_sure_clips_are_labelled_and_the_others_wait(
    clips: tuple[Path, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, true = tmp_path / "data", clips[1]
    shutil.copytree(clips[0], data)
    write_tracks(data / "good" / "track.npz", {"brush": replace(_track(), transform_tool_to_frame=true)})
    (data / "broken").mkdir()
    (data / "broken" / "clip.json").write_text("{")
    assert main(["label", str(data), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "1 of 3 clips are labelled, 2 wait in low/" in said
    assert "empty" in said
    truth = read_clip(data / "good").truth
    assert truth is not None
    np.testing.assert_array_equal(truth["brush"], true)
    assert {path.parent.name for path in data.glob("*/clip.json")} == {"good"}
    assert pack(data, PictureSize(64, 32)) == 1  # training takes the labelled clip, and only that
    tracked_ns = (data / "good" / "track.npz").stat().st_mtime_ns
    (data / "low" / "empty" / "track.npz").touch()
    rows = {row.clip: row for row in label_clips(data, workers=1, accept=["empty"])}
    assert (data / "good" / "track.npz").stat().st_mtime_ns == tracked_ns
    assert [rows[name].verdict for name in ("good", "empty", "broken")] == ["labelled", "accepted", "low"]
    assert "clip.json" in rows["broken"].reason
    assert "sure in 0 frames" in rows["empty"].reason
    assert json.loads((data / "empty" / "clip.json").read_text())["accepted"] is True
    shutil.rmtree(data / "low")
    assert [row.verdict for row in label_clips(data)] == ["accepted", "labelled"]  # what a person said stays


def test_a_corrected_track_comes_back_and_a_simulators_truth_stays(
    clips: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder = tmp_path / "low" / "fixed"
    shutil.copytree(clips[0] / "good", folder)
    track = _track()
    write_tracks(folder / "track.npz", {"brush": replace(track, status=np.full(12, Status.LOST))})
    np.savez(folder / "truth.npz", brush=clips[1])
    assert [row.verdict for row in label_clips(tmp_path)] == ["low"]
    write_tracks(folder / "track.npz", {"brush": track})
    assert [row.verdict for row in label_clips(tmp_path)] == ["labelled"]
    truth = read_clip(tmp_path / "fixed").truth
    assert truth is not None
    np.testing.assert_array_equal(truth["brush"], clips[1])
    assert read_tracks(tmp_path / "fixed" / "track.npz")


def test_tracks_that_are_not_sure_are_low() -> None:
    track = _track()
    status, score = track.status.copy(), track.score.copy()
    assert why_low([track]) == ""
    status[3] = Status.NOT_VISIBLE
    assert "sure in 11 frames of 12" in why_low([replace(track, status=status)])
    score[5] = 0.2
    assert "0.20 in a frame" in why_low([track, replace(track, score=score)])
    assert "mean score of 0.40" in why_low([replace(track, score=np.full(12, 0.4))])


def test_what_cannot_be_labelled_is_said(clips: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match="holds no clip folders"):
        label_clips(tmp_path)
    with pytest.raises(DreamitateError, match="no clip other to accept"):
        label_clips(clips[0], accept=["other"])
    with pytest.raises(DreamitateError, match="Unknown tracker"):
        label_clips(clips[0], tracker="other")


def _track() -> ToolTrajectory:
    poses, covariance = np.tile(np.eye(4), (12, 1, 1)), np.zeros((12, 6, 6))
    status = np.full(12, int(Status.OK))
    return ToolTrajectory("brush", "reference", np.arange(1, 13) / 4, poses, covariance, np.full(12, 0.9), status)
