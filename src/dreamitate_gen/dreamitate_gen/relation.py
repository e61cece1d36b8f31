"""Attention among all places of both cameras' photos: what lies where, seen from both sides."""

import math

import torch
from torch import Tensor, nn

HEAD = 64
"""Channels per head."""
WAVES = 6
"""Sines and cosines of that many wavelengths, from twice the picture on by halves, tell a place along one axis."""


class Relation(nn.Module):
    """Maps of features (B * 2, C, h, w), camera 1's and camera 2's by turns -> the same, after `layers` of attention.

    C is a multiple of HEAD.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.position = nn.Linear(4 * WAVES, channels)
        self.camera = nn.Parameter(torch.randn(2, 1, channels) * 0.02)
        self.layers = nn.Sequential(*(_Layer(channels) for _ in range(layers)), nn.LayerNorm(channels))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the maps (B * 2, C, h, w)."""
        count, _, height, width = maps.shape
        placed = maps.flatten(2).transpose(1, 2) + self.position(_waves(height, width).to(maps.device))
        pairs = placed.unflatten(0, (count // 2, 2)) + self.camera
        tokens: Tensor = self.layers(pairs.flatten(1, 2))
        maps = tokens.unflatten(1, (2, height * width)).flatten(0, 1).transpose(1, 2).unflatten(2, (height, width))
        return maps.contiguous()  # or all that is made of them lies in memory as the tokens do, and the loss takes long


class _Layer(nn.Module):
    """A transformer's layer of plain products: torch's fused attention takes three times as long on so few.

    Queries and keys are normalised (Dehghani et al., 2023), for stability.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // HEAD
        self.before_attention, self.before_mlp = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.norm_query, self.norm_key = nn.LayerNorm(HEAD), nn.LayerNorm(HEAD)
        self.to_qkv, self.to_out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))

    def forward(self, tokens: Tensor) -> Tensor:
        qkv = self.to_qkv(self.before_attention(tokens)).unflatten(2, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = self.norm_query(query) / math.sqrt(HEAD), self.norm_key(key)
        weight = (query @ key.transpose(-1, -2)).softmax(-1).to(value.dtype)
        tokens = tokens + self.to_out((weight @ value).transpose(1, 2).flatten(2))
        return tokens + self.mlp(self.before_mlp(tokens))


def _waves(height: int, width: int) -> Tensor:
    """Return (height * width, 4 * WAVES) sines and cosines that tell each place of a map, row by row."""
    frequency = 2.0 ** torch.arange(WAVES) * math.pi / 2
    y, x = ((2 * torch.arange(n) + 1) / n - 1 for n in (height, width))
    phase_y, phase_x = (at[:, None] * frequency for at in (y, x))
    of_y = torch.cat([phase_y.sin(), phase_y.cos()], 1)[:, None].expand(height, width, -1)
    of_x = torch.cat([phase_x.sin(), phase_x.cos()], 1).expand(height, width, -1)
    return torch.cat([of_y, of_x], 2).flatten(0, 1)
