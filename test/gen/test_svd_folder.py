"""Stable Video Diffusion itself, tiny and random, through the same code as the small model."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableVideoDiffusionPipeline, UNetSpatioTemporalConditionModel
from diffusers.models.attention import BasicTransformerBlock
from PIL import Image
from safetensors.torch import save_file

from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task
from dreamitate_gen.noise import karras_sigmas
from dreamitate_gen.offload import take_turns
from dreamitate_gen.registry import load_generator
from dreamitate_gen.sample import sample
from dreamitate_gen.stereo_unet import FRAME_VIEWS, FRAMES
from dreamitate_gen.svd_folder import load_svd

PHOTO = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)


@pytest.fixture
def changed(tiny_svd: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny SVD, to be changed."""
    folder = tmp_path / "svd"
    shutil.copytree(tiny_svd, folder)
    return folder


def _photos(seed: int, count: int = 2) -> torch.Tensor:
    return torch.rand(1, count, 3, 32, 64, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_equal_photos_give_what_stock_gives(tiny_svd: Path, tiny_task: Task) -> None:
    model, _ = load_svd(tiny_svd, tiny_task)
    conditions = model.pictures.conditions(_photos(1, 1).expand(1, 2, 3, 32, 64), range(FRAMES))
    assert torch.equal(conditions.time_ids, torch.tensor([[5.0, 200.0, 0.0]]))
    noisy = torch.randn(1, FRAMES, 4, 8, 16, generator=torch.Generator().manual_seed(2))
    sigma = torch.tensor([2.0])
    ours = model.denoise(noisy, sigma, conditions)
    stock = UNetSpatioTemporalConditionModel.from_pretrained(tiny_svd / "unet").eval()
    joined = torch.cat([noisy / 5.0**0.5, conditions.channels], 2)
    output = stock(joined, 0.25 * sigma.log(), conditions.context[:, 0], conditions.time_ids).sample
    assert (ours - (noisy / 5.0 - output * 2.0 / 5.0**0.5)).abs().max() < 2e-5


@torch.no_grad()
@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_equal_photos_dream_what_the_stock_pipeline_dreams(tiny_svd: Path, tiny_task: Task, guidance: float) -> None:
    picture = (_photos(1, 1)[0, 0] * 255).round().to(torch.uint8)
    photos = (picture.float() / 255).expand(1, 2, 3, 32, 64)
    pipeline = StableVideoDiffusionPipeline.from_pretrained(tiny_svd)
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.randn(1, FRAMES, 4, 8, 16, generator=torch.Generator().manual_seed(3))
    stock = pipeline(
        Image.fromarray(picture.permute(1, 2, 0).numpy()), 32, 64, FRAMES, 2, None, guidance, guidance, 6, 200, 0.0,
        latents=noise.clone(), output_type="latent",
    ).frames  # fmt: skip
    model, settings = load_svd(tiny_svd, tiny_task)
    conditions = model.pictures.conditions(photos, range(FRAMES))
    sigmas = karras_sigmas(2, settings["sampling"]["sigma_min"], settings["sampling"]["sigma_max"])
    ours = sample(model, conditions, sigmas, torch.Generator().manual_seed(3), guidance)
    assert ours.shape == stock.shape
    assert (ours - stock).abs().max() < 1e-3 * stock.abs().max()


@torch.no_grad()
def test_each_frame_has_its_own_cameras_embedding_and_latent(tiny_svd: Path, tiny_task: Task) -> None:
    model, _ = load_svd(tiny_svd, tiny_task)
    photos = _photos(4)
    conditions = model.pictures.conditions(photos, range(FRAMES))
    alone = [model.pictures.conditions(photos[:, [view, view]], range(FRAMES)) for view in (0, 1)]
    assert not torch.allclose(alone[0].context, alone[1].context, atol=1e-4)
    contexts: list[Any] = []
    for block in (m for m in model.unet.modules() if isinstance(m, BasicTransformerBlock)):
        block.register_forward_pre_hook(
            lambda _, args, kwargs: contexts.append(kwargs["encoder_hidden_states"]), with_kwargs=True
        )
    model.denoise(torch.zeros(1, FRAMES, 4, 8, 16), torch.tensor([1.0]), conditions)
    assert contexts
    for frame, view in enumerate(FRAME_VIEWS):
        assert torch.allclose(conditions.channels[:, frame], alone[view].channels[:, frame], atol=1e-6)
        for context in contexts:
            assert torch.allclose(context[frame], alone[view].context[0, frame], atol=1e-6)


@torch.no_grad()
def test_views_are_decoded_apart_and_in_chunks(tiny_svd: Path, tiny_task: Task) -> None:
    model, _ = load_svd(tiny_svd, tiny_task)
    photos = torch.zeros(1, 2, 3, 32, 64)
    latents = torch.randn(1, FRAMES, 4, 8, 16, generator=torch.Generator().manual_seed(3))
    model.pictures.decode_chunk = 5
    lengths = []
    model.pictures.vae.decoder.register_forward_pre_hook(lambda _, args: lengths.append(len(args[0])))
    before = model.pictures.decode(latents, photos, range(FRAMES))
    assert lengths == [5, 5, 3, 5, 5, 2]
    latents[:, 13:] += 1
    after = model.pictures.decode(latents, photos, range(FRAMES))
    assert torch.equal(before[:, :13], after[:, :13])
    assert not torch.allclose(before[:, 13:], after[:, 13:])


def test_it_dreams_the_same_from_a_seed(tiny_svd: Path, tiny_task: Task) -> None:
    generator = load_generator("svd", tiny_task, tiny_svd)
    dreams = [generator.dreams(PHOTO, PHOTO[::-1], load_rig("paper"), seed)[0].video.frames() for seed in (3, 3, 4)]
    assert dreams[0].shape == (25, 32, 64, 3)
    assert np.array_equal(dreams[0], dreams[1])
    assert not np.array_equal(dreams[0], dreams[2])


@torch.no_grad()
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_half_precision_comes_close(changed: Path, tiny_task: Task, name: str) -> None:
    exact, _ = load_svd(changed, tiny_task)
    (changed / "model.json").write_text(json.dumps({"dtype": name}))
    model, _ = load_svd(changed, tiny_task)
    assert {p.dtype for p in model.unet.parameters()} == {getattr(torch, name)}
    assert model.pictures.vae.dtype == (torch.float32 if name == "float16" else torch.bfloat16)
    noisy = torch.randn(1, FRAMES, 4, 8, 16, generator=torch.Generator().manual_seed(2))
    outputs = [
        m.denoise(noisy, torch.tensor([1.0]), m.pictures.conditions(_photos(1), range(FRAMES))) for m in (exact, model)
    ]
    assert 0 < (outputs[0] - outputs[1]).abs().max() < 0.15


def test_half_precision_files_are_found(changed: Path, tiny_task: Task) -> None:
    for path in changed.glob("*/*.safetensors"):
        path.rename(path.with_name(path.name.replace(".safetensors", ".fp16.safetensors")))
    assert load_svd(changed, tiny_task)[0].multiple == 2


def test_networks_take_turns_on_the_device(tiny_svd: Path, tiny_task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    model, _ = load_svd(tiny_svd, tiny_task)
    networks = {"clip": model.pictures.image_encoder, "vae": model.pictures.vae, "unet": model.unet}
    on_device: set[str] = set()
    most = 0
    for name, network in networks.items():

        def move(device: Any, name: str = name) -> None:
            nonlocal most
            (on_device.discard if device == "cpu" else on_device.add)(name)
            most = max(most, len(on_device))

        monkeypatch.setattr(network, "to", move)
    take_turns(list(networks.values()), torch.device("meta"))
    with torch.no_grad():
        conditions = model.pictures.conditions(_photos(1), range(FRAMES))
        assert on_device == {"vae"} or on_device == {"clip"}
        latents = model.denoise(torch.zeros(1, FRAMES, 4, 8, 16), torch.tensor([1.0]), conditions)
        assert on_device == {"unet"}
        model.pictures.decode(latents, _photos(1), range(FRAMES))
    assert on_device == {"vae"}
    assert most == 1


def test_text_takes_the_place_of_the_embedding(changed: Path, tiny_task: Task) -> None:
    shutil.rmtree(changed / "image_encoder")
    (changed / "model.json").write_text(json.dumps({"conditioning": "text", "guidance": 2.0}))
    with pytest.raises(DreamitateError, match=r"text_embedding\.safetensors"):
        load_svd(changed, tiny_task)
    text = torch.randn(7, 32, generator=torch.Generator().manual_seed(0))
    save_file({"embedding": text}, changed / "text_embedding.safetensors")
    model, _ = load_svd(changed, tiny_task)
    conditions = model.pictures.conditions(_photos(1), range(FRAMES))
    assert torch.equal(conditions.context, text.expand(1, FRAMES, 7, 32))
    assert not torch.equal(conditions.channels[:, 0], conditions.channels[:, 13])
    dream = load_generator("svd", tiny_task, changed).dreams(PHOTO, PHOTO[::-1], load_rig("paper"), 3)[0]
    assert dream.video.view_2.shape == (12, 32, 64, 3)


def test_settings_that_do_not_exist_are_refused(changed: Path, tiny_task: Task) -> None:
    for settings, known in (({"dtype": "int4"}, "bfloat16"), ({"conditioning": "audio"}, "image, text")):
        (changed / "model.json").write_text(json.dumps(settings))
        with pytest.raises(DreamitateError, match=known):
            load_svd(changed, tiny_task)


def test_a_folder_that_is_not_whole_is_named(tmp_path: Path, task: Task) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(DreamitateError, match="unet/, vae/ and image_encoder/"):
        load_generator("svd", task, tmp_path)


def test_a_hub_id_offline_names_where_it_was_looked_for(
    task: Task, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DreamitateError, match=rf"no folder {tmp_path}/nobody/nothing.*cache .*hub.*offline"):
        load_generator("svd", task, Path("nobody/nothing"))
