"""The small model's image encoder: what CLIP's vision tower is to Stable Video Diffusion, trained before the UNet.

From both cameras' photos it makes, for each, the embedding that its frames attend to, a map of features on the UNet's
grid that joins the photo's latents, and where points of the tools (`dataset.tool_points`) are likely to be at each of
the 12 time steps, along several ways (`places`).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dreamitate_core.video import STEPS

from .places import STRIDE
from .relation import Relation


class ImageEncoder(nn.Module):
    """Photos (N, 3, H, W) in 0..1, H and W multiples of 16 -> embedding, features, likely places along `ways` ways.

    widths: channels at a quarter, an eighth and a sixteenth of the size; layers: of attention among the places of both
    photos. Models trained before there was that have a `width` alone, and each photo is encoded by itself.
    """

    def __init__(
        self,
        width: int = 64,
        embedding: int = 128,
        features: int = 64,
        views: int = 2,
        points: int = 3,
        ways: int = 1,
        widths: Sequence[int] | None = None,
        layers: int = 0,
    ) -> None:
        super().__init__()
        fine, middle, coarse = widths or (width, width * 2, width * 2)
        self.config: dict[str, Any] = {
            "embedding": embedding, "features": features, "views": views, "points": points, "ways": ways,
            "widths": [fine, middle, coarse], "layers": layers,
        }  # fmt: skip
        self.quarter = nn.Sequential(nn.Conv2d((3 + 2) * STRIDE**2 + views, fine, 3, 1, 1), _Residual(fine))
        self.eighth = nn.Sequential(nn.Conv2d(fine, middle, 3, 2, 1), _Residual(middle))
        self.sixteenth = nn.Sequential(nn.Conv2d(middle, coarse, 3, 2, 1), _Residual(coarse))
        self.relate = Relation(coarse, layers) if layers else _EachPhoto(coarse)
        self.to_eighth = nn.Conv2d(coarse, middle, 1)
        self.mix_eighth = _Residual(middle)
        self.to_quarter = nn.Conv2d(middle, fine, 1)
        self.mix_quarter = _Residual(fine)
        self.places = nn.Conv2d(fine, ways * STEPS * points, 1)
        self.preferences = nn.Linear(coarse, ways) if ways > 1 else None
        self.features = nn.Conv2d(coarse + fine * 4, features, 1)
        self.embedding = nn.Linear(coarse, embedding)
        self.shrink = nn.Conv2d(fine, fine * 4, 4, 4)

    def forward(self, photos: Tensor, views: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return embedding (N, D), features (N, C, H/16, W/16), logits of places (N, W, 12, P, H/4, W/4) along W ways
        and of the ways (N, W).

        views: (N,) of 0 for camera 1 and 1 for camera 2, by turns, the two of a pair together.
        """
        quarter = self.quarter(self._input(photos, views))
        eighth = self.eighth(quarter)
        coarse = self.relate(self.sixteenth(eighth))
        eighth = self.mix_eighth(eighth + functional.interpolate(self.to_eighth(coarse), scale_factor=2.0))
        quarter = self.mix_quarter(quarter + functional.interpolate(self.to_quarter(eighth), scale_factor=2.0))
        logits = self.places(quarter).unflatten(1, (self.config["ways"], STEPS, self.config["points"]))
        features = self.features(torch.cat([coarse, self.shrink(quarter)], 1))
        summary = coarse.mean((2, 3))
        preferences = summary.new_zeros(len(summary), 1) if self.preferences is None else self.preferences(summary)
        return self.embedding(summary), features, logits, preferences

    def video_parameters(self) -> list[nn.Parameter]:
        """Return the parameters that only embedding and features depend on."""
        return [p for head in (self.features, self.embedding, self.shrink) for p in head.parameters()]

    def place_channels(self, grid: int) -> int:
        """Channels of `places.place_channels` on a grid of that many pixels per cell."""
        return int(self.config["points"]) * (grid // STRIDE) ** 2

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


class _EachPhoto(nn.TransformerEncoder):
    """Attention among the places of each photo by itself, as in models that were trained before `relation.Relation`."""

    def __init__(self, channels: int) -> None:
        layer = nn.TransformerEncoderLayer(channels, 4, channels * 2, 0.0, "gelu", batch_first=True, norm_first=True)
        super().__init__(layer, 2, enable_nested_tensor=False)

    def forward(self, src: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        tokens = super().forward(src.flatten(2).transpose(1, 2), *args, **kwargs)
        return tokens.transpose(1, 2).unflatten(2, src.shape[-2:])


def tool_weight(points: Tensor, height: int, width: int, patch: int, strength: float) -> Tensor:
    """Return the weight (N, h, w) of each patch in the loss: 1, and up to 1 + strength around the tool.

    points: (N, P, 2) pixels of the tools; height, width: patches.
    """
    centre = (points + 0.5) / patch - 0.5
    x = torch.arange(width, device=points.device) - centre[..., :1]
    y = torch.arange(height, device=points.device) - centre[..., 1:]
    near = torch.exp(-0.5 * y.square())[..., :, None] * torch.exp(-0.5 * x.square())[..., None, :]
    return 1 + strength * near.amax(1)
