"""From a board to a dataset and back: calibrate, record from topics, cut, label, train, export, load again."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from dreamitate.cli import main
from dreamitate_core import se3
from dreamitate_core.camera import load_rig, read_rig
from dreamitate_core.clip import Clip, read_clip, write_clip
from dreamitate_core.task import load_task
from dreamitate_data.board import Board
from dreamitate_data.clips import cut_clips
from dreamitate_data.render_board import Look, make_setting, write_setting
from dreamitate_gen.model_folder import load_small
from dreamitate_gen.train import SmallSettings, train
from dreamitate_sim.demonstrator import demonstrate
from dreamitate_sim.scene import make_scene

CAMERAS = Path(__file__).parent / "fakes" / "demonstration_cameras.py"
SIZE, CLIP_SIZE = (800, 450), (256, 144)
SEEDS = range(1004, 1006)
TINY = SmallSettings(
    channels=(32, 32),
    embedding=16,
    latents=8,
    photo_latents=4,
    encoder_widths=(16, 32, 64),
    encoder_layers=1,
    stages=((1.0, 12, 1),),
    warm_up=1,
    refine_share=0.0,
    steps=2,
)


@pytest.mark.timeout(300)
def test_from_a_board_to_a_dataset(ros: dict[str, str], tmp_path: Path) -> None:
    shots, recordings, clips = tmp_path / "shots", tmp_path / "recordings", tmp_path / "clips"
    calibration = _calibrate(shots)
    demonstrations = _demonstrations(tmp_path / "seen")
    _record(ros, calibration, tmp_path / "seen", recordings)

    task = load_task("sweeping")
    size = {**task.section("generator"), "width": CLIP_SIZE[0], "height": CLIP_SIZE[1]}
    task = replace(task, settings={**task.settings, "generator": size})
    rows = cut_clips(sorted(recordings.iterdir()), task, clips, ["none"])
    assert [row.reason for row in rows] == [""] * len(SEEDS)

    assert main(["label", str(clips / "train")]) == 0
    model = train(task, clips / "train", tmp_path / "run", settings=TINY)
    assert load_small(model)[1]["step"] == 2

    assert main(["export", str(clips), "--format", "lerobot", "--out", str(tmp_path / "dataset")]) == 0
    assert main(["export", str(tmp_path / "dataset"), "--format", "clips", "--out", str(tmp_path / "back")]) == 0
    for row, demonstration in zip(rows, demonstrations, strict=True):
        clip = read_clip(tmp_path / "back" / row.clip)
        assert clip.truth is not None
        assert demonstration.truth is not None
        true, found = demonstration.truth["brush"], clip.truth["brush"]
        assert np.median(np.linalg.norm(true[:, :3, 3] - found[:, :3, 3], axis=1)) < 0.005
        assert np.degrees(np.median(se3.rotation_distance_rad(true, found))) < 3.0


def _calibrate(shots: Path) -> Path:
    """Calibrate the cameras from a rendered board; return the file."""
    board = Board(columns=7, rows=5, square_m=0.05, marker_m=0.0375)
    rig = load_rig("paper").cropped_and_resized(*SIZE)
    write_setting(shots, board, make_setting(rig, board, 10, 1002), Look(blur_px=0.6, noise=3.0), 1002)
    assert main(["calibrate", str(shots), "--board", "7x5:50:37.5"]) == 0
    found = read_rig(shots / "calibration.yaml").camera_2.transform_camera_to_reference
    true = rig.camera_2.transform_camera_to_reference
    assert np.linalg.norm(found[:3, 3] - true[:3, 3]) < 0.0005
    return shots / "calibration.yaml"


def _demonstrations(folder: Path) -> list[Clip]:
    """Write what the cameras are to see; return it."""
    task = load_task("sweeping")
    clips = [demonstrate(make_scene(task, seed, "test"), 0, *SIZE) for seed in SEEDS]
    for seed, clip in zip(SEEDS, clips, strict=True):
        write_clip(folder / str(seed), clip)
    return clips


def _record(ros: dict[str, str], calibration: Path, seen: Path, out: Path) -> None:
    """Record each demonstration as a person does, from Enter to Enter, while the calibration is published."""
    module = [sys.executable, "-m"]
    lines = [
        [sys.executable, str(CAMERAS), *(str(seen / str(seed)) for seed in SEEDS)],
        [*module, "dreamitate_data.calibration_node", "--ros-args", "-p", f"file:={calibration}"],
        [
            *module,
            "dreamitate.cli",
            "record",
            "--task",
            "sweeping",
            "--count",
            str(len(SEEDS)),
            "--name",
            "demo",
            "--out",
            str(out),
        ],
    ]
    processes = [
        subprocess.Popen(line, env=ros, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        for line, errors in zip(lines, (None, subprocess.STDOUT, None), strict=True)
    ]
    cameras, publisher, recorder = processes
    try:
        assert publisher.stdout
        _wait_for("published", publisher.stdout)
        for number in range(len(SEEDS)):
            _enter(recorder)
            assert recorder.stdout
            _wait_for("recording", recorder.stdout)
            _enter(cameras)
            assert cameras.stdout
            _wait_for("played", cameras.stdout)
            _enter(recorder)
            _wait_for("lost on the way", recorder.stdout)
            if number + 1 < len(SEEDS):
                _enter(cameras)
        assert recorder.wait(30) in (0, 1)  # 1: it warns of something, such as a gap while the scene was changed
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _enter(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def _wait_for(word: str, stream: IO[str]) -> None:
    """Read lines until one has the word."""
    seen = []
    for line in stream:
        seen.append(line)
        if word in line:
            return
    raise AssertionError(f"{word!r} was never said: {''.join(seen)}")
