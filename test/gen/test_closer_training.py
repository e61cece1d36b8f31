"""Training the closer look: alone or as a part of a whole training, cut off and gone on, refused where it cannot be."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import models_dir
from dreamitate_core.task import Task
from dreamitate_gen import closer_training, marks, refine_training
from dreamitate_gen.closer_training import train_closer
from dreamitate_gen.dataset import PackedClips, closer_batch, pack
from dreamitate_gen.effort import demonstrations
from dreamitate_gen.model_folder import load_small, read_settings
from dreamitate_gen.picture_size import PictureSize, closer_size, picture_size
from dreamitate_gen.registry import load_generator
from dreamitate_gen.train import SmallSettings, small_settings, train

CLOSER = {"width": 64, "height": 48, "region": 0.5}
TINY = SmallSettings(
    channels=(32, 32), embedding=16, latents=8, photo_latents=4, encoder_widths=(16, 32, 64), encoder_layers=1, ways=2,
    places_share=0.3, stages=((0.57, 2, 2), (1.0, 12, 1)), warm_up=2, refine_share=0.0, steps=1,
)  # fmt: skip


@pytest.fixture
def closer_task(task: Task) -> Task:
    """Sweeping, with a closer look."""
    section = {**task.section("small_model"), "closer": CLOSER}
    return replace(task, settings={**task.settings, "small_model": section})


class _KilledError(Exception):
    """What ends a training in the middle."""


def test_what_is_learnt_from_shows_the_path_straightened(clip_folder: Callable[[int], Path], closer_task: Task) -> None:
    """The middle of each path is near where the cameras see the table's origin, and it goes where the tool faces."""
    data, size = clip_folder(3), closer_size(closer_task)
    assert size == PictureSize(64, 48, 0.5)
    pack(data, picture_size(closer_task))
    clips = PackedClips(data, picture_size(closer_task), "clips")
    random = torch.Generator().manual_seed(0)
    drawn = [closer_batch(clips, [0, 1, 2], size, random) for _ in range(40)]
    assert drawn[0][0].shape == (3, 2, 3, 48, 64)
    assert drawn[0][1].shape == (3, 2, 12, 4, 2)
    points = torch.cat([points for _, points in drawn]).numpy()
    rig = load_rig("paper").cropped_and_resized(64, 48, 0.5)
    assert rig.transform_reference_to_table is not None
    to_reference = np.linalg.inv(rig.transform_reference_to_table)
    for view, camera in enumerate(rig.cameras):
        origin = camera.project(to_reference[:3, 3])[0]
        middles = points[:, view, :, :3].mean((1, 2))
        assert middles.mean(0) == pytest.approx(origin, abs=2.0)
        across = points[:, view, :, 2] - points[:, view, :, 1]
        assert np.abs(across[..., 0]).mean() < 0.3 * np.abs(across[..., 1]).mean()
        assert (across[..., 1] > 0).mean() > 0.99, "the right end is nearer to who sees the tool go to the right"


def test_the_closer_look_alone_is_trained_cut_off_and_goes_on(
    clip_folder: Callable[[int], Path], closer_task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closer_training, "SAVE_EVERY_S", 0.0)
    data = clip_folder(2)
    first = train(closer_task, data, tmp_path / "first", settings=TINY)
    assert load_small(first)[0].pictures.closer is None
    done: list[float] = []

    def run(stop: bool) -> Path:
        def progress(stage: str, fraction: float) -> None:
            if stage == "training the closer look":
                done.append(fraction)
                if stop and len(done) == 3:
                    raise _KilledError

        return train_closer(closer_task, data, first, tmp_path / "out", 3.0, 0, 1, progress)

    with pytest.raises(_KilledError):
        run(stop=True)
    assert not (tmp_path / "out" / "model").exists()
    whole = run(stop=False)
    assert done[3] == done[2] > 0.0, "it goes on where it was"
    assert not (tmp_path / "out" / "closer").exists()
    rows = (whole / "closer.csv").read_text().splitlines()
    says = read_settings(whole)
    assert rows[0].split(",") == ["step", "samples", "seconds", "place_loss"]
    assert int(rows[-1].split(",")[1]) == says["closer_seen"] >= 3 * 16
    assert (says["closer_s"], says["step"], says["pictures"]["closer_size"]) == (3.0, 1, CLOSER)
    assert says["closer_clips"] == demonstrations(says) == 2

    (one, _), (two, _) = load_small(first), load_small(whole)
    weights, learnt = one.pictures.image_encoder.state_dict(), two.pictures.closer.state_dict()
    assert not torch.equal(weights["places.weight"], learnt["places.weight"]), "it has learnt"
    for name, weight in one.state_dict().items():
        assert torch.allclose(weight, two.state_dict()[name], atol=1e-2), f"{name} stays"

    photo = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    dreams = []
    for folder in (first, whole):
        dreams.append(load_generator("svd", closer_task, folder).dreams(photo, photo[:, ::-1], load_rig("paper"), 1)[0])
    assert not np.array_equal(dreams[0].video.frames(), dreams[1].video.frames()), "dreams go where it says"


def test_a_whole_training_has_a_closer_look_where_the_task_says_so(
    clip_folder: Callable[[int], Path], closer_task: Task, tmp_path: Path
) -> None:
    assert small_settings(closer_task, 0, 1).closer_share == 0.3
    model = train(closer_task, clip_folder(2), tmp_path / "out", 4.0, replace(TINY, closer_share=0.5))
    says = read_settings(model)
    assert (says["done"], says["closer_s"]) == (1.0, 2.0)
    assert (model / "closer.csv").is_file()
    assert load_small(model)[0].pictures.closer is not None
    assert not (tmp_path / "out" / "closer").exists()


def test_a_kill_after_the_closer_look_repeats_nothing_of_it(
    clip_folder: Callable[[int], Path], closer_task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while the finishing network is trained; and a run without a closer look, in which one is wanted later."""
    monkeypatch.setattr(refine_training, "CROP", 16)
    monkeypatch.setattr(marks, "STEPS", 3)
    data, settings = clip_folder(2), replace(TINY, closer_share=0.3, refine_share=0.3)
    stages: list[str] = []

    def killed(stage: str, fraction: float) -> None:
        stages.append(stage)
        if stage == "training the finish":
            raise _KilledError

    with pytest.raises(_KilledError):
        train(closer_task, data, tmp_path / "out", 4.0, settings, progress=killed)
    assert stages.count("training the closer look") > 0
    stages.clear()
    model = train(closer_task, data, tmp_path / "out", 4.0, settings, progress=lambda stage, _: stages.append(stage))
    assert "training the closer look" not in stages
    assert (model / "closer.csv").is_file()
    assert load_small(model)[0].pictures.closer is not None

    without = train(closer_task, data, tmp_path / "later", 4.0, TINY)
    assert load_small(without)[0].pictures.closer is None
    train(closer_task, data, tmp_path / "later", 4.0, replace(TINY, closer_share=0.3))
    assert load_small(without)[0].pictures.closer is not None


@pytest.mark.parametrize("wrong", [{"width": 250}, {"region": 2.0}, {"height": None}])
def test_a_size_that_is_wrong_is_refused(closer_task: Task, wrong: dict[str, object]) -> None:
    section = {**closer_task.section("small_model"), "closer": {**CLOSER, **wrong}}
    with pytest.raises(DreamitateError, match=r"small_model.closer in config/tasks/sweeping.yaml"):
        closer_size(replace(closer_task, settings={**closer_task.settings, "small_model": section}))


def test_a_share_that_is_wrong_is_refused(closer_task: Task) -> None:
    section = {**closer_task.section("small_model"), "closer_share": 0.9}
    with pytest.raises(DreamitateError, match=r"closer_share.*between 0 and 0.8; it is 0.9"):
        small_settings(replace(closer_task, settings={**closer_task.settings, "small_model": section}), 0, 1)


def test_a_task_without_a_closer_look_is_refused(
    clip_folder: Callable[[int], Path], task: Task, tmp_path: Path
) -> None:
    with pytest.raises(DreamitateError, match=r"sweeping.yaml has no closer look.*width, height"):
        train_closer(task, clip_folder(1), tmp_path, tmp_path / "out", 1.0, 0, 1)


def test_clips_whose_table_is_not_known_are_refused_by_name_before_anything_is_trained(
    clip_folder: Callable[[int], Path], closer_task: Task, tmp_path: Path
) -> None:
    data = clip_folder(2)
    file = data / "sweeping-000001" / "cameras.json"
    cameras = json.loads(file.read_text())
    del cameras["transform_reference_to_table"]
    file.write_text(json.dumps(cameras))
    with pytest.raises(DreamitateError, match=r"The rig of sweeping-000001 does not say where the table is"):
        train(closer_task, data, tmp_path / "out", 4.0, replace(TINY, closer_share=0.5))
    assert not (tmp_path / "out" / "model").exists()


def test_a_model_does_not_go_where_it_starts_from(closer_task: Task, tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match=r"both where to start and where the model goes.*--out"):
        train_closer(closer_task, tmp_path, tmp_path / "out" / "model", tmp_path / "out", 1.0, 0, 1)


def test_other_points_of_the_tools_are_refused(
    clip_folder: Callable[[int], Path], closer_task: Task, tmp_path: Path
) -> None:
    with pytest.raises(DreamitateError, match=r"knows 8 points.*today's have 4"):
        train_closer(closer_task, clip_folder(1), models_dir() / "rotation", tmp_path / "out", 1.0, 0, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"closer_size": None},
        {"closer_size": {"width": 100, "height": 48, "region": 0.5}},
        {"closer_size": {"width": 64, "height": 48}},
        {"closer": None},
        {"closer": {"widths": [33, 64, 64]}},
        {"closer": {"wings": 2}},
    ],
)
def test_a_model_whose_closer_look_is_broken_is_one_line(
    clip_folder: Callable[[int], Path], closer_task: Task, tmp_path: Path, wrong: dict[str, object]
) -> None:
    model = tmp_path / "model"
    shutil.copytree(models_dir() / "push_shape", model)
    says = read_settings(model)
    says["pictures"] |= {"closer": says["pictures"]["image_encoder"], "closer_size": CLOSER} | wrong
    (model / "model.json").write_text(json.dumps(says))
    with pytest.raises(DreamitateError, match=r"closer_size in .*model.json|is not whole") as refused:
        load_small(model)
    assert "\n" not in str(refused.value)
