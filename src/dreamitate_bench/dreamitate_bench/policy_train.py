"""Training of the Diffusion Policy baseline on demonstrations, in resumable stretches."""

import copy
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from torch import Tensor

from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.revision import git_revision
from dreamitate_core.task import Task
from dreamitate_gen.checkpoint import load_checkpoint, save_checkpoint
from dreamitate_gen.curves import Curves
from dreamitate_gen.dataset import mirrored_part, relit
from dreamitate_gen.denormals import denormals_flushed
from dreamitate_gen.moves import farthest_moves, moved_paths, moved_photos, random_move, workspace_m
from dreamitate_gen.precision import half_where_faster

from .policy import NOISE, read_settings, save_policy
from .policy_card import write_card
from .policy_clips import HEIGHT, WIDTH, PolicyClips, prepare
from .policy_network import NetworkSize, PolicyNetwork
from .policy_poses import NUMBERS, limits, to_numbers

SAVE_EVERY_S = 600.0
RECORD_EVERY = 20
"""Steps per row of the learning curve."""


@dataclass
class PolicySettings:
    """Training of the policy. How long: budget_s or samples if not 0, else epochs; draws: noises per photo, for
    the photos are what takes the time.

    Diffusion Policy's own, on real pictures, has the same batch, a warm-up of 500 steps, channels of 512, 1024 and 2048
    and a rate of 1e-4. One CPU core has no time for so many channels; a training that is so much shorter begins sooner,
    at a higher rate.
    """

    epochs: int = 200
    samples: int = 0
    budget_s: float = 0.0
    batch: int = 16
    draws: int = 4
    learning_rate: float = 3e-4
    warm_up: int = 200
    weight_decay: float = 1e-6
    average_power: float = 0.75
    most_average: float = 0.9999
    channels: tuple[int, ...] = (128, 256, 512)
    seed: int = 0
    threads: int = 1


class PolicyRun:
    """A training run: network, average, optimiser, random state, and how far it is."""

    def __init__(self, task: Task, clips: PolicyClips, out: Path, settings: PolicySettings) -> None:
        self.task, self.clips, self.out, self.settings = task, clips, Path(out), settings
        self.mirrored = mirrored_part(task) != "nothing"
        torch.manual_seed(settings.seed)
        self.random = torch.Generator().manual_seed(settings.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        size = NetworkSize(NUMBERS * len(task.tools), WIDTH, HEIGHT, settings.channels)
        self.network = PolicyNetwork(size).to(self.device)
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            settings.learning_rate,
            betas=(0.95, 0.999),
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self.noise: Any = DDPMScheduler(**NOISE)
        self.workspace = workspace_m(task)
        moved = [moved_paths(clips.paths, move) for move in farthest_moves(self.mirrored, task.turn_rad)]
        self.lower, self.upper = limits(np.concatenate(moved))
        self.step, self.seen, self.elapsed_s = 0, 0, 0.0

    @property
    def done(self) -> float:
        """Fraction of the run that is over, 0..1."""
        settings = self.settings
        if settings.budget_s:
            return min(self.elapsed_s / settings.budget_s, 1.0)
        return min(self.seen / (settings.samples or settings.epochs * len(self.clips)), 1.0)

    def train_step(self) -> tuple[float, float]:
        """Take one step; return its loss, and what it would be with the photos of other clips: as large, as long as
        the network does not see what they show."""
        settings = self.settings
        rate = min(1.0, (self.step + 1) / settings.warm_up) * (0.5 + 0.5 * math.cos(math.pi * self.done))
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * rate
        photos, wanted = self._batch(self._next_indices())
        repeated = wanted.repeat_interleave(settings.draws, 0)
        level = torch.randint(NOISE["num_train_timesteps"], (len(repeated),), generator=self.random)
        noise = torch.randn(repeated.shape, generator=self.random)
        noisy = self.noise.add_noise(repeated, noise, level).to(self.device)
        with half_where_faster(self.device):
            features = self.network.encode(photos.to(self.device)).repeat_interleave(settings.draws, 0)
            estimate = self.network(noisy, level.to(self.device), features)
        loss = (estimate.float() - repeated.to(self.device)).square().mean()
        with half_where_faster(self.device), torch.no_grad():
            elsewhere = self.network(noisy, level.to(self.device), features.roll(settings.draws, 0))
            blind = (elsewhere.float() - repeated.to(self.device)).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.step += 1
        self.seen += len(photos)
        keep = min(settings.most_average, 1 - (1 + self.step) ** -settings.average_power)
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - keep)
        return float(loss.detach()), float(blind)

    def _next_indices(self) -> list[int]:
        """Which clips come next: every clip once per epoch, each epoch in an order of its own."""
        indices = []
        for place in range(self.seen, self.seen + self.settings.batch):
            epoch, rank = divmod(place, len(self.clips))
            order = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + epoch)
            indices.append(int(torch.randperm(len(self.clips), generator=order)[rank]))
        return indices

    def _batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return photos (N, 2, 3, H, W) in 0..1 and sequences (N, 12, A) in -1..1, each clip moved and relit."""
        photos, sequences = [], []
        for index in indices:
            path = self.clips.paths[index]
            origins = path[..., :3, 3].reshape(-1, 3)
            move = random_move(self.random, self.mirrored, self.task.turn_rad, origins, self.workspace)
            pair, rig = self.clips.read_photos(index), self.clips.rigs[index]
            pictures = torch.from_numpy(moved_photos(pair, rig, move, self.task.surface_height_m))
            photos.append(relit(pictures.permute(0, 3, 1, 2).float().div_(255), self.random))
            numbers = to_numbers(moved_paths(path, move))
            sequences.append(2 * (numbers - self.lower) / (self.upper - self.lower) - 1)
        return torch.stack(photos), torch.from_numpy(np.stack(sequences)).float()

    def save(self) -> None:
        """Write the checkpoint and the model directory of the averaged weights."""
        counters = {"step": self.step, "seen": self.seen, "elapsed_s": self.elapsed_s}
        of_clips = {"names": self.clips.names, "lower": self.lower.tolist(), "upper": self.upper.tolist()}
        state = self.network, self.average, self.optimizer, self.random
        save_checkpoint(self.out / "checkpoint", *state, {**counters, **of_clips})
        info: dict[str, Any] = {
            "task": self.task.name,
            "tools": self.task.tools,
            "lower": self.lower.tolist(),
            "upper": self.upper.tolist(),
            "clips": len(self.clips),
            "clips_lost": self.clips.lost,
            "clip_size": self.clips.clip_size,
            **counters,
            "done": self.done,
            "epochs": round(self.seen / len(self.clips), 2),
            "mirrored": self.mirrored,
            "turn_rad": self.task.turn_rad,
            "training": asdict(self.settings),
            "git_revision": git_revision(),
        }
        save_policy(self.out / "model", self.average, info)
        write_card(self.out / "model", info)

    def resume(self) -> bool:
        """Continue from the checkpoint, if there is one. Raises DreamitateError where it has learnt of other clips."""
        counters = load_checkpoint(self.out / "checkpoint", self.network, self.average, self.optimizer, self.random)
        if counters:
            _check_same_clips(counters, self)
            self.step, self.seen, self.elapsed_s = counters["step"], counters["seen"], counters["elapsed_s"]
        return bool(counters)


def _check_same_clips(counters: dict[str, Any], run: PolicyRun) -> None:
    """The numbers that the network gives mean other places where clips, and so their limits, are others."""
    same = np.allclose(counters["lower"], run.lower) and np.allclose(counters["upper"], run.upper)
    if counters["names"] != run.clips.names or not same:
        raise DreamitateError(
            f"{run.out} has learnt from {len(counters['names'])} clips; now there are {len(run.clips)}, or their tracks"
            " have changed. Give it the same clips (--clips N takes the first N), or train into another --out."
        )


def _is_finished(model: Path, run: PolicyRun) -> bool:
    """Whether the model is the run's last one, with its curve, which is written last."""
    return run.done >= 1 and (model / "curve.csv").is_file() and read_settings(model)["step"] == run.step


@denormals_flushed()
def train_policy(
    task: Task,
    data: Path,
    out: Path,
    settings: PolicySettings | None = None,
    workers: int = 0,
    progress: Progress = quiet,
    most_clips: int = 0,
) -> Path:
    """Train the policy on the clip folders in `data`, the first `most_clips` of them if not 0, and return its
    directory, `<out>/model`.

    Goes on where `<out>/checkpoint` stopped, bit for bit on one machine where samples or epochs say how long; what is
    finished is left as it is. The learning curve is `<out>/curve.csv`. workers: processes that track the clips.
    Raises DreamitateError as `policy_clips.prepare` does, and where an earlier part has learnt from other clips.
    """
    settings = settings or PolicySettings()
    clips = prepare(task, data, workers, progress, most_clips)
    torch.set_num_threads(settings.threads)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    run = PolicyRun(task, clips, out, settings)
    run.resume()
    if _is_finished(out / "model", run):
        return out / "model"
    curves = Curves(out, run.step)
    saved = last = time.monotonic()
    losses: list[tuple[float, float]] = []
    while run.done < 1:
        losses.append(run.train_step())
        now = time.monotonic()
        run.elapsed_s += now - last
        last = now
        progress("training", run.done)
        if run.step % RECORD_EVERY == 0 or run.done >= 1:
            row = {"samples": run.seen, "epoch": run.seen / len(clips), "seconds": run.elapsed_s}
            loss, blind = np.mean(losses, axis=0)
            curves.add(run.step, {**row, "loss": loss, "loss_other_photos": blind})
            losses = []
        if now - saved > SAVE_EVERY_S:
            run.save()
            saved = last = time.monotonic()
    run.save()
    curves.close()
    shutil.copyfile(curves.path, out / "model" / "curve.csv")
    return out / "model"
