"""The small model's image encoder: what CLIP's vision tower is to Stable Video Diffusion, trained along with the UNet.

From one camera's photo it makes the embedding that its frames attend to, a map of features on the UNet's grid that
joins the photo's latents, and, as an auxiliary task, where three points of the tool (tip, left end, right end) are
likely to be at each of the 12 time steps. Each camera's photo is encoded alone.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dreamitate_core.video import STEPS

POINTS = 3
"""Tracked points of the tool: tip, left end, right end."""
STRIDE = 4
"""Pixels per cell of the maps of likely places."""


class ImageEncoder(nn.Module):
    """Photos (N, 3, H, W) in 0..1, H and W multiples of 16 -> Encoded."""

    def __init__(self, width: int = 64, embedding: int = 128, features: int = 64, views: int = 2) -> None:
        super().__init__()
        self.config: dict[str, Any] = {"width": width, "embedding": embedding, "features": features, "views": views}
        double = width * 2
        self.quarter = nn.Sequential(nn.Conv2d((3 + 2) * STRIDE**2 + views, width, 3, 1, 1), _Residual(width))
        self.eighth = nn.Sequential(nn.Conv2d(width, double, 3, 2, 1), _Residual(double))
        self.sixteenth = nn.Sequential(nn.Conv2d(double, double, 3, 2, 1), _Residual(double))
        layer = nn.TransformerEncoderLayer(double, 4, double * 2, 0.0, "gelu", batch_first=True, norm_first=True)
        self.relate = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.to_eighth = nn.Conv2d(double, double, 1)
        self.mix_eighth = _Residual(double)
        self.to_quarter = nn.Conv2d(double, width, 1)
        self.mix_quarter = _Residual(width)
        self.places = nn.Conv2d(width, STEPS * POINTS, 1)
        self.features = nn.Conv2d(double + width * 4, features, 1)
        self.embedding = nn.Linear(double, embedding)
        self.shrink = nn.Conv2d(width, width * 4, 4, 4)

    def forward(self, photos: Tensor, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return embedding (N, D), features (N, C, H/16, W/16) and logits of places (N, 12, 3, H/4, W/4).

        views: (N,) of 0 for camera 1 and 1 for camera 2.
        """
        quarter = self.quarter(self._input(photos, views))
        eighth = self.eighth(quarter)
        coarse = self.sixteenth(eighth)
        tokens = self.relate(coarse.flatten(2).transpose(1, 2))
        coarse = tokens.transpose(1, 2).unflatten(2, coarse.shape[-2:])
        eighth = self.mix_eighth(eighth + functional.interpolate(self.to_eighth(coarse), scale_factor=2.0))
        quarter = self.mix_quarter(quarter + functional.interpolate(self.to_quarter(eighth), scale_factor=2.0))
        logits = self.places(quarter).unflatten(1, (STEPS, POINTS))
        features = self.features(torch.cat([coarse, self.shrink(quarter)], 1))
        return self.embedding(tokens.mean(1)), features, logits

    @staticmethod
    def place_channels(grid: int) -> int:
        """Channels of `place_channels` on a grid of that many pixels per cell."""
        return POINTS * (grid // STRIDE) ** 2

    def _input(self, photos: Tensor, views: Tensor) -> Tensor:
        """Join position and camera to the pixels, which alone tell neither."""
        count, _, height, width = photos.shape
        y = torch.linspace(-1, 1, height, device=photos.device).view(1, 1, height, 1).expand(count, 1, height, width)
        x = torch.linspace(-1, 1, width, device=photos.device).view(1, 1, 1, width).expand(count, 1, height, width)
        pixels = functional.pixel_unshuffle(
            torch.cat([photos * 4 - 1, x.to(photos.dtype), y.to(photos.dtype)], 1), STRIDE
        )
        camera = functional.one_hot(views, self.config["views"]).to(photos.dtype)
        return torch.cat([pixels, camera[:, :, None, None].expand(-1, -1, *pixels.shape[-2:])], 1)


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, 1, 1),
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv2d(channels, channels, 3, 1, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def place_loss(logits: Tensor, points: Tensor) -> Tensor:
    """Return the cross-entropy of likely places.

    logits: (N, 12, 3, h, w); points: (N, 12, 3, 2) pixels. Points outside the picture do not count.
    """
    height, width = logits.shape[-2:]
    target = _blobs((points + 0.5) / STRIDE - 0.5, height, width)
    inside = (target.sum((-2, -1)) > 0.5).to(target.dtype)
    log_probability = logits.float().flatten(-2).log_softmax(-1)
    loss = -(target.flatten(-2) * log_probability).sum(-1) * inside
    return loss.sum() / inside.sum().clamp(min=1)


def likeliest_points(logits: Tensor) -> Tensor:
    """Return pixels (N, 12, 3, 2) of the likeliest places in logits (N, 12, 3, h, w), finer than a cell."""
    height, width = logits.shape[-2:]
    probability = logits.detach().float().flatten(-2).softmax(-1).unflatten(-1, (height, width))
    best = probability.flatten(-2).argmax(-1)
    x = torch.arange(width, device=logits.device).expand(height, width)
    y = torch.arange(height, device=logits.device)[:, None].expand(height, width)
    near = ((x - (best % width)[..., None, None]).abs() <= 2) & ((y - (best // width)[..., None, None]).abs() <= 2)
    weight = probability * near
    weight = weight / weight.sum((-2, -1), keepdim=True)
    cells = torch.stack([(weight * x).sum((-2, -1)), (weight * y).sum((-2, -1))], -1)
    return (cells + 0.5) * STRIDE - 0.5


def place_channels(points: Tensor, height: int, width: int, grid: int) -> Tensor:
    """Return points (N, 12, 3, 2), in pixels, as channels (N, 12, 3 * r * r, height, width), r = grid / STRIDE."""
    ratio = grid // STRIDE
    blobs = _blobs((points + 0.5) / STRIDE - 0.5, height * ratio, width * ratio)
    return functional.pixel_unshuffle((blobs * 8).sqrt(), ratio)


def tool_weight(points: Tensor, height: int, width: int, patch: int, strength: float) -> Tensor:
    """Return the weight (N, h, w) of each patch in the loss: 1, and up to 1 + strength around the tool.

    points: (N, 3, 2) pixels of the tool; height, width: patches.
    """
    centre = (points + 0.5) / patch - 0.5
    x = torch.arange(width, device=points.device) - centre[..., :1]
    y = torch.arange(height, device=points.device) - centre[..., 1:]
    near = torch.exp(-0.5 * y.square())[..., :, None] * torch.exp(-0.5 * x.square())[..., None, :]
    return 1 + strength * near.amax(1)


def _blobs(cells: Tensor, height: int, width: int) -> Tensor:
    """Return small Gaussian blobs (..., h, w), sum 1 inside the picture, around cells (..., 2) as x, y."""
    x = torch.arange(width, device=cells.device) - cells[..., :1]
    y = torch.arange(height, device=cells.device) - cells[..., 1:]
    gx, gy = torch.exp(-0.5 * x.square() / 0.49), torch.exp(-0.5 * y.square() / 0.49)
    return gy[..., :, None] * gx[..., None, :] / (2 * torch.pi * 0.49)
