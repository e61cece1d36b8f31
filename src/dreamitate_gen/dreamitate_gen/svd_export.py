"""The model directory of a fine-tuned SVD: diffusers' layout, `model.json` and a card."""

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from dreamitate_core.task import Task

from .stereo_model import StereoModel
from .trained_set import plain_state

COPIED = ("vae", "image_encoder", "scheduler", "feature_extractor", "model_index.json", "text_embedding.safetensors")
KEPT_SETTINGS = ("conditioning", "guidance", "noise_augmentation")


def export_svd(
    folder: Path,
    base: Path,
    unet: Any,
    trained: dict[str, nn.Parameter],
    average: nn.ParameterDict | None,
    model: StereoModel,
    task: Task,
    facts: dict[str, Any],
) -> None:
    """Write a directory that diffusers and `--model` load; the average's weights where there is one; float16.

    facts: what the training was and gave; they go into `model.json` and the card.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "unet").mkdir(parents=True)
    for name in COPIED:
        if (base / name).is_dir():
            shutil.copytree(base / name, partial / name)
        elif (base / name).is_file():
            shutil.copy2(base / name, partial / name)
    unet.save_config(partial / "unet")
    save_file(_state(unet, trained, average), partial / "unet" / "diffusion_pytorch_model.safetensors")
    section = task.section("generator")
    settings = {
        "kind": "svd",
        "task": task.name,
        "width": model.width,
        "height": model.height,
        "fps_id": model.pictures.fps_id,
        "motion_score": model.pictures.motion_score,
        **{name: section[name] for name in KEPT_SETTINGS if name in section},
        **facts,
    }
    (partial / "model.json").write_text(json.dumps(settings, indent=1) + "\n")
    (partial / "README.md").write_text(card(task, settings, base.name))
    if folder.exists():
        shutil.rmtree(folder)
    partial.rename(folder)


@torch.no_grad()
def _state(unet: Any, trained: dict[str, nn.Parameter], average: nn.ParameterDict | None) -> dict[str, Tensor]:
    own = {name: value.detach().clone() for name, value in trained.items()} if average is not None else {}
    for name in own:
        trained[name].copy_(average[name.replace(".", "/")])  # type: ignore[index]
    state = {name: value.detach().to("cpu", torch.float16).contiguous() for name, value in plain_state(unet).items()}
    for name, value in own.items():
        trained[name].copy_(value)
    return state


def card(task: Task, settings: dict[str, Any], base: str) -> str:
    """Return the model's card, in Markdown."""
    training = settings["training"]
    rows = {
        "Base": base,
        "Data": f"{settings['clips']} clips of {settings['width']}x{settings['height']} in `{settings['data']}`",
        "Trained": f"`{training['trainable']}`, {settings['trained_parameters']:,} parameters",
        "Steps": f"{settings['steps']} of {training['batch']} clips, learning rate {training['learning_rate']:g}",
        "Seed": training["seed"],
        "Code": f"git revision {settings['git_revision']}",
        "Loss, mean of the last 100 steps": f"{settings['loss_last_100_steps']:.5g}",
        "Made": datetime.now(timezone.utc).date().isoformat(),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return (
        f"# Stable Video Diffusion, fine-tuned for {task.name}\n\n"
        "Two photos of a scene to 25 frames: 13 of camera 1, 12 of camera 2, each frame conditioned on the embedding\n"
        "and the latent of its own camera's photo. Settings: `model.json`. How well it does the task is not in here;\n"
        f"`dreamitate bench tasks --task {task.name} --model` and this folder measure it.\n\n"
        f"| | |\n|---|---|\n{table}\n"
    )
