"""The networks of Diffusion Policy, CNN version (Chi et al., RSS 2023; the paper's baseline): two ResNet-18, one per
camera, and a 1D U-Net over the sequence of poses whose layers the photos and the noise level scale and shift (FiLM).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from diffusers.models.embeddings import Timesteps
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

RESNET_18: dict[str, Any] = {
    "embedding_size": 64,
    "hidden_sizes": [64, 128, 256, 512],
    "depths": [2, 2, 2, 2],
    "layer_type": "basic",
}
RESNET_STRIDE, RESNET_CHANNELS = 32, 512
PHOTO_MEAN, PHOTO_SPREAD = 0.1, 0.15
"""What photos in 0..1 are standardised with. The table is black (mean 0.11, deviation 0.07 to 0.09), and encoders that
begin untrained hardly come to see what differs by so little."""
GROUP = 16
"""Channels per group of the norm that replaces BatchNorm, which averaged weights do not go with (Diffusion Policy)."""
FEATURES = RESNET_CHANNELS
"""Numbers that stand for a photo."""
KEPT_CHANNELS = 64
LEVEL_FEATURES = 128
KERNEL, GROUPS = 5, 8


@dataclass(frozen=True)
class NetworkSize:
    """What shapes the networks. numbers: that describe all tools at one time step; width, height: of photos;
    channels: of the U-Net's levels."""

    numbers: int
    width: int = 384
    height: int = 224
    channels: tuple[int, ...] = (256, 512, 1024)


class PolicyNetwork(nn.Module):
    """Estimates a sequence of poses from a noisy one, given photos."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.config = asdict(size)
        self.encoders = nn.ModuleList(PhotoEncoder(size.width, size.height) for _ in range(2))
        self.unet = SequenceUnet(size.numbers, 2 * FEATURES, size.channels)

    def encode(self, photos: Tensor) -> Tensor:
        """Return the features (N, 2 F) of stereo photos (N, 2, 3, H, W) in 0..1."""
        return torch.cat([encoder(photos[:, view]) for view, encoder in enumerate(self.encoders)], 1)

    def forward(self, noisy: Tensor, level: Tensor, features: Tensor) -> Tensor:
        """Return what noisy sequences (N, T, A) were, T a multiple of 4; level: (N,) time steps of the diffusion;
        features: (N, 2 F)."""
        return self.unet(noisy, level, features)


class PhotoEncoder(nn.Module):
    """Photos of one camera (N, 3, H, W) in 0..1 -> features (N, F), by a ResNet-18 that begins untrained.

    The features of all places are kept, as the paper does in sweeping alone: averaged ones, of encoders that are not
    pretrained, came not to differ from photo to photo.
    """

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.resnet = ResNetModel(ResNetConfig(**RESNET_18))
        use_group_norm(self.resnet)
        cells = -(-width // RESNET_STRIDE) * -(-height // RESNET_STRIDE)
        self.reduce = nn.Sequential(
            nn.Conv2d(RESNET_CHANNELS, KEPT_CHANNELS, 1), nn.Flatten(), nn.Linear(KEPT_CHANNELS * cells, FEATURES)
        )

    def forward(self, photos: Tensor) -> Tensor:
        standard = ((photos - PHOTO_MEAN) / PHOTO_SPREAD).contiguous(memory_format=torch.channels_last)
        return self.reduce(self.resnet(standard).last_hidden_state)


def use_group_norm(module: nn.Module) -> None:
    """Replace every BatchNorm2d inside by a GroupNorm."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(child.num_features // GROUP, child.num_features))
        else:
            use_group_norm(child)


class SequenceUnet(nn.Module):
    """A U-Net over time: sequences (N, T, A), levels (N,) and features (N, C) -> (N, T, A)."""

    def __init__(self, numbers: int, features: int, channels: Sequence[int]) -> None:
        super().__init__()
        wide = LEVEL_FEATURES * 4
        self.level = nn.Sequential(
            Timesteps(LEVEL_FEATURES, flip_sin_to_cos=False, downscale_freq_shift=1),
            *(nn.Linear(LEVEL_FEATURES, wide), nn.Mish(), nn.Linear(wide, LEVEL_FEATURES)),
        )
        given = features + LEVEL_FEATURES
        ins = [numbers, *channels[:-1]]
        last = channels[-1]
        self.down = nn.ModuleList(_Pair(a, b, given) for a, b in zip(ins, channels, strict=True))
        self.shrink = nn.ModuleList(nn.Conv1d(c, c, 3, 2, 1) for c in channels[:-1])
        self.middle = _Pair(last, last, given)
        rising = list(zip(ins[1:], channels[1:], strict=True))[::-1]
        self.up = nn.ModuleList(_Pair(2 * b, a, given) for a, b in rising)
        self.grow = nn.ModuleList(nn.ConvTranspose1d(a, a, 4, 2, 1) for a, _ in rising)
        self.out = nn.Sequential(_convolution(channels[0], channels[0]), nn.Conv1d(channels[0], numbers, 1))

    def forward(self, noisy: Tensor, level: Tensor, features: Tensor) -> Tensor:
        given = torch.cat([self.level(level), features], 1)
        x = noisy.transpose(1, 2)
        skipped = []
        for index, down in enumerate(self.down):
            x = down(x, given)
            skipped.append(x)
            if index < len(self.shrink):
                x = self.shrink[index](x)
        x = self.middle(x, given)
        for up, grow in zip(self.up, self.grow, strict=True):
            x = grow(up(torch.cat([x, skipped.pop()], 1), given))
        return self.out(x).transpose(1, 2)


class _Pair(nn.Module):
    """Two residual blocks."""

    def __init__(self, channels: int, out: int, given: int) -> None:
        super().__init__()
        self.first, self.second = _Residual(channels, out, given), _Residual(out, out, given)

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        return self.second(self.first(x, given), given)


class _Residual(nn.Module):
    def __init__(self, channels: int, out: int, given: int) -> None:
        super().__init__()
        self.before, self.after = _convolution(channels, out), _convolution(out, out)
        self.film = nn.Sequential(nn.Mish(), nn.Linear(given, 2 * out))
        self.past = nn.Conv1d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        scale, shift = self.film(given)[..., None].chunk(2, 1)
        return self.after(self.before(x) * scale + shift) + self.past(x)


def _convolution(channels: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Conv1d(channels, out, KERNEL, padding=KERNEL // 2), nn.GroupNorm(GROUPS, out), nn.Mish())
