"""What a denoiser is told beside the noisy latents."""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Conditions:
    """context: (B, F, L, D), L tokens that each frame attends to: the embedding of its own camera's photo (L = 1), or
    a text's; channels: (B, F, C, h, w), joined to the noisy latents; time_ids: (B, 3) fps, motion score, noise on the
    photo; places: (B, 2, 12, 3, h', w') logits of the tool's likely places, where the picture model makes them.
    """

    context: Tensor
    channels: Tensor
    time_ids: Tensor
    places: Tensor | None = None
