"""Marks: points spread over a tool's surface, told from the four that the image encoder expects in each view.

Four points say where a tool is, but only both views together say how it is turned, and a network that draws it pixel by
pixel does not find that out. Where the corners of its coloured parts are is soon learnt from the demonstrations' truth,
and then the tool is easily drawn.
"""

import math

import torch
from torch import Tensor, nn

from dreamitate_core.progress import Progress, quiet

from .dataset import MARKS, POINTS, SHIFT

NEAR_PX, FAR_PX = 16.0, 128.0
"""Pixels that count as 1: between points of a tool, and in the picture."""
STEPS, BATCH, LEARNING_RATE, WARM_UP = 4000, 256, 2e-3, 50


class Marks(nn.Module):
    """Points (N, 2, P, 2) of all tools, pixels, in the own view and in the other one, and views (N,), 0 for camera 1 ->
    marks (N, M, 2) in the own view."""

    def __init__(self, tools: int = 1, width: int = 192) -> None:
        super().__init__()
        self.tools = tools
        layers = nn.Linear(features_per_tool(tools), width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
        self.net = nn.Sequential(*layers, nn.Linear(width, MARKS * 2))

    def forward(self, points: Tensor, views: Tensor) -> Tensor:
        offsets: Tensor = self.net(pose_features(points, views, self.tools)).unflatten(-1, (MARKS, 2))
        return (middles(points[:, 0], self.tools)[:, :, None] + NEAR_PX * offsets).flatten(1, 2)


def features_per_tool(tools: int) -> int:
    """Length of the last axis of `pose_features`."""
    return 4 * POINTS + 3 + tools


def pose_features(points: Tensor, views: Tensor, tools: int) -> Tensor:
    """Return what tells how each tool is held (N, tools, F): its shape in both views, its place, the view and which
    tool it is, all about -1..1. Arguments: as of `Marks`."""
    each = points.unflatten(2, (tools, POINTS)).transpose(1, 2)  # (N, tools, 2, POINTS, 2)
    shapes = (each - each.mean(3, keepdim=True)).flatten(2) / NEAR_PX
    place = middles(points[:, 0], tools) / FAR_PX - 1
    view = (2.0 * views.to(points.dtype) - 1).view(-1, 1, 1).expand(-1, tools, 1)
    which = torch.eye(tools, device=points.device, dtype=points.dtype).expand(len(points), tools, tools)
    return torch.cat([shapes, place, view, which], 2)


def middles(points: Tensor, tools: int) -> Tensor:
    """Return the middle (N, tools, 2) of each tool's points (N, P, 2)."""
    return points.unflatten(1, (tools, POINTS)).mean(2)


def fit_marks(
    marks: Marks,
    points: Tensor,
    truth: Tensor,
    error_px: float,
    random: torch.Generator,
    progress: Progress = quiet,
) -> None:
    """Learn from clips' points (C, 2, 12, P, 2) and true marks (C, 2, 12, M, 2), pixels; `error_px`: of the points, at
    random."""
    device = next(marks.parameters()).device
    optimizer = torch.optim.Adam(marks.parameters(), LEARNING_RATE)
    for step in range(STEPS):
        progress("learning the tool's marks", step / STEPS)
        falling = 0.5 + 0.5 * math.cos(math.pi * step / STEPS)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / WARM_UP) * falling
        clip, view, time = (torch.randint(size, (BATCH,), generator=random) for size in points.shape[:3])
        shift = (2 * torch.rand((BATCH, 1, 2), generator=random) - 1) * torch.tensor(SHIFT)
        both = torch.stack([points[clip, view, time], points[clip, 1 - view, time]], 1) + shift[:, None]
        both = both + error_px * torch.randn(both.shape, generator=random)
        wanted = (truth[clip, view, time] + shift).to(device)
        loss = (marks(both.to(device), view.to(device)) - wanted).abs().mean() / NEAR_PX
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
