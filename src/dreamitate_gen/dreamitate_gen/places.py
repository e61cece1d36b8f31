"""Where the tools' points are likely to be: several ways of doing the task, each a map per view, time step and point.

People do the same scene in different ways. One map per point would mix them, at each time step apart; so the image
encoder says several whole ways and how likely each is, and is trained as a mixture of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

STRIDE = 4
"""Pixels per cell of the maps."""
DECISIVENESS, SHARED = 150.0, 0.05
"""How many places a clip counts as in deciding which way it goes, about as many as it has; and the share of each clip
that all ways learn from, so that none is forgotten that fits no clip at first (Rupprecht et al., 2017)."""


VARIANCE = 0.49
"""Of the blobs around points, in cells squared."""


@dataclass
class Places:
    """logits: (B, 2, W, 12, P, h, w) of W ways, in both views, at 12 time steps, of P points; preferences: (B, W), how
    likely each way is, as logits."""

    logits: Tensor
    preferences: Tensor

    def likeliest_points(self) -> Tensor:
        """Return pixels (B, 2, 12, P, 2) of the points along the likeliest way, finer than a cell."""
        rows = torch.arange(len(self.logits), device=self.logits.device)
        return likeliest_points(self.logits[rows, :, self.preferences.argmax(1)])

    def points_of_ways(self) -> Tensor:
        """Return pixels (B, W, 2, 12, P, 2) of the points along each way, finer than a cell."""
        return likeliest_points(self.logits.transpose(1, 2))


def place_loss(places: Places, points: Tensor) -> Tensor:
    """Return the negative log likelihood per place of the points (B, 2, 12, P, 2), in pixels, in the way that each clip
    goes, and of that way. Points outside the picture do not count.
    """
    rows, columns = _bells((points + 0.5) / STRIDE - 0.5, *places.logits.shape[-2:])
    mass = rows.sum(-1) * columns.sum(-1)
    inside = (mass > 0.5).to(mass.dtype)
    of_place = _cross_entropy(places.logits.float().contiguous(), rows, columns, mass)
    of_way = (of_place * inside[:, :, None]).sum((1, 3, 4)) / inside.sum((1, 2, 3)).clamp(min=1)[:, None]
    preferred = places.preferences.float().log_softmax(1)
    taken = (preferred - DECISIVENESS * of_way).detach().softmax(1)
    share = (1 - SHARED) * taken + SHARED / taken.shape[1]
    return ((share * of_way).sum(1) - (taken * preferred).sum(1)).mean()


def _cross_entropy(logits: Tensor, rows: Tensor, columns: Tensor, mass: Tensor) -> Tensor:
    """Return (B, 2, W, 12, P) of logits (B, 2, W, 12, P, h, w) with blobs, the products of rows (B, 2, 12, P, h) and
    columns (B, 2, 12, P, w), whose sums are `mass`.

    It is the largest work of a step that trains the image encoder alone, so no array as large as the logits is made
    but where it must be.
    """
    along_rows = (logits @ columns[:, :, None, ..., None]).squeeze(-1)
    return mass[:, :, None] * logits.logsumexp((-2, -1)) - (along_rows * rows[:, :, None]).sum(-1)


def likeliest_points(logits: Tensor) -> Tensor:
    """Return pixels (..., 2) of the likeliest places in logits (..., h, w), finer than a cell."""
    height, width = logits.shape[-2:]
    probability = functional.softmax(logits.detach().float().flatten(-2), -1).unflatten(-1, (height, width))
    best = probability.flatten(-2).argmax(-1)
    x = torch.arange(width, device=logits.device).expand(height, width)
    y = torch.arange(height, device=logits.device)[:, None].expand(height, width)
    near = ((x - (best % width)[..., None, None]).abs() <= 2) & ((y - (best // width)[..., None, None]).abs() <= 2)
    weight = probability * near
    weight = weight / weight.sum((-2, -1), keepdim=True)
    cells = torch.stack([(weight * x).sum((-2, -1)), (weight * y).sum((-2, -1))], -1)
    return (cells + 0.5) * STRIDE - 0.5


def place_channels(points: Tensor, height: int, width: int, grid: int) -> Tensor:
    """Return points (..., P, 2), in pixels, as channels (..., P * r * r, height, width), r = grid / STRIDE."""
    ratio = grid // STRIDE
    drawn = blobs((points + 0.5) / STRIDE - 0.5, height * ratio, width * ratio)
    return functional.pixel_unshuffle((drawn * 8).sqrt(), ratio)


def blobs(cells: Tensor, height: int, width: int) -> Tensor:
    """Return small Gaussian blobs (..., h, w), sum 1 inside the picture, around cells (..., 2) as x, y."""
    rows, columns = _bells(cells, height, width)
    return rows[..., :, None] * columns[..., None, :]


def _bells(cells: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Return the rows (..., h) and columns (..., w) whose products are the blobs."""
    x = torch.arange(width, device=cells.device) - cells[..., :1]
    y = torch.arange(height, device=cells.device) - cells[..., 1:]
    gx, gy = torch.exp(-0.5 * x.square() / VARIANCE), torch.exp(-0.5 * y.square() / VARIANCE)
    return gy / (2 * torch.pi * VARIANCE), gx
