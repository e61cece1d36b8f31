"""The training of the small model's closer look, by itself: an image encoder that sees paths straightened."""

import copy
import math
import shutil
import time
from pathlib import Path

import torch

from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task

from .checkpoint import load_checkpoint, save_checkpoint
from .curves import Curves
from .dataset import PackedClips, check_tables, closer_batch, mirrored_part, pack
from .denormals import denormals_flushed
from .finish import load_start, save_part
from .image_encoder import ImageEncoder
from .picture_size import PictureSize, closer_size, picture_size
from .places import place_loss
from .precision import half_where_faster
from .revision import revision
from .small_pictures import encoded
from .stereo_model import StereoModel

PHOTOS, LEARNING_RATE, WARM_UP, WEIGHT_DECAY, AVERAGE = 16, 5e-4, 100, 0.02, 0.998
"""Pairs of photos per step; the rest as of the first image encoder."""
PLACE_WEIGHT = 0.05
SAVE_EVERY_S = 300.0
FOLDER = "closer"
"""The folder of the checkpoint and the learning curve, beside the model."""


@denormals_flushed()
def train_closer(
    task: Task,
    data: Path,
    start: Path,
    out: Path,
    budget_s: float,
    seed: int,
    threads: int,
    progress: Progress = quiet,
    most_clips: int = 0,
) -> Path:
    """Train the closer look of the model in `start` alone, on the clips in `data`, for `budget_s` seconds, and return
    the directory of the whole model, `<out>/model`. Goes on where `<out>/closer` stopped.

    It begins with the closer look that the model has, or else with its image encoder; the learning curve is
    `closer.csv` in the model's directory. Once it is finished, it begins anew. Raises DreamitateError where the task's
    file names no size for it, `start` is where it is to go, the model knows other points of the tools than clips have
    today, or clips do not say where the table is.
    """
    size = closer_size(task)
    if size is None:
        raise DreamitateError(
            f"small_model in config/tasks/{task.name}.yaml has no closer look: give it `closer` with width, height and"
            " region."
        )
    torch.set_num_threads(threads)
    model, info = load_start(task, start, out)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    clips = pack(data, picture_size(task), progress, most_clips)
    seen = add_closer(model, size, task, data, out, budget_s, seed, progress, most_clips)
    info["closer_seen"], info["closer_s"] = info.get("closer_seen", 0) + seen, info.get("closer_s", 0.0) + budget_s
    save_part(out, model, {**info, "closer_clips": clips, "closer_git_revision": revision()}, start)
    end_closer(out)
    return out / "model"


def add_closer(
    model: StereoModel,
    size: PictureSize,
    task: Task,
    data: Path,
    out: Path,
    budget_s: float,
    seed: int,
    progress: Progress,
    most_clips: int,
) -> int:
    """Give the model a closer look, begun with the one that it has or else with its image encoder; return how many
    clips it saw. Its checkpoint and curve are in `<out>/closer` until `end_closer`."""
    begun = model.pictures.closer or model.pictures.image_encoder
    high = task.surface_height_m
    clips = PackedClips(data, picture_size(task), mirrored_part(task), surface_height_m=high, most=most_clips)
    check_tables(clips)
    device = next(model.parameters()).device
    encoder, seen = _trained(copy.deepcopy(begun).to(device), clips, size, out / FOLDER, budget_s, seed, progress)
    model.pictures.closer, model.pictures.closer_size = encoder, size
    return seen


def end_closer(out: Path) -> None:
    """Move the curve into the model's directory and remove the checkpoint: all of the model is written."""
    if (out / FOLDER).is_dir():
        shutil.copyfile(out / FOLDER / "curve.csv", out / "model" / "closer.csv")
        (out / FOLDER).rename(out / f".{FOLDER}.old")  # at once, so that nothing goes on from a part of it
    shutil.rmtree(out / f".{FOLDER}.old", ignore_errors=True)


def _trained(
    encoder: ImageEncoder,
    clips: PackedClips,
    size: PictureSize,
    folder: Path,
    budget_s: float,
    seed: int,
    progress: Progress,
) -> tuple[ImageEncoder, int]:
    """Return the averaged weights, and how many clips were seen. folder: of checkpoint and curve; it goes on there."""
    folder.mkdir(parents=True, exist_ok=True)
    device = next(encoder.parameters()).device
    encoder.train()
    average = copy.deepcopy(encoder).eval()
    unused = {id(parameter) for parameter in encoder.video_parameters()}
    pairs = zip(encoder.parameters(), average.parameters(), strict=True)
    trained, averaged = zip(*((ours, mean) for ours, mean in pairs if id(ours) not in unused), strict=True)
    optimizer = torch.optim.AdamW(trained, LEARNING_RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY, fused=True)
    random = torch.Generator().manual_seed(seed)
    counters = load_checkpoint(folder / "checkpoint", encoder, average, optimizer, random)
    step, elapsed_s = counters.get("step", 0), counters.get("elapsed_s", 0.0)
    curves, losses = Curves(folder, step), []
    saved = last = time.monotonic()
    while elapsed_s < budget_s:
        progress("training the closer look", elapsed_s / budget_s)
        falling = 0.5 + 0.5 * math.cos(math.pi * elapsed_s / budget_s)
        for group in optimizer.param_groups:
            group["lr"] = max(LEARNING_RATE * min(1.0, (step + 1) / WARM_UP) * falling, 1e-6)
        indices = torch.randint(len(clips), (PHOTOS,), generator=random).tolist()
        photos, points = (t.to(device) for t in closer_batch(clips, indices, size, random))
        with half_where_faster(device):
            likely = encoded(encoder, photos)[2]
        loss = place_loss(likely, points)
        optimizer.zero_grad()
        (PLACE_WEIGHT * loss).backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        step += 1
        losses.append(float(loss.detach()))
        keep = min(AVERAGE, step / (step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, trained, 1 - keep)
        now = time.monotonic()
        elapsed_s, last = elapsed_s + now - last, now
        if step % 50 == 0 or elapsed_s >= budget_s:
            row = {"samples": step * PHOTOS, "seconds": elapsed_s, "place_loss": sum(losses) / len(losses)}
            curves.add(step, row)
            losses = []
        if now - saved > SAVE_EVERY_S or elapsed_s >= budget_s:
            counters = {"step": step, "elapsed_s": elapsed_s}
            save_checkpoint(folder / "checkpoint", encoder, average, optimizer, random, counters)
            pack(clips.folder.parent, clips.size, most=clips.most)
            clips.refresh()
            saved = last = time.monotonic()
    curves.close()
    return average, step * PHOTOS
