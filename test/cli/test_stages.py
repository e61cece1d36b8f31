"""The stages one by one, on files: demonstrate, dream, track, plan, each command taking what the one before left."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dreamitate import cli
from dreamitate_core.arms import load_arms
from dreamitate_core.clip import read_clip, write_clip, write_image
from dreamitate_core.goal import write_mask
from dreamitate_core.plan import read_plan
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import ToolTrajectory, read_tracks, write_tracks
from dreamitate_sim.demonstrator import demonstrate
from dreamitate_sim.scene import make_scene
from dreamitate_sim.silhouette import goal_masks
from dreamitate_sim.table_simulation import TableSimulation

SEED = 1000


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demonstration in a development scene."""
    folder = tmp_path_factory.mktemp("stages") / "clip"
    write_clip(folder, demonstrate(make_scene(load_task("sweeping"), SEED, "test"), 0, 192, 112))
    return folder


def test_dream_replays_a_clip(clip_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = read_clip(clip_folder)
    for index, photo in ((1, clip.background_1), (2, clip.background_2)):
        write_image(tmp_path / f"{index}.png", photo)
    arguments = ["dream", tmp_path / "1.png", tmp_path / "2.png", "--task", "sweeping", "--generator", "replay"]
    arguments += ["--replay", clip_folder, "--cameras", clip_folder / "cameras.json", "--out", tmp_path / "dream"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    assert "25 frames of 192x112" in capsys.readouterr().out
    assert (read_clip(tmp_path / "dream").video.frames() == clip.video.frames()).all()


def test_a_dream_of_a_task_with_a_goal_needs_it_and_shows_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = make_scene(load_task("push_shape"), 1003, "test")
    write_clip(tmp_path / "clip", demonstrate(scene, 0, 192, 112))
    clip, table = read_clip(tmp_path / "clip"), TableSimulation(scene, load_arms(scene.task))
    assert scene.goal is not None
    for index, mask in enumerate(goal_masks(scene.goal, clip.rig), start=1):
        write_image(tmp_path / f"{index}.png", table.render(index, 192, 112))
        write_mask(tmp_path / f"mask_{index}.png", mask)

    def dream(task: str, *goal: Path) -> tuple[int, str]:
        arguments = ["dream", tmp_path / "1.png", tmp_path / "2.png", "--task", task, "--generator", "replay"]
        arguments += ["--replay", tmp_path / "clip", "--cameras", tmp_path / "clip" / "cameras.json"]
        arguments += ["--out", tmp_path / "dream", *(["--goal", *goal] if goal else [])]
        return cli.main([str(argument) for argument in arguments]), capsys.readouterr().err

    masks = tmp_path / "mask_1.png", tmp_path / "mask_2.png"
    assert dream("push_shape", *masks)[0] == 0
    dreamed = read_clip(tmp_path / "dream")
    assert dreamed.goals is not None
    assert clip.goals is not None
    assert (dreamed.goals[0] == clip.goals[0]).all()
    write_mask(masks[1], np.full((56, 96), 255, np.uint8))
    for task, goal, said in (
        ("push_shape", (), "--goal MASK_1 MASK_2"),
        ("push_shape", masks, "96x56, but its picture 192x112"),
        ("sweeping", masks, "no goal to show"),
    ):
        code, line = dream(task, *goal)
        assert code == cli.USER_ERROR
        assert line.count("\n") == 1
        assert said in line


def write_true_track(clip_folder: Path, path: Path, shift_m: float = 0.0) -> None:
    """Write a track file of the clip's own truth, in the frame of camera 1."""
    clip = read_clip(clip_folder)
    assert clip.truth is not None
    poses = clip.truth["brush"].copy()
    poses[6:, 0, 3] += shift_m
    covariance = np.tile(1e-6 * np.eye(6), (12, 1, 1))
    track = ToolTrajectory("brush", "reference", clip.video.time_s, poses, covariance, np.ones(12), np.full(12, 2))
    write_tracks(path, {"brush": track})


def test_plan_of_a_true_track(clip_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_true_track(clip_folder, tmp_path / "track.npz")
    arguments = ["plan", tmp_path / "track.npz", "--task", "sweeping", "--out", tmp_path / "plan.npz"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    plan = read_plan(tmp_path / "plan.npz")
    assert plan.joint_names[0] == "shoulder_pan_joint"
    assert plan.duration_s > 2.0
    assert "ur5" in capsys.readouterr().out


def test_refused_plan_has_its_own_exit_code(
    clip_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_true_track(clip_folder, tmp_path / "track.npz", shift_m=3.0)
    arguments = ["plan", tmp_path / "track.npz", "--task", "sweeping", "--out", tmp_path / "plan.npz"]
    assert cli.main([str(argument) for argument in arguments]) == 3
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("dreamitate: Plan refused (")
    assert not (tmp_path / "plan.npz").exists()


def test_track_finds_the_brush(clip_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["track", clip_folder, "--out", tmp_path / "track.npz", "--overlay", tmp_path / "tracked.mp4"]
    assert cli.main([str(argument) for argument in arguments]) == 0
    said = capsys.readouterr().out
    assert "brush: " in said
    assert "mean score" in said
    assert (tmp_path / "tracked.mp4").is_file()
    found, truth = read_tracks(tmp_path / "track.npz")["brush"], read_clip(clip_folder).truth
    assert truth is not None
    off_m = np.linalg.norm(found.transform_tool_to_frame[:, :3, 3] - truth["brush"][:, :3, 3], axis=1)
    assert np.median(off_m) < 0.02


def test_demonstrate_writes_clips(tmp_path: Path) -> None:
    """As a user runs it: a command of its own, whose worker processes start afresh."""
    command = [sys.executable, "-m", "dreamitate.cli", "demonstrate", "--task", "sweeping", "--count", "1"]
    command += ["--seed", "1000", "--width", "96", "--height", "56", "--workers", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    assert "1 demonstrations of sweeping, 96x56" in done.stdout
    (folder,) = tmp_path.iterdir()
    assert read_clip(folder).truth is not None
