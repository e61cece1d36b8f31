"""The last part of the small model's training, also by itself: the finishing network."""

import shutil
from pathlib import Path
from typing import Any

import torch

from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task

from .dataset import POINTS, PackedClips, pack
from .denormals import denormals_flushed
from .model_folder import load_small, save_small
from .picture_size import picture_size
from .refine_training import train_refiner
from .refiner import Refiner
from .revision import revision
from .stereo_model import StereoModel

FINISH = "finish"
"""The folder of the checkpoint, beside the model."""


@denormals_flushed()
def train_finish(
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
    """Train the finishing network of the model in `start` alone, on the clips in `data`, for `budget_s` seconds, and
    return the directory of the whole model, `<out>/model`. Goes on where `<out>/finish` stopped.

    Raises DreamitateError where the model knows other points of the tools than clips have today, or `start` is where it
    is to go.
    """
    torch.set_num_threads(threads)
    model, info = load_start(task, start, out)
    pack(data, picture_size(task), progress, most_clips)
    seen = finish(model, model.pictures.refiner, task, data, out, budget_s, seed, progress, most_clips)
    info["finish_seen"], info["finish_s"] = info.get("finish_seen", 0) + seen, info.get("finish_s", 0.0) + budget_s
    save_part(out, model, {**info, "finish_git_revision": revision()}, start)
    return out / "model"


def finish(
    model: StereoModel,
    begun: Refiner | None,
    task: Task,
    data: Path,
    out: Path,
    budget_s: float,
    seed: int,
    progress: Progress,
    most_clips: int,
) -> int:
    """Give the model a finishing network, `begun` if it has today's layout; return how many clips it saw. Its
    checkpoint is `<out>/finish`, as long as it is not trained to the end."""
    torch.manual_seed(seed)
    refiner = Refiner(points=POINTS * len(task.tools), tools=len(task.tools))
    if begun is not None and begun.config == refiner.config:
        refiner = begun
    model.pictures.refiner = refiner.to(next(model.parameters()).device)
    clips = PackedClips(data, picture_size(task), "nothing", most=most_clips)
    seen = train_refiner(model, refiner, clips, budget_s, seed=seed, progress=progress, checkpoint=out / FINISH)
    shutil.rmtree(out / FINISH, ignore_errors=True)
    return seen


def load_start(task: Task, start: Path, out: Path) -> tuple[StereoModel, dict[str, Any]]:
    """Return the model in `start`, of which a part is to be trained alone, and its `model.json`.

    Raises DreamitateError where it would go to where it starts, or knows other points of the tools than clips have now.
    """
    if start.resolve() == (out / "model").resolve():
        raise DreamitateError(f"{start} is both where to start and where the model goes: name another --out.")
    model, info = load_small(start)
    known, wanted = int(model.pictures.image_encoder.config["points"]), POINTS * len(task.tools)
    if known != wanted:
        raise DreamitateError(
            f"The model in {start} knows {known} points of the tools of {task.name}, today's have {wanted}: it is of an"
            " earlier version. Train a whole one anew."
        )
    return model, info


def save_part(out: Path, model: StereoModel, info: dict[str, Any], start: Path) -> None:
    """Write the whole model into `<out>/model`, with the learning curves of where it started."""
    save_small(out / "model", model, info)
    for curve in ("curve.csv", "closer.csv"):
        if (start / curve).is_file():
            shutil.copyfile(start / curve, out / "model" / curve)
