"""What a denoiser is told beside the noisy latents."""

from dataclasses import dataclass

from torch import Tensor

from .places import Places


@dataclass
class Conditions:
    """context: (B, F, L, D), L tokens that each frame attends to: the embedding of its own camera's photo (L = 1), or
    a text's; channels: (B, F, C, h, w), joined to the noisy latents; time_ids: (B, 3) fps, motion score, noise on the
    photo. Of the small model only: points: pixels (B, 2, 12, P, 2) where the tools are to be drawn; places: the image
    encoder's likely places.
    """

    context: Tensor
    channels: Tensor
    time_ids: Tensor
    points: Tensor | None = None
    places: Places | None = None
