"""Sampling: from noise to latents in a few steps."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from dreamitate_core.progress import Progress, quiet

from .conditions import Conditions
from .stereo_model import StereoModel


@torch.no_grad()
def sample(
    model: StereoModel,
    conditions: Conditions,
    sigmas: Sequence[float],
    generator: torch.Generator,
    guidance: float = 1.0,
    progress: Progress = quiet,
) -> Tensor:
    """Return clean latents (B, F, C, h, w), float32, by Euler steps over falling sigmas.

    The noise is drawn on the CPU, so that a seed gives the same dream on every device.
    """
    batch, frames, _, height, width = conditions.channels.shape
    shape = (batch, frames, model.pictures.latents, height, width)
    device = conditions.channels.device
    noisy = torch.randn(shape, generator=generator).to(device) * sigmas[0]
    for step, (sigma, following) in enumerate(itertools.pairwise(sigmas)):
        progress("dreaming", step / (len(sigmas) - 1))
        clean = model.denoise(noisy, torch.full((batch,), sigma, device=device), conditions, guidance)
        noisy = clean + (following / sigma) * (noisy - clean)
    progress("dreaming", 1.0)
    return noisy
