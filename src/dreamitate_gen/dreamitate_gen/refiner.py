"""The small model's finishing network: it sharpens the tool in decoded frames.

The patch codec cuts pictures into large patches, within which the UNet must learn every position anew. This small
convolutional network works alike everywhere, so it learns from far fewer clips what the tool's edges look like. It sees
the decoded frame, the photo, where the image encoder expects the tools' points, and where the tools' marks then are;
how a tool is held scales and shifts its layers (FiLM, Perez et al., AAAI 2018).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .dataset import MARKS
from .marks import NEAR_PX, Marks, features_per_tool, middles, pose_features

POINT_SPREAD_PX, MARK_SPREAD_PX = 3.0, 2.0


class Refiner(nn.Module):
    """Frames (N, 3, H, W) in 0..1, H and W multiples of 8 -> the same, sharper.

    tools: how many have marks; 0: a network of `points` alone, as they were before there were marks, the first with 3.
    """

    def __init__(self, width: int = 32, points: int = 3, tools: int = 0) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"width": width, "points": points, "tools": tools}
        self.tools = tools
        double, triple = 2 * width, 3 * width
        seen = 3 + 3 + points + tools * (MARKS + 2)
        self.fine = nn.Sequential(nn.Conv2d(seen * 4, width, 3, 1, 1), _Residual(width))
        self.middle = nn.Sequential(nn.Conv2d(width, double, 3, 2, 1), _Residual(double), _Residual(double))
        self.coarse = nn.Sequential(nn.Conv2d(double, triple, 3, 2, 1), _Residual(triple), _Residual(triple))
        self.to_middle = nn.Conv2d(triple, double, 1)
        self.mix_middle = nn.Sequential(_Residual(double), _Residual(double))
        self.to_fine = nn.Conv2d(double, width, 1)
        self.mix_fine = nn.Sequential(_Residual(width), _Residual(width))
        self.out = nn.Conv2d(width, 3 * 4, 3, 1, 1)
        nn.init.zeros_(self.out.weight)
        self.marks = Marks(tools) if tools else None
        self.pose = _Pose(tools, [block.channels for block in self._blocks]) if tools else None

    @property
    def _blocks(self) -> list["_Residual"]:
        """In the order in which `forward` comes to them."""
        parts = self.fine, self.middle, self.coarse, self.mix_middle, self.mix_fine
        return [block for part in parts for block in part if isinstance(block, _Residual)]

    def forward(
        self, frames: Tensor, photos: Tensor, points: Tensor, views: Tensor, corners: Tensor | None = None
    ) -> Tensor:
        """Return the refined frames (N, 3, H, W), not clamped.

        photos: (N, 3, H, W), the frames' own; points: (N, 2, P, 2) pixels in the frames' own view and in the other one;
        views: (N,), 0 for camera 1; corners: (N, 2), which pixel of the whole picture the first one is, where frames
        and photos are windows.
        """
        joined = torch.cat([frames * 2 - 0.5, photos * 2 - 0.5, *self._drawn(frames, points, views, corners)], 1)
        changes = iter([None] * len(self._blocks) if self.pose is None else self.pose(points, views))
        half = _through(self.fine, functional.pixel_unshuffle(joined, 2), changes)
        quarter = _through(self.middle, half, changes)
        eighth = _through(self.coarse, quarter, changes)
        quarter = quarter + functional.interpolate(self.to_middle(eighth), scale_factor=2.0)
        quarter = _through(self.mix_middle, quarter, changes)
        half = _through(self.mix_fine, half + functional.interpolate(self.to_fine(quarter), scale_factor=2.0), changes)
        change: Tensor = functional.pixel_shuffle(self.out(half), 2)
        return frames + change.to(frames.dtype)

    def _drawn(self, frames: Tensor, points: Tensor, views: Tensor, corners: Tensor | None) -> list[Tensor]:
        """Return what says where the tools are, as channels (N, C, H, W)."""
        size = frames.shape[-2], frames.shape[-1]
        corner = torch.zeros_like(points[:, 0, :1]) if corners is None else corners[:, None]
        drawn = [soft_spots(points[:, 0] - corner, *size, POINT_SPREAD_PX)]
        if self.marks is not None:
            drawn.append(soft_spots(self.marks(points, views) - corner, *size, MARK_SPREAD_PX))
            drawn.append(_from_middle(middles(points[:, 0], self.tools) - corner, *size))
        return drawn


class _Residual(nn.Module):
    """Without normalisation, so that a part of a picture is refined as the whole is."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.first = nn.Conv2d(channels, channels, 3, 1, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        with torch.no_grad():
            self.second.weight.mul_(0.3)

    def forward(self, x: Tensor, change: Tensor | None = None) -> Tensor:
        inner = self.first(functional.silu(x))
        if change is not None:
            scale, shift = change[..., None, None].chunk(2, 1)
            inner = inner * (1 + scale) + shift
        return x + self.second(functional.silu(inner))


class _Pose(nn.Module):
    """How the tools are held -> scales and shifts (N, 2 C) of each block, of C `channels`."""

    def __init__(self, tools: int, channels: list[int]) -> None:
        super().__init__()
        self.tools, self.sizes = tools, [2 * count for count in channels]
        layers = nn.Linear(tools * features_per_tool(tools), 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU()
        last = nn.Linear(128, sum(self.sizes))
        with torch.no_grad():
            last.weight.mul_(0.3)
        self.net = nn.Sequential(*layers, last)

    def forward(self, points: Tensor, views: Tensor) -> tuple[Tensor, ...]:
        return self.net(pose_features(points, views, self.tools).flatten(1)).split(self.sizes, 1)


def _through(part: nn.Sequential, x: Tensor, changes: Any) -> Tensor:
    for layer in part:
        x = layer(x, next(changes)) if isinstance(layer, _Residual) else layer(x)
    return x


def _from_middle(middle: Tensor, height: int, width: int) -> Tensor:
    """Return how far each pixel is to the right of and below the middles (N, T, 2), as (N, 2 T, H, W) in -1..1."""
    x = torch.tanh((torch.arange(width, device=middle.device) - middle[..., :1]) / NEAR_PX)
    y = torch.tanh((torch.arange(height, device=middle.device) - middle[..., 1:]) / NEAR_PX)
    size = *middle.shape[:2], height, width
    return torch.cat([x[..., None, :].expand(size), y[..., None].expand(size)], 1)


def soft_spots(points: Tensor, height: int, width: int, spread_px: float) -> Tensor:
    """Return a soft spot (N, P, H, W), at most 1, around each point (N, P, 2) in pixels."""
    x = torch.arange(width, device=points.device) - points[..., :1]
    y = torch.arange(height, device=points.device) - points[..., 1:]
    scale = -0.5 / spread_px**2
    return torch.exp(scale * y.square())[..., :, None] * torch.exp(scale * x.square())[..., None, :]
