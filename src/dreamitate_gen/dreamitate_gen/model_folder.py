"""A model directory: the UNet in diffusers' layout, the picture networks, `model.json` and a card. Safetensors only."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .image_encoder import ImageEncoder
from .model_source import local_folder
from .patch_codec import PatchCodec
from .refiner import Refiner
from .short_attention import ShortAttention
from .small_pictures import SmallPictures
from .stereo_model import StereoModel

WEIGHTS = "model.safetensors"
UNET_WEIGHTS = "diffusion_pytorch_model.safetensors"


def save_small(folder: Path, model: StereoModel, info: dict[str, Any], dtype: torch.dtype = torch.float16) -> None:
    """Write a small model's directory. info: joins `model.json` (task, sampling, what made it)."""
    folder = Path(folder)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "unet").mkdir(exist_ok=True)
    model.unet.save_config(folder / "unet")
    _save(model.unet.state_dict(), folder / "unet" / UNET_WEIGHTS, dtype)
    _save(model.pictures.state_dict(), folder / "pictures" / WEIGHTS, dtype)
    settings = {
        **info,
        "kind": "small",
        "prediction": model.prediction,
        "width": model.width,
        "height": model.height,
        "fps_id": model.pictures.fps_id,
        "motion_score": model.pictures.motion_score,
        "pictures": model.pictures.config,
    }
    (folder / "model.json").write_text(json.dumps(settings, indent=1) + "\n")


def read_settings(folder: Path) -> dict[str, Any]:
    """Return `model.json`. Raises DreamitateError that names the folder and the command that makes it."""
    path = Path(folder) / "model.json"
    if not path.is_file():
        raise DreamitateError(
            f"No model in {Path(folder).resolve()} (no model.json)."
            f" Train one with `make train-small TASK={Path(folder).name}`, or name another folder."
        )
    try:
        settings: dict[str, Any] = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DreamitateError(f"{path} is not JSON: {error}.") from None
    return settings


def load_model(folder: Path, task: Task) -> tuple[StereoModel, dict[str, Any]]:
    """Return the model in a folder, in float32 on the CPU, and its settings: a small one, or SVD in diffusers' layout.

    folder: may be a hub id. Raises DreamitateError where the model is missing or not whole.
    """
    folder = local_folder(Path(folder))
    if (Path(folder) / "model_index.json").is_file():
        from .svd_folder import load_svd  # imports transformers, which takes seconds

        return load_svd(folder, task)
    return load_small(folder)


def load_small(folder: Path) -> tuple[StereoModel, dict[str, Any]]:
    """Return a small model in float32 on the CPU, ready to dream, and its `model.json`."""
    folder = Path(folder)
    settings = read_settings(folder)
    try:
        unet: Any = UNetSpatioTemporalConditionModel.from_config(json.loads((folder / "unet/config.json").read_text()))
        unet.set_attn_processor(ShortAttention())
        pictures = SmallPictures(
            PatchCodec(**settings["pictures"]["codec"]),
            ImageEncoder(**settings["pictures"]["image_encoder"]),
            settings["fps_id"],
            settings["motion_score"],
        )
        if "refiner" in settings["pictures"]:
            pictures.refiner = Refiner(**settings["pictures"]["refiner"])
        unet.load_state_dict(load_file(folder / "unet" / UNET_WEIGHTS))
        pictures.load_state_dict(load_file(folder / "pictures" / WEIGHTS))
    except (FileNotFoundError, SafetensorError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise DreamitateError(f"The model in {folder.resolve()} is not whole: {first}. Train it again.") from None
    model = StereoModel(pictures, unet, settings["prediction"], settings["width"], settings["height"])
    return model.float().eval(), settings


def _save(state: dict[str, torch.Tensor], path: Path, dtype: torch.dtype) -> None:
    save_file({name: tensor.detach().to(dtype).contiguous() for name, tensor in state.items()}, path)
