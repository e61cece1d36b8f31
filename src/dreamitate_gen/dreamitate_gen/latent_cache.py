"""What SVD's frozen networks make of each training clip, computed once and kept on disk.

One file per clip, `<clip>.safetensors`, float16: `video` (25, C, h, w), camera 1's 13 frames and camera 2's 12;
`embeddings` (2, L, D) of both photos; `photos` (K, 2, C, h, w), their latents under K strengths of noise, `strengths`
(K,). The noise is added to the pixels before they are encoded, as in SVD's own training.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreamitate_core.clip import Clip, clip_folders, read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet

from .stereo_unet import FRAMES
from .svd_pictures import SvdPictures

AUGMENTATION_MEAN, AUGMENTATION_STD = -3.0, 0.5
"""Of the logarithm of the noise's strength on the photos (SVD's report 2023)."""


def find_clips(data: Path) -> list[Path]:
    """Return the clip folders in `data`, sorted. Raises DreamitateError where there are none."""
    folders = clip_folders(data)
    if not folders:
        raise DreamitateError(f"{data} holds no clip folders. Record some, or make some with `dreamitate demonstrate`.")
    return folders


def read_training_clip(folder: Path, task: str, size: tuple[int, int] | None, multiple: int) -> Clip:
    """Return a clip that can be trained on.

    size: width and height that it must have; multiple: of pixels, that its sides must be. Raises DreamitateError that
    names the clip's folder or file: a view is missing, a file broken, the length, the size or the task wrong.
    """
    try:
        clip = read_clip(folder)
    except DreamitateError as error:
        raise DreamitateError(str(error) if str(folder) in str(error) else f"{folder}: {error}") from None
    width, height = clip.video.width, clip.video.height
    if size is not None and (width, height) != size:
        raise DreamitateError(f"{folder} is {width}x{height}, the clips before it {size[0]}x{size[1]}.")
    if width % multiple or height % multiple:
        raise DreamitateError(f"{folder} is {width}x{height}; both must be multiples of {multiple}.")
    if clip.info.get("task", task) != task:
        raise DreamitateError(f"{folder} shows the task {clip.info['task']!r}, but {task!r} is to be trained.")
    return clip


class LatentCache:
    """The files of `folder`, which `fill` makes."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self.names = Path(folder), list(names)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> dict[str, Tensor]:
        """Return one clip's tensors, float32."""
        return {name: value.float() for name, value in load_file(self._path(self.names[index])).items()}

    def prepare(self, settings: dict[str, Any]) -> None:
        """Empty the cache where it was made with other settings: what identifies the encoders, seed, augmentations."""
        made_with = self.folder / "cache.json"
        if not made_with.is_file() or json.loads(made_with.read_text()) != settings:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
            made_with.write_text(json.dumps(settings) + "\n")

    def fill(
        self,
        pictures: SvdPictures,
        clips: Sequence[Path],
        task: str,
        augmentation: tuple[int, int],
        share: tuple[int, int],
        device: torch.device,
        progress: Progress = quiet,
    ) -> tuple[int, int]:
        """Check every clip and encode those that are not yet here or have changed; return the clips' width and height.

        augmentation: how many strengths of noise, and the seed; share: this process's number and how many there are.
        """
        multiple = 2 ** (len(pictures.vae.config.block_out_channels) - 1)
        size: tuple[int, int] | None = None
        for index, folder in enumerate(clips):
            progress("checking and encoding clips", index / len(clips))
            path = self._path(folder.name)
            todo = index % share[1] == share[0] and not (path.is_file() and path.stat().st_mtime >= _changed(folder))
            if size is not None and not todo:
                continue
            clip = read_training_clip(folder, task, size, multiple)
            size = clip.video.width, clip.video.height
            if todo:
                random = torch.Generator().manual_seed(augmentation[1] * 1_000_003 + index)
                tensors = _encoded(pictures, clip, augmentation[0], random, device)
                save_file(tensors, path.with_suffix(".partial"))
                path.with_suffix(".partial").rename(path)
        progress("checking and encoding clips", 1.0)
        assert size is not None
        return size

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


@torch.no_grad()
def _encoded(
    pictures: SvdPictures, clip: Clip, augmentations: int, random: torch.Generator, device: torch.device
) -> dict[str, Tensor]:
    video = _to_tensor(clip.video.frames()).to(device)
    photos = _to_tensor(np.stack([clip.background_1, clip.background_2])).to(device)
    strengths = torch.exp(AUGMENTATION_MEAN + AUGMENTATION_STD * torch.randn(augmentations, generator=random))
    noised = [pictures.photo_latents(photos, strength[None], random)[0] for strength in strengths]
    tensors = {
        "video": pictures.encode(video, photos, range(FRAMES))[0],
        "embeddings": pictures.embeddings(photos)[0],
        "photos": torch.stack(noised),
        "strengths": strengths,
    }
    return {name: value.to("cpu", torch.float16).contiguous() for name, value in tensors.items()}


def _to_tensor(images: Any) -> Tensor:
    """Return images (N, H, W, 3) as (1, N, 3, H, W) in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)[None].float() / 255


def _changed(folder: Path) -> float:
    """Return when anything in a clip folder changed last."""
    return max(path.stat().st_mtime for path in folder.rglob("*"))
