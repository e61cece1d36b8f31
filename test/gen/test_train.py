"""Training a tiny model: resume bit for bit, a model directory that dreams, and errors that say what to do."""

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamitate_core.camera import load_rig
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.paths import models_dir
from dreamitate_core.task import Task
from dreamitate_gen import marks, refine_training
from dreamitate_gen.checkpoint import load_checkpoint, save_checkpoint
from dreamitate_gen.dataset import PackedClips, pack
from dreamitate_gen.effort import samples_seen, training_s
from dreamitate_gen.finish import train_finish
from dreamitate_gen.model_folder import load_small, read_settings, save_small
from dreamitate_gen.picture_size import picture_size
from dreamitate_gen.refiner import Refiner
from dreamitate_gen.registry import load_generator
from dreamitate_gen.train import Run, SmallSettings, small_settings, train

TINY = SmallSettings(
    channels=(32, 32),
    embedding=16,
    latents=8,
    photo_latents=4,
    encoder_widths=(16, 32, 64),
    encoder_layers=1,
    ways=2,
    places_share=0.3,
    stages=((0.57, 2, 2), (1.0, 12, 1)),
    warm_up=2,
    refine_share=0.0,
    steps=6,
)


def test_a_run_that_was_stopped_goes_on_bit_for_bit(
    clip_folder: Callable[[int], Path], task: Task, tmp_path: Path
) -> None:
    data = clip_folder(4)
    whole = train(task, data, tmp_path / "whole", settings=TINY)
    steps = 0

    def stop_after_three(stage: str, fraction: float) -> None:
        nonlocal steps
        steps += stage == "training"
        if steps == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(task, data, tmp_path / "halves", settings=TINY, save_every_s=0.0, progress=stop_after_three)
    halves = train(task, data, tmp_path / "halves", settings=TINY)
    (one, _), (two, settings) = load_small(whole), load_small(halves)
    trained = two.state_dict()
    for name, value in one.state_dict().items():
        assert torch.equal(value, trained[name]), name
    assert settings["step"] == 6
    assert settings["done"] == 1.0
    curves = [(tmp_path / name / "curve.csv").read_text().splitlines() for name in ("whole", "halves")]
    assert len(curves[0]) == 2
    assert curves[0][-1].split(",")[:2] == curves[1][-1].split(",")[:2]

    generator = load_generator("svd", task, whole)
    photo = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    fractions: list[float] = []

    def show(_: str, fraction: float) -> None:
        fractions.append(fraction)

    dreams = [generator.dreams(photo, photo[:, ::-1], load_rig("paper"), seed, show)[0] for seed in (1, 1, 2)]
    assert dreams[0].video.view_1.shape == (13, 32, 64, 3)
    assert dreams[0].rig.camera_1.width == 64
    assert np.array_equal(dreams[0].video.view_1[0], dreams[0].background_1)  # nothing has moved yet
    assert np.array_equal(dreams[0].video.frames(), dreams[1].video.frames())
    assert not np.array_equal(dreams[0].video.frames(), dreams[2].video.frames())
    assert fractions[-1] == 1.0
    with pytest.raises(DreamitateError, match=r"Photo 1 is 640x640.*1280x720"):
        generator.dreams(photo[:640, :640], photo, load_rig("paper"), 1)
    with pytest.raises(DreamitateError, match="RGB"):
        generator.dreams(photo[..., 0], photo, load_rig("paper"), 1)


def test_where_tools_go_is_learnt_first_and_then_kept(
    clip_folder: Callable[[int], Path], task: Task, tmp_path: Path
) -> None:
    size = picture_size(task)
    data = clip_folder(2)
    pack(data, size)
    run = Run(task, PackedClips(data, size, "nothing"), tmp_path, TINY, 1.0)

    def step(count: int) -> tuple[list[tuple[float, float]], dict[str, bool]]:
        """Take steps; return the losses, and which part of the networks, and of their average, has changed."""
        before = {part: [p.detach().clone() for p in values] for part, values in run.averaged.items()}
        losses = [run.train_step() for _ in range(count)]
        changed = {
            part: not all(torch.equal(p, old) for p, old in zip(run.averaged[part], values, strict=True))
            for part, values in before.items()
        }
        return losses, changed

    losses, changed = step(2)
    assert changed == {"places": True, "video": False}
    assert all(math.isnan(video) and places > 0 for video, places in losses)
    losses, changed = step(4)
    assert changed == {"places": False, "video": True}
    assert all(video > 0 and math.isnan(places) for video, places in losses)
    assert (run.step, run.video_steps) == (6, 4)
    for kept, average in zip(run.trained["places"], run.averaged["places"], strict=True):
        assert torch.equal(kept, average)
    everything = {id(p) for p in run.model.parameters() if p.dtype.is_floating_point}
    assert {id(p) for part in run.trained.values() for p in part} == everything - {
        id(p) for p in run.model.pictures.codec.parameters()
    }


def test_a_kill_while_the_checkpoint_is_replaced_loses_nothing(tmp_path: Path) -> None:
    network, random = torch.nn.Linear(2, 2), torch.Generator()
    state = network, None, torch.optim.AdamW(network.parameters()), random
    save_checkpoint(tmp_path / "checkpoint", *state, {"step": 1})
    (tmp_path / "checkpoint").rename(tmp_path / ".checkpoint.last")  # and then the kill came
    assert load_checkpoint(tmp_path / "checkpoint", *state) == {"step": 1}
    save_checkpoint(tmp_path / "checkpoint", *state, {"step": 2})
    assert load_checkpoint(tmp_path / "checkpoint", *state) == {"step": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_fewer_clips_are_the_first_ones(clip_folder: Callable[[int], Path], task: Task, tmp_path: Path) -> None:
    data = clip_folder(3)
    model = train(task, data, tmp_path / "two", settings=TINY, most_clips=2)
    assert load_small(model)[1]["clips"] == 2
    assert (model / "curve.csv").is_file()
    assert load_small(train(task, data, tmp_path / "all", settings=TINY))[1]["clips"] == 3
    assert len(PackedClips(data, picture_size(task), "nothing", most=2)) == 2


def test_a_checkpoint_of_another_network_is_refused(
    clip_folder: Callable[[int], Path], task: Task, tmp_path: Path
) -> None:
    data = clip_folder(2)
    train(task, data, tmp_path, settings=replace(TINY, steps=1))
    with pytest.raises(DreamitateError, match="another network"):
        train(task, data, tmp_path, settings=replace(TINY, steps=1, embedding=32))


def test_a_run_may_begin_from_a_finished_model(clip_folder: Callable[[int], Path], task: Task, tmp_path: Path) -> None:
    data = clip_folder(2)
    model, settings = load_small(train(task, data, tmp_path / "first", settings=replace(TINY, steps=1)))
    model.pictures.refiner = Refiner(width=8, points=4)
    spent = {"seen": 7, "finish_seen": 3, "elapsed_s": 20.0, "finish_s": 5.0}
    save_small(tmp_path / "finished", model, {"sampling": settings["sampling"], **spent})
    still = replace(TINY, steps=1, seed=1, learning_rate=0.0, encoder_learning_rate=0.0)
    begun, says = load_small(train(task, data, tmp_path / "second", settings=still, start=tmp_path / "finished"))
    assert (says["begun_seen"], says["begun_s"]) == (7 + 3, 20.0 + 5.0)
    assert samples_seen(says) == says["seen"] + 10
    assert training_s(says) == says["elapsed_s"] + 25.0
    anew = load_small(train(task, data, tmp_path / "third", settings=still))[0]
    weight, apart = (m.unet.conv_in.weight for m in (begun, anew))
    assert torch.allclose(weight, model.unet.conv_in.weight, atol=2e-3)
    assert not torch.allclose(apart, model.unet.conv_in.weight, atol=2e-2)
    with pytest.raises(DreamitateError, match="another network"):
        train(task, data, tmp_path / "fourth", settings=replace(still, embedding=32), start=tmp_path / "finished")


class _KilledError(Exception):
    """What ends a training in the middle."""


def test_a_training_that_is_cut_off_while_it_finishes_goes_on_there(
    clip_folder: Callable[[int], Path], task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then, the model says that it is not finished; once it is, nothing is done again."""
    monkeypatch.setattr(refine_training, "CROP", 16)
    monkeypatch.setattr(refine_training, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(marks, "STEPS", 3)
    data, settings = clip_folder(2), replace(TINY, steps=1, refine_share=0.5)
    seen: list[float] = []

    def run(stop: bool) -> Path:
        def progress(stage: str, fraction: float) -> None:
            if stage == "training the finish":
                seen.append(fraction)
                if stop and len(seen) == 3:
                    raise _KilledError

        return train(task, data, tmp_path, 6.0, settings, progress=progress)

    with pytest.raises(_KilledError):
        run(stop=True)
    half = read_settings(tmp_path / "model")
    assert (half["done"], half["step"], half.get("finish_seen")) == (0.5, 1, None)
    assert load_small(tmp_path / "model")[0].pictures.refiner is None
    with monkeypatch.context() as patch:
        patch.setattr(refine_training, "fit_marks", None)  # they are known already
        whole = run(stop=False)
    assert seen[3] >= seen[1] > 0.0
    says = read_settings(whole)
    assert (says["done"], says["finish_s"]) == (1.0, 3.0)
    assert says["finish_seen"] >= 8 * 2
    assert not (tmp_path / "finish").exists()
    weights = (whole / "pictures" / "model.safetensors").read_bytes()
    count = len(seen)
    assert run(stop=False) == whole
    assert len(seen) == count
    assert (whole / "pictures" / "model.safetensors").read_bytes() == weights


def test_the_finish_alone_is_trained_again(
    clip_folder: Callable[[int], Path], task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a network of the older layout to one with marks; the rest of the model stays as it is."""
    monkeypatch.setattr(refine_training, "CROP", 16)
    monkeypatch.setattr(marks, "STEPS", 3)
    data = clip_folder(2)
    first = train(task, data, tmp_path / "first", settings=replace(TINY, steps=1))
    model, settings = load_small(first)
    model.pictures.refiner = Refiner(width=8, points=4)
    save_small(tmp_path / "old", model, settings)
    shutil.copyfile(first / "curve.csv", tmp_path / "old" / "curve.csv")
    once = train_finish(task, data, tmp_path / "old", tmp_path / "once", 0.5, 0, 1)
    twice = train_finish(task, data, once, tmp_path / "twice", 0.5, 0, 1)
    infos = [load_small(folder)[1] for folder in (once, twice)]
    assert infos[0]["step"] == 1
    assert infos[1]["finish_seen"] > infos[0]["finish_seen"] > 0
    networks = [load_small(folder)[0] for folder in (first, twice)]
    assert networks[1].pictures.refiner.config["tools"] == 1
    for name, weight in networks[0].unet.state_dict().items():
        assert torch.allclose(weight, networks[1].unet.state_dict()[name], atol=1e-2), name
    with pytest.raises(DreamitateError, match=r"knows 8 points.*today's have 4"):
        train_finish(task, data, models_dir() / "rotation", tmp_path / "third", 0.5, 0, 1)
    assert (twice / "curve.csv").read_bytes() == (first / "curve.csv").read_bytes()


@pytest.mark.parametrize("wrong", [{"width": 250}, {"height": "tall"}, {"region": 0.0}, {"region": None}])
def test_a_task_file_that_says_the_size_wrongly_is_refused(task: Task, wrong: dict[str, object]) -> None:
    section = {**task.section("small_model"), **wrong}
    with pytest.raises(DreamitateError, match=r"small_model in config/tasks/sweeping.yaml"):
        picture_size(replace(task, settings={**task.settings, "small_model": section}))


@pytest.mark.parametrize("share", [0.0, 1.5, "half"])
def test_a_task_file_that_says_the_share_wrongly_is_refused(task: Task, share: object) -> None:
    section = {**task.section("small_model"), "places_share": share}
    with pytest.raises(DreamitateError, match=r"places_share.*between 0 and 1"):
        small_settings(replace(task, settings={**task.settings, "small_model": section}), 0, 1)


def test_missing_weights_say_where_and_how(task: Task, tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match=rf"{tmp_path}.*make train-small"):
        load_generator("svd", task, tmp_path)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(DreamitateError, match="not whole"):
        load_generator("svd", task, tmp_path)


def test_unknown_generators_are_listed(task: Task) -> None:
    with pytest.raises(DreamitateError, match="replay, svd"):
        load_generator("sora", task)
