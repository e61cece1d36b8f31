"""Fine-tuning a tiny random SVD: exact resume, many processes as one, what is trained, and data that is refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableVideoDiffusionPipeline, UNetSpatioTemporalConditionModel
from safetensors.torch import load_file

from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.task import Task
from dreamitate_core.video import write_mp4
from dreamitate_gen.activation_memory import compute_again, kept_bytes
from dreamitate_gen.registry import load_generator
from dreamitate_gen.stereo_unet import use_context_per_frame
from dreamitate_gen.svd_train import SvdSettings, clip_at, settings_of, train_svd
from dreamitate_gen.trained_set import choose_trained, plain_state

TINY = SvdSettings(steps=2, batch=2, augmentations=2, sheet_every=0, learning_rate=1e-3, warm_up=0)


@pytest.fixture(scope="module")
def data(clip_folder: Callable[[int], Path]) -> Path:
    return clip_folder(3)


@pytest.fixture
def unet() -> Any:
    torch.manual_seed(0)
    return UNetSpatioTemporalConditionModel(
        down_block_types=("CrossAttnDownBlockSpatioTemporal",),
        up_block_types=("CrossAttnUpBlockSpatioTemporal",),
        block_out_channels=(32,),
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=24,
        layers_per_block=1,
        cross_attention_dim=16,
        num_attention_heads=(2,),
    )


def _inputs(batch: int = 1) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(1)
    noisy = torch.randn(batch, 5, 8, 8, 8, generator=random)
    context = torch.randn(batch, 5, 1, 16, generator=random)
    return noisy, torch.zeros(batch), context, torch.ones(batch, 3)


def _weights(run: Path) -> dict[str, torch.Tensor]:
    state = load_file(run / "checkpoint" / "state.safetensors")
    return {name: value for name, value in state.items() if not name.startswith("random")}


def test_a_run_that_was_stopped_goes_on_bit_for_bit_and_its_model_dreams(
    data: Path, tiny_svd: Path, tiny_task: Task, tmp_path: Path
) -> None:
    settings = replace(TINY, steps=4, save_every=2, sheet_every=4, ema=0.9)
    whole = train_svd(tiny_task, data, tiny_svd, tmp_path / "whole", settings)

    def stop(stage: str, fraction: float) -> None:
        if stage == "training" and fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_svd(tiny_task, data, tiny_svd, tmp_path / "halves", settings, stop)
    train_svd(tiny_task, data, tiny_svd, tmp_path / "halves", settings)
    one, two = (_weights(tmp_path / name) for name in ("whole", "halves"))
    assert one.keys() == two.keys()
    assert {name.partition("/")[0] for name in one} == {"model", "average", "optimizer"}
    for name, value in one.items():
        assert torch.equal(value, two[name]), name
    curves = [(tmp_path / name / "curve.csv").read_text() for name in ("whole", "halves")]
    assert curves[0] == curves[1]
    assert curves[0].count("\n") == 5
    assert (tmp_path / "whole" / "sheets" / "000004.png").is_file()
    assert list((tmp_path / "whole" / "tensorboard").iterdir())

    card, settings_made = (whole / "README.md").read_text(), json.loads((whole / "model.json").read_text())
    assert "3 clips of 64x32" in card
    assert settings_made["training"]["seed"] == 0
    assert StableVideoDiffusionPipeline.from_pretrained(whole).unet is not None
    photo = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    dream = load_generator("svd", tiny_task, whole).dreams(photo, photo[::-1], load_rig("paper"), 1)[0]
    assert dream.video.view_1.shape == (13, 32, 64, 3)


def test_two_processes_train_as_one(data: Path, tiny_svd: Path, tiny_task: Task, tmp_path: Path) -> None:
    train_svd(tiny_task, data, tiny_svd, tmp_path / "one", replace(TINY, learning_rate=1e-5, micro_batch=2))
    script = Path(__file__).parent / "fakes" / "train_svd.py"
    options = "--multi_gpu", "--num_machines=1", "--num_processes=2", "--mixed_precision=no"
    subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *options, script, data, tiny_svd, tmp_path / "two"],
        env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        check=True,
        timeout=240,
    )
    one, two = (_weights(tmp_path / name) for name in ("one", "two"))
    for name in (name for name in one if name.startswith("model/")):
        assert (one[name] - two[name]).abs().max() <= 1e-5, name
    rows = [(tmp_path / name / "curve.csv").read_text().split() for name in ("one", "two")]
    losses = [[float(row.split(",")[1]) for row in run[1:]] for run in rows]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_sets_are_what_they_say(unet: Any) -> None:
    everything = {name for name, _ in unet.named_parameters()}
    attention = set(choose_trained(unet, "attention", 4))
    assert attention == {name for name in everything if ".attentions." in name}
    assert any("temporal_transformer_blocks" in name for name in attention)
    assert any("time_mixer" in name for name in attention)
    assert {n for n, p in unet.named_parameters() if p.requires_grad} == attention
    assert set(choose_trained(unet, "full", 4)) == everything
    with pytest.raises(DreamitateError, match="attention, full, lora"):
        choose_trained(unet, "all", 4)


@torch.no_grad()
def test_low_rank_additions_are_added_into_stock_weights(unet: Any) -> None:
    names = set(unet.state_dict())
    use_context_per_frame(unet)
    trained = choose_trained(unet, "lora", 4)
    assert all(".lora_" in name for name in trained)
    random = torch.Generator().manual_seed(2)
    for parameter in trained.values():
        parameter.copy_(0.1 * torch.randn(parameter.shape, generator=random))
    state = plain_state(unet)
    assert set(state) == names
    stock = UNetSpatioTemporalConditionModel.from_config(unet.config)
    stock.load_state_dict(state)
    use_context_per_frame(stock)
    assert (stock(*_inputs()).sample - unet(*_inputs()).sample).abs().max() < 1e-5


def test_blocks_that_are_computed_again_keep_less_and_give_the_same_gradients(unet: Any) -> None:
    use_context_per_frame(unet)
    unet.train()
    bytes_kept, gradients = [], []
    for change in (lambda: None, unet.enable_gradient_checkpointing, lambda: compute_again(unet)):
        change()
        bytes_kept.append(kept_bytes(unet, lambda: unet(*_inputs())))
        unet.zero_grad()
        unet(*_inputs()).sample.square().sum().backward()
        gradients.append({name: p.grad.clone() for name, p in unet.named_parameters() if p.grad is not None})
    assert bytes_kept[2] < 0.8 * bytes_kept[1] < bytes_kept[0]
    assert gradients[0].keys() == gradients[2].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[2][name], atol=1e-5, rtol=1e-4), name


def test_every_round_shows_each_clip_once() -> None:
    rounds = [[clip_at(turn * 7 + place, 7, seed=3) for place in range(7)] for turn in range(2)]
    assert all(sorted(clips) == list(range(7)) for clips in rounds)
    assert rounds[0] != rounds[1]


def test_table_3_is_in_the_configuration(task: Task) -> None:
    settings = settings_of(task, {})
    assert (settings.trainable, settings.learning_rate, settings.batch, settings.steps) == ("attention", 1e-5, 4, 16384)
    assert settings_of(task, {"ema": "0.99", "steps": "5"}).ema == 0.99
    for changes, said in (({"rate": "1"}, "learning_rate"), ({"steps": "x"}, "int"), ({"batch": "0"}, "at least 1")):
        with pytest.raises(DreamitateError, match=said):
            settings_of(task, changes)


def _without_view_2(folder: Path) -> None:
    (folder / "frames" / "013.png").unlink()


def _broken(folder: Path) -> None:
    path = folder / "frames" / "004.png"
    path.write_bytes(path.read_bytes()[:100])


def _no_background(folder: Path) -> None:
    (folder / "background_2.png").unlink()


def _other_task(folder: Path) -> None:
    (folder / "clip.json").write_text(json.dumps({"task": "rotation", "fps": 4.0}))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_without_view_2, r"sweeping-000001/frames/013\.png"),
        (_broken, r"sweeping-000001/frames/004\.png"),
        (_no_background, r"sweeping-000001/background_2\.png"),
        (_other_task, r"sweeping-000001 shows the task 'rotation'"),
    ],
)
def test_wrong_data_is_refused_by_name(
    harm: Callable[[Path], None], said: str, data: Path, tiny_svd: Path, tiny_task: Task, tmp_path: Path
) -> None:
    copied = tmp_path / "data"
    shutil.copytree(data, copied)
    harm(copied / "sweeping-000001")
    with pytest.raises(DreamitateError, match=said):
        train_svd(tiny_task, copied, tiny_svd, tmp_path / "out", TINY)
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_other_sizes_and_lengths_are_refused_by_name(
    data: Path, tiny_svd: Path, tiny_task: Task, tmp_path: Path, draw: Callable[..., Clip], small_rig: StereoRig
) -> None:
    copied = tmp_path / "data"
    shutil.copytree(data, copied)
    write_clip(copied / "sweeping-000001", draw(1, small_rig.cropped_and_resized(96, 48)))
    with pytest.raises(DreamitateError, match=r"sweeping-000001 is 96x48, the clips before it 64x32"):
        train_svd(tiny_task, copied, tiny_svd, tmp_path / "out", TINY)
    write_clip(copied / "sweeping-000001", draw(1), lossless=False)
    shutil.rmtree(copied / "sweeping-000000")
    short = copied / "sweeping-000001" / "video.mp4"
    write_mp4(short, draw(1).video.frames()[:20], 4.0)
    with pytest.raises(DreamitateError, match=r"sweeping-000001.*25 frames; this one has 20"):
        train_svd(tiny_task, copied, tiny_svd, tmp_path / "out", TINY)
    with pytest.raises(DreamitateError, match="no clip folders"):
        train_svd(tiny_task, tmp_path / "nothing", tiny_svd, tmp_path / "out", TINY)
