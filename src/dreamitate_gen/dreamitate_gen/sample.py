"""Sampling: from noise to latents in a few steps."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from dreamitate_core.progress import Progress, quiet

from .stereo_model import StereoModel


@torch.no_grad()
def sample(
    model: StereoModel,
    photos: Tensor,
    frames: Sequence[int],
    sigmas: Sequence[float],
    generator: torch.Generator,
    progress: Progress = quiet,
) -> Tensor:
    """Return clean latents (B, F, C, h, w) given photos (B, 2, 3, H, W) in 0..1, by Euler steps over falling sigmas.

    The noise is drawn on the CPU, so that a seed gives the same dream on every device.
    """
    conditions = model.pictures.conditions(photos, frames)
    shape = (len(photos), len(frames), model.pictures.latents, *conditions.channels.shape[-2:])
    noisy = torch.randn(shape, generator=generator).to(photos.device, photos.dtype) * sigmas[0]
    for step, (sigma, following) in enumerate(itertools.pairwise(sigmas)):
        progress("dreaming", step / (len(sigmas) - 1))
        clean = model.denoise(noisy, torch.full((len(photos),), sigma, device=photos.device), conditions)
        noisy = clean + (following / sigma) * (noisy - clean)
    progress("dreaming", 1.0)
    return noisy
