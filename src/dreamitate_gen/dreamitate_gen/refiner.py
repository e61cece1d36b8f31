"""The small model's finishing network: it sharpens the tool in decoded frames.

The patch codec cuts pictures into large patches, within which the UNet must learn every position anew. This small
convolutional network works alike everywhere, so it learns from far fewer clips what the tool's edges look like. It sees
the decoded frame, the photo, and where the image encoder expects the tools' points.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

POINT_SPREAD_PX = 3.0


class Refiner(nn.Module):
    """Frames (N, 3, H, W) in 0..1, their photos, and points (N, P, 2) in pixels -> frames; H and W multiples of 8."""

    def __init__(self, width: int = 32, points: int = 3) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"width": width, "points": points}
        double, triple = 2 * width, 3 * width
        self.fine = nn.Sequential(nn.Conv2d((3 + 3 + points) * 4, width, 3, 1, 1), _Residual(width))
        self.middle = nn.Sequential(nn.Conv2d(width, double, 3, 2, 1), _Residual(double), _Residual(double))
        self.coarse = nn.Sequential(nn.Conv2d(double, triple, 3, 2, 1), _Residual(triple), _Residual(triple))
        self.to_middle = nn.Conv2d(triple, double, 1)
        self.mix_middle = nn.Sequential(_Residual(double), _Residual(double))
        self.to_fine = nn.Conv2d(double, width, 1)
        self.mix_fine = nn.Sequential(_Residual(width), _Residual(width))
        self.out = nn.Conv2d(width, 3 * 4, 3, 1, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, frames: Tensor, photos: Tensor, points: Tensor) -> Tensor:
        """Return the refined frames (N, 3, H, W), not clamped."""
        spots = soft_spots(points, frames.shape[-2], frames.shape[-1], POINT_SPREAD_PX)
        joined = torch.cat([frames * 2 - 0.5, photos * 2 - 0.5, spots], 1)
        half = self.fine(functional.pixel_unshuffle(joined, 2))
        quarter = self.middle(half)
        eighth = self.coarse(quarter)
        quarter = self.mix_middle(quarter + functional.interpolate(self.to_middle(eighth), scale_factor=2.0))
        half = self.mix_fine(half + functional.interpolate(self.to_fine(quarter), scale_factor=2.0))
        change: Tensor = functional.pixel_shuffle(self.out(half), 2)
        return frames + change.to(frames.dtype)


class _Residual(nn.Module):
    """Without normalisation, so that a part of a picture is refined as the whole is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(x))))


def soft_spots(points: Tensor, height: int, width: int, spread_px: float) -> Tensor:
    """Return a soft spot (N, P, H, W), at most 1, around each point (N, P, 2) in pixels."""
    x = torch.arange(width, device=points.device) - points[..., :1]
    y = torch.arange(height, device=points.device) - points[..., 1:]
    scale = -0.5 / spread_px**2
    return torch.exp(scale * y.square())[..., :, None] * torch.exp(scale * x.square())[..., None, :]
