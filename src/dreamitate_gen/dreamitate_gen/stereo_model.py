"""The stereo video model: a picture model (latents and conditions) and a denoising UNet."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import noise
from .conditions import Conditions
from .stereo_unet import use_context_per_frame


class Pictures(Protocol):
    """How pictures become latents and conditions, and latents pictures (`small_pictures`, `svd_pictures`)."""

    def conditions(self, photos: Tensor, frames: Sequence[int]) -> Conditions: ...

    def encode(self, video: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor: ...

    def decode(self, latents: Tensor, photos: Tensor, frames: Sequence[int], conditions: Conditions) -> Tensor: ...


class StereoModel(nn.Module):
    """A denoiser of stereo videos. prediction: "x0" or "v_prediction" (SVD's own); region: the middle part of the
    photos that it sees, as a share of their width and height."""

    def __init__(self, pictures: Any, unet: Any, prediction: str, width: int, height: int, region: float = 1.0) -> None:
        super().__init__()
        self.pictures, self.unet, self.prediction = pictures, unet, prediction
        self.width, self.height, self.region = width, height, region
        self.multiple = 2 ** (len(unet.config.block_out_channels) - 1)
        use_context_per_frame(unet)

    def denoise(self, noisy: Tensor, sigma: Tensor, conditions: Conditions, guidance: float = 1.0) -> Tensor:
        """Return the estimate of the clean latents of noisy (B, F, C, h, w) at noise levels sigma (B,).

        guidance: over 1, away from what the UNet makes of no context and no photo, at twice the cost.
        """
        output = self._output(noisy, sigma, conditions)
        if guidance > 1.0:
            none = Conditions(
                torch.zeros_like(conditions.context), torch.zeros_like(conditions.channels), conditions.time_ids
            )
            output = guidance * output + (1 - guidance) * self._output(noisy, sigma, none)
        return noise.denoised(self.prediction, output, noisy, sigma.view(-1, 1, 1, 1, 1))

    def _output(self, noisy: Tensor, sigma: Tensor, conditions: Conditions) -> Tensor:
        """Return what the UNet says, in the latents' precision; it computes in its own."""
        dtype = next(self.unet.parameters()).dtype
        scaled = noisy * noise.input_scale(sigma.view(-1, 1, 1, 1, 1))
        joined = torch.cat([scaled, conditions.channels.to(noisy.dtype)], 2)
        output = self.unet(
            _padded(joined, self.multiple).to(dtype),
            noise.noise_condition(sigma),
            conditions.context.to(dtype),
            conditions.time_ids,
        ).sample[..., : noisy.shape[-2], : noisy.shape[-1]]
        return output.to(noisy.dtype)


def _padded(latents: Tensor, multiple: int) -> Tensor:
    """Return the latents with rows and columns of zeros up to what the UNet's levels can halve."""
    rows, columns = -latents.shape[-2] % multiple, -latents.shape[-1] % multiple
    return functional.pad(latents.flatten(0, 1), (0, columns, 0, rows)).unflatten(0, latents.shape[:2])
