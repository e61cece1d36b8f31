"""Stable Video Diffusion itself, tiny and random, through the same code as the small model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task
from dreamitate_gen.registry import load_generator
from dreamitate_gen.stereo_unet import FRAMES
from dreamitate_gen.svd_folder import load_svd


@pytest.fixture(scope="module")
def svd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("svd")
    torch.manual_seed(0)
    UNetSpatioTemporalConditionModel(
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        block_out_channels=(32, 32),
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=96,
        layers_per_block=1,
        cross_attention_dim=32,
        num_attention_heads=2,
    ).save_pretrained(folder / "unet")  # type: ignore[attr-defined]
    AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",), block_out_channels=(32,), layers_per_block=1, latent_channels=4
    ).save_pretrained(folder / "vae")  # type: ignore[attr-defined]
    vision = CLIPVisionConfig(
        hidden_size=32,
        projection_dim=32,
        intermediate_size=37,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
    )
    CLIPVisionModelWithProjection(vision).save_pretrained(folder / "image_encoder")
    (folder / "model_index.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def tiny_task(task: Task) -> Task:
    return replace(
        task,
        settings={**task.settings, "generator": {**task.section("generator"), "width": 32, "height": 16, "steps": 2}},
    )


@torch.no_grad()
def test_equal_photos_give_what_stock_gives(svd_folder: Path, tiny_task: Task) -> None:
    model, _ = load_svd(svd_folder, tiny_task)
    photo = torch.rand(1, 1, 3, 16, 32, generator=torch.Generator().manual_seed(1)).expand(1, 2, 3, 16, 32)
    conditions = model.pictures.conditions(photo, range(FRAMES))
    assert torch.equal(conditions.time_ids, torch.tensor([[5.0, 200.0, 0.0]]))
    noisy = torch.randn(1, FRAMES, 4, 16, 32, generator=torch.Generator().manual_seed(2))
    sigma = torch.tensor([2.0])
    ours = model.denoise(noisy, sigma, conditions)
    stock = UNetSpatioTemporalConditionModel.from_pretrained(svd_folder / "unet").eval()
    joined = torch.cat([noisy / 5.0**0.5, conditions.channels], 2)
    output = stock(joined, 0.25 * sigma.log(), conditions.context[:, :1], conditions.time_ids).sample
    assert (ours - (noisy / 5.0 - output * 2.0 / 5.0**0.5)).abs().max() < 2e-5


@torch.no_grad()
def test_views_are_decoded_apart(svd_folder: Path, tiny_task: Task) -> None:
    model, _ = load_svd(svd_folder, tiny_task)
    photos = torch.zeros(1, 2, 3, 16, 32)
    latents = torch.randn(1, FRAMES, 4, 16, 32, generator=torch.Generator().manual_seed(3))
    before = model.pictures.decode(latents, photos, range(FRAMES))
    latents[:, 13:] += 1
    after = model.pictures.decode(latents, photos, range(FRAMES))
    assert torch.equal(before[:, :13], after[:, :13])
    assert not torch.allclose(before[:, 13:], after[:, 13:])


def test_it_dreams(svd_folder: Path, tiny_task: Task) -> None:
    photo = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    dream = load_generator("svd", tiny_task, svd_folder).dream(photo, photo[::-1], load_rig("paper"), 3)
    assert dream.video.view_1.shape == (13, 16, 32, 3)


def test_a_folder_that_is_not_whole_is_named(tmp_path: Path, task: Task) -> None:
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(DreamitateError, match="unet/, vae/ and image_encoder/"):
        load_generator("svd", task, tmp_path)
