"""Training of the finishing network on what the trained UNet makes of noisy demonstrations."""

import math
import time

import torch
from torch import Tensor

from dreamitate_core.progress import Progress, quiet
from dreamitate_core.video import STEPS

from . import noise
from .dataset import PackedClips, batch
from .precision import half_where_faster
from .refiner import Refiner, soft_spots
from .stereo_model import StereoModel

CROP, WANDER = 48, 12
LEARNING_RATE = 1e-3
POINT_ERROR_PX = 0.3
"""Less than the image encoder's: the finish must draw a sharp tool where it is told to, not an average of places."""
TOOL_WEIGHT, TOOL_SPREAD_PX = 4.0, 8.0
P_MEAN, P_STD = 3.2, 0.8
"""Of the noise level's logarithm: so much noise that little of the demonstration's tool is left, as in dreams."""
WINDOWS = 6
"""Windows that are cut from each frame in turn, for making the frames costs more than refining them."""


def train_refiner(
    model: StereoModel,
    refiner: Refiner,
    clips: PackedClips,
    budget_s: float,
    count: int = 8,
    seed: int = 0,
    progress: Progress = quiet,
) -> list[float]:
    """Train `refiner` for `budget_s` seconds on packed clips; return the loss of each step.

    Each step takes `count` clips at two time steps, noises and denoises their latents once, and compares the refined
    pictures with the demonstration in windows around the tool.
    """
    random = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(refiner.parameters(), LEARNING_RATE, weight_decay=0.01)
    average = [p.detach().clone() for p in refiner.parameters()]
    losses: list[float] = []
    began = time.monotonic()
    while (done := (time.monotonic() - began) / budget_s) < 1:
        progress("training the finish", done)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (len(losses) + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * done))
        indices = torch.randint(len(clips), (count,), generator=random).tolist()
        pictures = _pictures(model, clips, indices, random)
        for _ in range(WINDOWS):
            frames, photos, points, truth = _cropped(*pictures, random)
            with half_where_faster(frames.device):
                refined = refiner(frames, photos, points)
            weight = 1 + TOOL_WEIGHT * soft_spots(points, CROP, CROP, TOOL_SPREAD_PX).amax(1, keepdim=True)
            loss = ((refined.float() - truth).abs() * weight).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(refiner.parameters(), 0.5)
            optimizer.step()
            losses.append(float(loss.detach()))
            keep = min(0.995, len(losses) / (len(losses) + 9))
            with torch.no_grad():
                torch._foreach_lerp_(average, list(refiner.parameters()), 1 - keep)
    with torch.no_grad():
        for parameter, value in zip(refiner.parameters(), average, strict=True):
            parameter.copy_(value)
    return losses


@torch.no_grad()
def _pictures(
    model: StereoModel, clips: PackedClips, indices: list[int], random: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return decoded frames, their photos, points and true frames."""
    times = sorted((torch.randperm(STEPS, generator=random)[:2] + 1).tolist())
    frames = [*times, *(STEPS + t for t in times)]
    video, photos, points = batch(clips, indices, times, random)
    points = points + POINT_ERROR_PX * torch.randn(points.shape, generator=random)
    truth = video.flatten(1, 2)
    clean = model.pictures.encode(truth, photos, frames)
    sigma = noise.sample_sigma(len(indices), P_MEAN, P_STD, random)
    noisy = clean + sigma.view(-1, 1, 1, 1, 1) * torch.randn(clean.shape, generator=random)
    with half_where_faster(clean.device):
        estimate = model.denoise(noisy, sigma, model.pictures.conditions(photos, frames, points))
    decoded = model.pictures.codec_frames(estimate.float(), photos, frames)
    own_photos = photos[:, :, None].expand_as(video).flatten(0, 2)
    own_points = points[:, :, [t - 1 for t in times]].flatten(0, 2)
    return decoded.flatten(0, 1), own_photos, own_points, truth.flatten(0, 1)


def _cropped(
    frames: Tensor, photos: Tensor, points: Tensor, truth: Tensor, random: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Cut a window around one of the points in each frame, which may lie anywhere in it."""
    height, width = frames.shape[-2:]
    parts: list[list[Tensor]] = [[], [], [], []]
    for index in range(len(frames)):
        wander = torch.randint(-WANDER, WANDER + 1, (2,), generator=random)
        point = points[index, int(torch.randint(points.shape[1], (), generator=random))]
        corner = (point - CROP / 2 + wander).round().long()
        x = int(corner[0].clamp(0, width - CROP))
        y = int(corner[1].clamp(0, height - CROP))
        for part, pictures in zip((0, 1, 3), (frames, photos, truth), strict=True):
            parts[part].append(pictures[index, :, y : y + CROP, x : x + CROP])
        parts[2].append(points[index] - torch.tensor([x, y]))
    stacked = [torch.stack(part) for part in parts]
    return stacked[0], stacked[1], stacked[2], stacked[3]
