"""The Diffusion Policy baseline, at small size: its numbers, its training set, its training, what it says."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dreamitate import cli
from dreamitate_bench import policy_clips, policy_network, policy_train
from dreamitate_bench.policy import DiffusionPolicy, read_settings, sample
from dreamitate_bench.policy_clips import prepare
from dreamitate_bench.policy_network import NetworkSize, PolicyNetwork, SequenceUnet
from dreamitate_bench.policy_poses import limits, to_numbers, to_paths
from dreamitate_bench.policy_train import PolicyRun, PolicySettings, train_policy
from dreamitate_bench.tasks_trials import model_folder
from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import quiet
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import StereoVideo

TASK = load_task("sweeping")
SIZE = (64, 32)
SMALL = PolicySettings(samples=24, batch=4, channels=(16, 32, 64), learning_rate=1e-3, warm_up=1)


def poses(random: np.random.Generator, *shape: int) -> np.ndarray:
    return se3.exp(random.normal(0.0, 0.3, (*shape, 6)))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five clips; the tracker, a stand-in, is unsure of number 3 and sees number 4 in the air."""
    random = np.random.default_rng(0)
    rig = load_rig(TASK.rig).cropped_and_resized(*SIZE)
    assert rig.transform_reference_to_table is not None
    to_reference = np.linalg.inv(rig.transform_reference_to_table)
    for number in range(5):
        pictures = random.integers(0, 255, (13, SIZE[1], SIZE[0], 3)).astype(np.uint8)
        path = np.tile(np.eye(4), (12, 1, 1))
        path[:, 0, 3] = np.linspace(-0.05 * number, 0.1, 12)
        path[:, 2, 3] = 0.003 if number != 4 else 0.6
        video = StereoVideo(pictures, pictures[1:], TASK.fps)
        truth = {"brush": to_reference @ path}
        info = {"task": TASK.name, "number": number}
        tools = [load_tool("brush")]
        write_clip(tmp_path / f"clip-{number}", Clip(video, pictures[0], pictures[0], rig, tools, info, truth))

    def track(clip: Clip) -> dict[str, ToolTrajectory]:
        assert clip.truth is not None
        seen = np.full(12, 2 if clip.info["number"] != 3 else 4)
        covariance = np.tile(1e-6 * np.eye(6), (12, 1, 1))
        path = clip.truth["brush"]
        return {"brush": ToolTrajectory("brush", "reference", clip.video.time_s, path, covariance, np.ones(12), seen)}

    def in_processes(function: Callable[..., Any], calls: Sequence[Any], workers: int) -> Iterator[tuple[Any, Any]]:
        for call in calls:
            yield call, function(*call)

    monkeypatch.setattr(policy_clips, "track", track)
    monkeypatch.setattr(policy_clips, "in_processes", in_processes)
    thin = {"embedding_size": 16, "hidden_sizes": [16, 16, 32, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}
    for name, value in (("RESNET_18", thin), ("RESNET_CHANNELS", 32), ("FEATURES", 32)):
        monkeypatch.setattr(policy_network, name, value)
    for module in (policy_clips, policy_train):
        monkeypatch.setattr(module, "WIDTH", SIZE[0])
        monkeypatch.setattr(module, "HEIGHT", SIZE[1])
    return tmp_path


def test_poses_come_back_from_their_numbers() -> None:
    paths = poses(np.random.default_rng(1), 3, 2, 12)
    numbers = to_numbers(paths)
    assert numbers.shape == (3, 12, 18)
    assert numbers[1, 5, 9:12] == pytest.approx(paths[1, 1, 5, :3, 3])
    assert to_paths(numbers) == pytest.approx(paths, abs=1e-12)
    bent = to_paths(numbers + np.random.default_rng(2).normal(0.0, 0.1, numbers.shape))
    assert bent[..., :3, :3] @ np.swapaxes(bent[..., :3, :3], -1, -2) == pytest.approx(
        np.broadcast_to(np.eye(3), bent[..., :3, :3].shape), abs=1e-9
    )


def test_limits_hold_all_positions_and_no_range_is_empty() -> None:
    paths = poses(np.random.default_rng(1), 4, 1, 12)
    paths[..., 2, 3] = 0.003
    lower, upper = limits(paths)
    numbers = to_numbers(paths)
    assert ((lower <= numbers) & (numbers <= upper)).all()
    assert (upper - lower).min() >= 1e-3
    assert (lower[3:].tolist(), upper[3:].tolist()) == ([-1.0] * 6, [1.0] * 6)


def test_the_unet_keeps_the_length_and_minds_level_and_photos() -> None:
    torch.manual_seed(0)
    unet = SequenceUnet(9, 8, (16, 32, 64))
    noisy, level, features = torch.randn(2, 12, 9), torch.tensor([5, 5]), torch.randn(2, 8)
    with torch.no_grad():
        out = unet(noisy, level, features)
        assert out.shape == (2, 12, 9)
        assert not torch.allclose(out, unet(noisy, level + 50, features))
        assert not torch.allclose(out, unet(noisy, level, -features))


def test_both_photos_count_and_where_in_them() -> None:
    torch.manual_seed(0)
    network = PolicyNetwork(NetworkSize(9, 96, 96, (16, 32, 64))).eval()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    photos = torch.rand(1, 2, 3, 96, 96)
    with torch.no_grad():
        features = network.encode(photos)
        one, two = photos.clone(), photos.clone()
        one[:, 0], two[:, 1] = 1 - one[:, 0], 1 - two[:, 1]
        assert not torch.allclose(features, network.encode(one))
        assert not torch.allclose(features, network.encode(two))
        maps = torch.rand(1, 512, 3, 3)
        turned = maps.flip(-1)
        reduce: Any = network.encoders[0].reduce
        assert not torch.allclose(reduce(maps), reduce(turned), atol=1e-6)


def test_only_sure_tracks_within_reach_are_learnt_from(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = prepare(TASK, data)
    assert (clips.names, clips.lost) == (["clip-0", "clip-1", "clip-2"], 2)
    assert clips.paths.shape == (3, 1, 12, 4, 4)
    assert clips.paths[2, 0, 0, 0, 3] == pytest.approx(-0.1)
    assert clips.read_photos(0).shape == (2, SIZE[1], SIZE[0], 3)
    assert "sure in 0 frames" in (data / "policy" / "clip-3.lost.txt").read_text()

    def never(*_: object) -> None:
        raise AssertionError("tracked again")

    monkeypatch.setattr(policy_clips, "track", never)
    assert prepare(TASK, data).names == clips.names


def test_what_was_labelled_is_not_tracked_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracks that `dreamitate label` left, corrected by a person perhaps, are taken as they are."""
    before = prepare(TASK, data)
    for name in before.names:
        (data / "policy" / f"{name}.track.npz").rename(data / name / "track.npz")
    (data / "policy" / "clip-3.lost.txt").unlink()
    (data / "clip-3" / "track.npz").write_bytes(b"cut off")
    monkeypatch.setattr(policy_clips, "track", None)
    after = prepare(TASK, data)
    assert after.names == before.names
    assert np.array_equal(after.paths, before.paths)
    assert "cannot be read" in (data / "policy" / "clip-3.lost.txt").read_text()


def test_a_clip_that_was_made_again_is_tracked_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(TASK, data)
    later_ns = time.time_ns() + 10**9
    os.utime(data / "clip-1" / "clip.json", ns=(later_ns, later_ns))
    monkeypatch.setattr(policy_clips, "track", lambda clip: (_ for _ in ()).throw(DreamitateError("out of sight")))
    again = prepare(TASK, data)
    assert (again.names, again.lost) == (["clip-0", "clip-2"], 3)
    assert (data / "policy" / "clip-1.lost.txt").read_text() == "out of sight\n"


def test_fewer_clips_are_the_first_ones(data: Path) -> None:
    assert prepare(TASK, data, most_clips=2).names == ["clip-0", "clip-1"]
    assert not (data / "policy" / "clip-2.track.npz").exists()


def test_it_does_not_go_on_with_other_clips(data: Path, tmp_path: Path) -> None:
    train_policy(TASK, data, tmp_path / "run", SMALL)
    with pytest.raises(DreamitateError, match="learnt from 3 clips; now there are 2"):
        train_policy(TASK, data, tmp_path / "run", replace(SMALL, samples=48), most_clips=2)


def test_a_folder_without_clips(tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match="no clip folders"):
        prepare(TASK, tmp_path)


def test_training_resumes_bit_for_bit(data: Path, tmp_path: Path) -> None:
    clips = prepare(TASK, data)
    whole = PolicyRun(TASK, clips, tmp_path / "whole", SMALL)
    for _ in range(4):
        whole.train_step()
    first = PolicyRun(TASK, clips, tmp_path / "parts", SMALL)
    for _ in range(2):
        first.train_step()
    first.save()
    second = PolicyRun(TASK, clips, tmp_path / "parts", SMALL)
    assert second.resume()
    for _ in range(2):
        second.train_step()
    assert (second.step, second.seen) == (4, 16)
    for ours, theirs in ((whole.network, second.network), (whole.average, second.average)):
        for name, value in ours.state_dict().items():
            assert torch.equal(value, theirs.state_dict()[name]), name


def test_what_is_finished_stays_as_it_is(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file names the sources that trained it, not those of the day on which the command was given again."""
    model = train_policy(TASK, data, tmp_path / "run", SMALL)
    before = {file.name: file.read_bytes() for file in model.iterdir()}
    monkeypatch.setattr(policy_train, "git_revision", lambda: "another day's")
    assert train_policy(TASK, data, tmp_path / "run", SMALL) == model
    assert {file.name: file.read_bytes() for file in model.iterdir()} == before
    (model / "curve.csv").unlink()  # killed before the last file was there
    train_policy(TASK, data, tmp_path / "run", SMALL)
    assert (model / "curve.csv").read_bytes() == before["curve.csv"]


def test_every_clip_once_per_epoch(data: Path, tmp_path: Path) -> None:
    run = PolicyRun(TASK, prepare(TASK, data), tmp_path / "run", SMALL)
    seen: list[int] = []
    for _ in range(6):
        seen += run._next_indices()
        run.seen += SMALL.batch
    epochs = [seen[k : k + 3] for k in range(0, 24, 3)]
    assert all(sorted(epoch) == [0, 1, 2] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert run.done == 1.0


def test_trained_saved_loaded_and_asked(data: Path, tmp_path: Path) -> None:
    model = train_policy(TASK, data, tmp_path / "run", SMALL)
    rows = (tmp_path / "run" / "curve.csv").read_text().splitlines()
    assert rows[0].split(",") == ["step", "samples", "epoch", "seconds", "loss", "loss_other_photos"]
    assert rows[-1].split(",")[:3] == ["6", "24", "8"]
    assert (model / "curve.csv").read_text() == (tmp_path / "run" / "curve.csv").read_text()
    assert read_settings(model)["done"] == 1.0
    card = (model / "README.md").read_text()
    assert "3 clips (2 more were left out" in card
    assert "no pooling" in card
    policy = DiffusionPolicy(TASK, model)
    rig = load_rig("paper")
    random = np.random.default_rng(0)
    photos = [random.integers(0, 255, (rig.camera_1.height, rig.camera_1.width, 3)).astype(np.uint8) for _ in range(2)]
    said, again = policy.predict(photos[0], photos[1], rig, 7), policy.predict(photos[0], photos[1], rig, 7)
    track = said["brush"]
    assert (track.frame, track.time_s.tolist()) == ("table", (np.arange(1, 13) / TASK.fps).tolist())
    assert np.array_equal(track.transform_tool_to_frame, again["brush"].transform_tool_to_frame)
    se3.check_transform(track.transform_tool_to_frame, "what the policy said")
    lower, upper = (np.array(policy.settings[name])[:3] for name in ("lower", "upper"))
    assert (lower - 1e-6 <= track.transform_tool_to_frame[:, :3, 3]).all()
    assert (track.transform_tool_to_frame[:, :3, 3] <= upper + 1e-6).all()
    with pytest.raises(DreamitateError, match="trained for sweeping"):
        DiffusionPolicy(load_task("push_shape"), model)
    (model / "model.safetensors").write_bytes(b"")
    with pytest.raises(DreamitateError, match="not whole"):
        DiffusionPolicy(TASK, model)
    with pytest.raises(DreamitateError, match="dreamitate train --policy"):
        DiffusionPolicy(TASK, tmp_path)


def test_it_learns(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one clip that is not moved, the way is known after sixty steps."""
    monkeypatch.setattr(policy_train, "random_move", lambda *_: np.eye(4))
    clips = prepare(TASK, data)
    one = replace(clips, names=clips.names[2:], photos=clips.photos[2:], paths=clips.paths[2:], rigs=clips.rigs[2:])
    settings = PolicySettings(samples=120, batch=2, channels=(16, 32, 64), learning_rate=2e-3, warm_up=5)
    run = PolicyRun(TASK, one, tmp_path / "run", settings)
    while run.done < 1:
        run.train_step()
    photos, wanted = run._batch([0, 0, 0, 0])
    drawn = sample(run.average, photos, torch.Generator().manual_seed(1))
    untrained = sample(PolicyRun(TASK, one, tmp_path / "new", settings).average, photos, torch.Generator())
    error, before = ((each - wanted).abs().mean() for each in (drawn, untrained))
    assert error < 0.15
    assert error < before / 3


def test_its_curve_shows_whether_it_sees_the_photos(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_train, "random_move", lambda *_: np.eye(4))
    settings = PolicySettings(samples=3000, batch=3, channels=(32, 64, 128), learning_rate=1e-3, warm_up=5)
    clips = prepare(TASK, data)
    for index, (file, path) in enumerate(zip(clips.photos, clips.paths, strict=True)):
        photos = np.zeros_like(np.load(file))
        photos[:, :, 20 * index : 20 * (index + 1)] = 60
        np.save(file, photos)
        path[..., 0, 3] += 0.3 * (index - 1)
    run = PolicyRun(TASK, clips, tmp_path / "run", settings)
    loss, blind = np.transpose([run.train_step() for _ in range(80)])
    assert 0.5 < loss[0] / blind[0] < 2
    assert np.mean(blind[-10:]) > 3 * np.mean(loss[-10:])


def test_the_command_trains_where_the_benchmark_looks(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    outs: list[Path] = []

    def train(task: Task, clips: Path, out: Path, settings: PolicySettings, *_: object) -> Path:
        asked.append((task.name, clips, settings))
        outs.append(out)
        return out / "model"

    monkeypatch.setattr(policy_train, "train_policy", train)
    command = ["train", "--task", "sweeping", "--data", str(data), "--policy", "diffusion_policy"]
    assert cli.main([*command, "--minutes", "2"]) == 0
    assert str(model_folder("sweeping", "diffusion_policy")) in capsys.readouterr().out
    assert cli.main([*command, "--samples", "640", "--seed", "3"]) == 0
    assert cli.main([*command, "--clips", "300"]) == 0
    assert outs[2] == Path("runs/train/sweeping_diffusion_policy_300_clips")
    (timed, counted, _) = asked
    assert timed == ("sweeping", data, PolicySettings(budget_s=120.0))
    assert counted[2] == PolicySettings(samples=640, seed=3)
    assert cli.main([*command, "--base", "svd"]) == 2
    assert "name one of them" in capsys.readouterr().err


def test_progress_says_what_is_done(data: Path) -> None:
    said: list[str] = []
    prepare(TASK, data, progress=lambda stage, fraction: said.append(stage))
    assert set(said) == {"tracking the demonstrations"}
    prepare(TASK, data, progress=quiet)
