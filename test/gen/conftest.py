"""Small clip folders with the real brush, drawn without a simulator, and a tiny random Stable Video Diffusion."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLTemporalDecoder,
    EulerDiscreteScheduler,
    StableVideoDiffusionPipeline,
    UNetSpatioTemporalConditionModel,
)
from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.video import STEPS, StereoVideo

WIDTH, HEIGHT = 64, 32


@pytest.fixture(scope="session")
def task() -> Task:
    """Sweeping, with a model that sees pictures of the small rig's size."""
    task = load_task("sweeping")
    return replace(task, settings={**task.settings, "small_model": {"width": WIDTH, "height": HEIGHT, "region": 1.0}})


@pytest.fixture(scope="session")
def small_rig() -> StereoRig:
    return load_rig("paper").cropped_and_resized(WIDTH, HEIGHT)


@pytest.fixture(scope="session")
def draw(small_rig: StereoRig) -> Callable[..., Clip]:
    """Return a maker of clips, see `drawn_clip`; by default at the small rig's size."""

    def make(seed: int, rig: StereoRig = small_rig, with_truth: bool = True) -> Clip:
        return drawn_clip(seed, rig, with_truth)

    return make


def drawn_clip(seed: int, rig: StereoRig, with_truth: bool) -> Clip:
    """Return a brush-sized bright disc that crosses a noisy table, with its true poses."""
    random = np.random.default_rng(seed)
    tool = load_tool("brush")
    width, height = rig.camera_1.width, rig.camera_1.height
    begin, end = random.uniform(-0.15, 0.15, (2, 2))
    poses = np.tile(np.eye(4), (STEPS, 1, 1))
    poses[:, :2, 3] = begin + (end - begin) * np.linspace(0, 1, STEPS)[:, None]
    assert rig.transform_reference_to_table is not None
    truth = se3.inverse(rig.transform_reference_to_table) @ poses
    backgrounds = random.integers(0, 60, (2, height, width, 3), dtype=np.uint8)
    views = []
    for background, camera in zip(backgrounds, rig.cameras, strict=True):
        view = [background]
        for pose in truth:
            x, y = camera.project(pose[:3, 3])[0]
            view.append(cv2.circle(background.copy(), (round(x), round(y)), 4, (200, 40, 180), -1))
        views.append(np.stack(view))
    video = StereoVideo(views[0], views[1][1:], 4.0)
    info = {"task": "sweeping", "seed": seed}
    return Clip(video, backgrounds[0], backgrounds[1], rig, [tool], info, {"brush": truth} if with_truth else None)


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory, small_rig: StereoRig) -> Callable[[int], Path]:
    """Return a maker of folders that hold so many clips; each call gives a folder of its own."""

    def make(count: int) -> Path:
        folder = tmp_path_factory.mktemp("clips")
        for seed in range(count):
            write_clip(folder / f"sweeping-{seed:06d}", drawn_clip(seed, small_rig, with_truth=True))
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_svd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny random SVD, as diffusers' own pipeline saves it."""
    torch.manual_seed(0)
    unet = UNetSpatioTemporalConditionModel(
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
        num_frames=25,
    )
    vae = AutoencoderKLTemporalDecoder(
        down_block_types=("DownEncoderBlock2D",) * 3,
        block_out_channels=(32, 32, 32),
        layers_per_block=1,
        latent_channels=4,
    )
    vision = CLIPVisionConfig(
        hidden_size=32,
        projection_dim=32,
        intermediate_size=37,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=224,
        patch_size=56,
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        interpolation_type="linear",
        num_train_timesteps=1000,
        prediction_type="v_prediction",
        sigma_max=700.0,
        sigma_min=0.002,
        steps_offset=1,
        timestep_spacing="leading",
        timestep_type="continuous",
        use_karras_sigmas=True,
    )
    clip = CLIPVisionModelWithProjection(vision).eval()
    processor = CLIPImageProcessor(crop_size=224, size=224)
    folder = tmp_path_factory.mktemp("svd")
    pipeline = StableVideoDiffusionPipeline(vae, clip, unet, scheduler, processor)
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_task(task: Task) -> Task:
    """Return the task at 64x32, with two sampling steps."""
    small = {"width": WIDTH, "height": HEIGHT, "steps": 2}
    return replace(task, settings={**task.settings, "generator": {**task.section("generator"), **small}})
