"""Training of the finishing network on what the trained UNet makes of noisy demonstrations."""

import copy
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dreamitate_core.progress import Progress, quiet
from dreamitate_core.video import STEPS

from . import noise
from .checkpoint import load_checkpoint, save_checkpoint
from .dataset import PackedClips, all_points, batch
from .marks import Marks, fit_marks
from .precision import half_where_faster
from .refiner import Refiner, soft_spots
from .small_pictures import both_views
from .stereo_model import StereoModel
from .stereo_unet import FRAME_VIEWS

CROP, WANDER = 48, 12
LEARNING_RATE = 1e-3
POINT_ERROR_PX = 0.3
"""Less than the image encoder's: the finish must draw a sharp tool where it is told to, not an average of places."""
TOOL_WEIGHT, TOOL_SPREAD_PX = 4.0, 5.0
P_MEAN, P_STD = 3.2, 0.8
"""Of the noise level's logarithm: so much noise that little of the demonstration's tool is left, as in dreams."""
WINDOWS = 10
"""Windows that are cut from each frame in turn, for making the frames costs more than refining them."""
SAVE_EVERY_S = 300.0


def train_refiner(
    model: StereoModel,
    refiner: Refiner,
    clips: PackedClips,
    budget_s: float,
    count: int = 8,
    seed: int = 0,
    progress: Progress = quiet,
    checkpoint: Path | None = None,
) -> int:
    """Train `refiner`, which must have marks, and these first, for `budget_s` seconds on packed clips; return how many
    clips were seen. checkpoint: the folder that it goes on from, if it is there, and is kept in.

    Each step takes `count` clips at two time steps, noises and denoises their latents once, and compares the refined
    pictures with the demonstration in windows around the tool. Clips are not mirrored, for marks are not.
    """
    random = torch.Generator().manual_seed(seed)
    began = saved = time.monotonic()
    assert refiner.marks is not None
    refiner.marks.requires_grad_(False)
    trained: list[Tensor] = [p for p in refiner.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, LEARNING_RATE, weight_decay=0.01)
    averaged = copy.deepcopy(refiner)
    average: list[Tensor] = [p for p in averaged.parameters() if p.requires_grad]
    counters = load_checkpoint(checkpoint, refiner, averaged, optimizer, random) if checkpoint is not None else {}
    if not counters:
        fit_marks(refiner.marks.requires_grad_(True), *all_points(clips), POINT_ERROR_PX, random, progress)
        refiner.marks.requires_grad_(False)
    steps, seen = counters.get("steps", 0), counters.get("seen", 0)
    began -= counters.get("elapsed_s", 0.0)
    while (done := (time.monotonic() - began) / budget_s) < 1:
        progress("training the finish", done)
        if checkpoint is not None and time.monotonic() - saved > SAVE_EVERY_S:
            saved = time.monotonic()
            state = {"steps": steps, "seen": seen, "elapsed_s": saved - began}
            save_checkpoint(checkpoint, refiner, averaged, optimizer, random, state)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (steps + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * done))
        indices = torch.randint(len(clips), (count,), generator=random).tolist()
        pictures = _pictures(model, refiner.marks, clips, indices, random)
        seen += count
        for _ in range(WINDOWS):
            _train_step(refiner, optimizer, _cropped(pictures, random))
            steps += 1
            keep = min(0.995, steps / (steps + 9))
            with torch.no_grad():
                torch._foreach_lerp_(average, trained, 1 - keep)
    with torch.no_grad():
        for parameter, value in zip(trained, average, strict=True):
            parameter.copy_(value)
    return seen


@dataclass
class Pictures:
    """frames: (N, 3, H, W), decoded; photos, truth: like them; points: (N, 2, P, 2) in the own view and in the other
    one; marks: (N, M, 2) in the own view; views: (N,); corners: (N, 2), where windows are cut."""

    frames: Tensor
    photos: Tensor
    truth: Tensor
    points: Tensor
    marks: Tensor
    views: Tensor
    corners: Tensor


def _train_step(refiner: Refiner, optimizer: torch.optim.Optimizer, windows: Pictures) -> None:
    with half_where_faster(windows.frames.device):
        refined = refiner(windows.frames, windows.photos, windows.points, windows.views, windows.corners)
    drawn = windows.marks - windows.corners[:, None]
    weight = 1 + TOOL_WEIGHT * soft_spots(drawn, CROP, CROP, TOOL_SPREAD_PX).amax(1, keepdim=True)
    loss = ((refined.float() - windows.truth).abs() * weight).mean()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(refiner.parameters(), 0.5)
    optimizer.step()


@torch.no_grad()
def _pictures(
    model: StereoModel, marks: Marks, clips: PackedClips, indices: list[int], random: torch.Generator
) -> Pictures:
    """Return whole pictures."""
    times = sorted((torch.randperm(STEPS, generator=random)[:2] + 1).tolist())
    frames = [*times, *(STEPS + t for t in times)]
    device = next(model.parameters()).device
    video, photos, points = batch(clips, indices, times, random)
    points = points + POINT_ERROR_PX * torch.randn(points.shape, generator=random)
    sigma = noise.sample_sigma(len(indices), P_MEAN, P_STD, random).to(device)
    truth, photos, points = video.flatten(1, 2).to(device), photos.to(device), points.to(device)
    clean = model.pictures.encode(truth, photos, frames)
    noisy = clean + sigma.view(-1, 1, 1, 1, 1) * torch.randn(clean.shape, generator=random).to(device)
    with half_where_faster(device):
        estimate = model.denoise(noisy, sigma, model.pictures.conditions(photos, frames, points))
    decoded = model.pictures.codec_frames(estimate.float(), photos, frames)
    seen = both_views(points, frames).flatten(0, 1)
    views = torch.tensor([FRAME_VIEWS[i] for i in frames], device=device).repeat(len(indices))
    return Pictures(
        frames=decoded.flatten(0, 1),
        photos=photos[:, :, None].expand_as(video).flatten(0, 2),
        truth=truth.flatten(0, 1),
        points=seen,
        marks=marks(seen, views),
        views=views,
        corners=torch.zeros(len(seen), 2, device=device),
    )


def _cropped(whole: Pictures, random: torch.Generator) -> Pictures:
    """Cut a window around one of the marks in each picture, which may lie anywhere in it."""
    limits = torch.tensor([whole.frames.shape[-1] - CROP, whole.frames.shape[-2] - CROP])
    marks = whole.marks.cpu()
    count = len(marks)
    chosen = marks[torch.arange(count), torch.randint(marks.shape[1], (count,), generator=random)]
    wander = torch.randint(-WANDER, WANDER + 1, (count, 2), generator=random)
    corners = (chosen - CROP / 2 + wander).round().long().clamp(torch.zeros(2, dtype=torch.long), limits)

    def cut(pictures: Tensor) -> Tensor:
        places = zip(pictures, corners.tolist(), strict=True)
        return torch.stack([picture[:, y : y + CROP, x : x + CROP] for picture, (x, y) in places])

    windows = {"frames": cut(whole.frames), "photos": cut(whole.photos), "truth": cut(whole.truth)}
    return replace(whole, **windows, corners=corners.to(whole.points))
