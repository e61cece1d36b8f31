"""Stable Video Diffusion itself, from a directory in diffusers' layout."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection

from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.task import Task

from .stereo_model import StereoModel
from .svd_pictures import SvdPictures

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
CONDITIONINGS = ("image", "text")
TEXT = "text_embedding.safetensors"
"""Beside `model_index.json`, for conditioning "text": one tensor `embedding` (tokens, channels)."""


def load_svd(folder: Path, task: Task) -> tuple[StereoModel, dict[str, Any]]:
    """Return SVD's networks on the CPU, and settings: the task's `generator` section, then the folder's `model.json`.

    Raises DreamitateError where the folder is not whole or a setting is unknown.
    """
    folder = Path(folder)
    settings = {**task.section("generator"), **_own_settings(folder)}
    dtype = _dtype(str(settings.get("dtype", "auto")))
    conditioning = settings.get("conditioning", "image")
    if conditioning not in CONDITIONINGS:
        raise unknown("conditioning", str(conditioning), list(CONDITIONINGS))
    try:
        unet = _network(UNetSpatioTemporalConditionModel, folder / "unet", dtype)
        vae = _network(AutoencoderKLTemporalDecoder, folder / "vae", dtype)
        if conditioning == "text":
            clip, text = None, load_file(folder / TEXT)["embedding"].to(dtype)
        else:
            clip, text = _network(CLIPVisionModelWithProjection, folder / "image_encoder", dtype), None
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        first = str(error).splitlines()[0]
        last = f"{TEXT} with a tensor `embedding`" if conditioning == "text" else "image_encoder/"
        raise DreamitateError(
            f"{folder.resolve()} is not a whole SVD in diffusers' layout: {first}"
            f" It needs unet/, vae/ and {last} with safetensors weights."
        ) from None
    if dtype == torch.float16 and vae.config.get("force_upcast", True):
        vae = vae.float()  # in half precision its activations overflow
    pictures = SvdPictures(
        vae,
        clip,
        float(settings["fps_id"]),
        float(settings["motion_score"]),
        float(settings.get("noise_augmentation", 0.02)),
        int(settings.get("decode_chunk", 13)),
        text,
    )
    model = StereoModel(pictures, unet, "v_prediction", int(settings["width"]), int(settings["height"]))
    sampling = {"schedule": "karras", "steps": int(settings["steps"]), "sigma_min": 0.002, "sigma_max": 700.0}
    return model.eval(), {**settings, "kind": "svd", "sampling": sampling, "conditioning": conditioning}


def _network(kind: Any, folder: Path, dtype: torch.dtype) -> Any:
    """Load one network; half-precision files (`*.fp16.safetensors`) are taken where there are no others."""
    names = [path.name for path in folder.glob("*.safetensors*")]
    variant = "fp16" if names and all(".fp16." in name for name in names) else None
    options: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "variant": variant}
    options["dtype" if kind is CLIPVisionModelWithProjection else "torch_dtype"] = dtype
    return kind.from_pretrained(folder, **options)


def _own_settings(folder: Path) -> dict[str, Any]:
    path = folder / "model.json"
    if not path.is_file():
        return {}
    try:
        settings: dict[str, Any] = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DreamitateError(f"{path} is not JSON: {error}.") from None
    return settings


def _dtype(name: str) -> torch.dtype:
    """Return a precision by name; `auto`: bfloat16 on an accelerator that has it, float32 elsewhere."""
    if name == "auto":
        return torch.bfloat16 if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32
    if name not in DTYPES:
        raise unknown("dtype", name, ["auto", *DTYPES])
    return DTYPES[name]
