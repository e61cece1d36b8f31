"""Stable Video Diffusion itself, from a directory in diffusers' layout."""

from pathlib import Path
from typing import Any

from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
from transformers import CLIPVisionModelWithProjection

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .stereo_model import StereoModel
from .svd_pictures import SvdPictures


def load_svd(folder: Path, task: Task) -> tuple[StereoModel, dict[str, Any]]:
    """Return SVD's networks from a directory in diffusers' layout; the task's `generator` section says the rest."""
    folder, section = Path(folder), task.section("generator")
    kind: dict[str, Any] = {"local_files_only": True, "use_safetensors": True}
    try:
        unet = UNetSpatioTemporalConditionModel.from_pretrained(folder / "unet", **kind)
        vae = AutoencoderKLTemporalDecoder.from_pretrained(folder / "vae", **kind)
        clip = CLIPVisionModelWithProjection.from_pretrained(folder / "image_encoder", **kind)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DreamitateError(
            f"{folder.resolve()} is not a whole SVD in diffusers' layout: {first}"
            " It needs unet/, vae/ and image_encoder/ with safetensors weights."
        ) from None
    pictures = SvdPictures(vae, clip, float(section["fps_id"]), float(section["motion_score"]))
    model = StereoModel(pictures, unet, "v_prediction", int(section["width"]), int(section["height"]))
    sampling = {"schedule": "karras", "steps": int(section["steps"]), "sigma_min": 0.002, "sigma_max": 700.0}
    return model.eval(), {"kind": "svd", "sampling": sampling}
