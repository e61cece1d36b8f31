"""A model directory: `model.json`, the UNet with diffusers' configuration, the picture networks. Safetensors only.

A small model's larger weights are kept as int8 with one scale per output channel, a quarter of float32's size.
"""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .image_encoder import ImageEncoder
from .model_source import local_folder
from .patch_codec import PatchCodec
from .picture_size import size_of
from .refiner import Refiner
from .short_attention import ShortAttention
from .small_pictures import SmallPictures
from .stereo_model import StereoModel

WEIGHTS = "model.safetensors"
UNET_WEIGHTS = "diffusion_pytorch_model.safetensors"
SCALE = ":scale"
"""What the name of a tensor of scales ends in."""
LARGE = 4096
"""Numbers in a tensor from which on it is kept as int8."""


def save_small(folder: Path, model: StereoModel, info: dict[str, Any]) -> None:
    """Write a small model's directory. info: joins `model.json` (task, sampling, what made it)."""
    folder = Path(folder)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "unet").mkdir(exist_ok=True)
    model.unet.save_config(folder / "unet")
    save_file(packed_weights(model.unet.state_dict()), folder / "unet" / UNET_WEIGHTS)
    save_file(packed_weights(model.pictures.state_dict()), folder / "pictures" / WEIGHTS)
    settings = {
        **info,
        "kind": "small",
        "prediction": model.prediction,
        "width": model.width,
        "height": model.height,
        "region": model.region,
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
        if "closer" in settings["pictures"]:
            pictures.closer = ImageEncoder(**settings["pictures"]["closer"])
            pictures.closer_size = size_of(settings["pictures"]["closer_size"], f"closer_size in {folder}/model.json")
        unet.load_state_dict(unpacked_weights(load_file(folder / "unet" / UNET_WEIGHTS)))
        pictures.load_state_dict(unpacked_weights(load_file(folder / "pictures" / WEIGHTS)))
    except (FileNotFoundError, SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DreamitateError(f"The model in {folder.resolve()} is not whole: {first}. Train it again.") from None
    size = settings["width"], settings["height"], float(settings.get("region", 1.0))
    model = StereoModel(pictures, unet, settings["prediction"], *size)
    return model.float().eval(), settings


def packed_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return large tensors as int8 and their scales (C, 1, ...), one per first index, all others as float16."""
    packed = {}
    for name, tensor in state.items():
        tensor = tensor.detach().cpu().float()
        if tensor.ndim < 2 or tensor.numel() < LARGE:
            packed[name] = tensor.half().contiguous()
            continue
        largest = tensor.abs().flatten(1).amax(1).clamp(min=1e-4).view(-1, *[1] * (tensor.ndim - 1))
        scale = (largest / 127).half()
        packed[name] = (tensor / scale.float()).round().clamp(-127, 127).to(torch.int8).contiguous()
        packed[name + SCALE] = scale
    return packed


def unpacked_weights(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of `packed_weights`, or of a file of float16, in float32."""
    tensors = {name: tensor for name, tensor in packed.items() if not name.endswith(SCALE)}
    scales = {name: packed[name + SCALE].float() for name in tensors if name + SCALE in packed}
    return {name: tensor.float() * scales.get(name, 1.0) for name, tensor in tensors.items()}
