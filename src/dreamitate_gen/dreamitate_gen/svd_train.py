"""Fine-tuning of Stable Video Diffusion on stereo clips, as in the paper (section 4.1, table 3).

Encoder and decoder are frozen; what they make of the clips is computed once. The UNet is trained with SVD's own
log-normal noise and preconditioning. Every process draws the random numbers of the whole batch and computes its share,
so that a run on many processes is the run on one.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task

from . import noise
from .activation_memory import compute_again
from .checkpoint import load_checkpoint, save_checkpoint
from .curves import Curves
from .latent_cache import LatentCache, find_clips
from .model_source import local_folder
from .revision import revision
from .sample import sample
from .stereo_unet import FRAMES
from .svd_export import export_svd
from .svd_folder import load_svd
from .trained_set import choose_trained


@dataclass(frozen=True)
class SvdSettings:
    """Training of SVD; a task's `training` section in its file under config/tasks overrides these (paper table 3)."""

    trainable: str = "attention"
    learning_rate: float = 1e-5
    batch: int = 4
    """Clips per step over all processes."""
    micro_batch: int = 1
    """Clips that one process computes at a time."""
    steps: int = 16384
    warm_up: int = 100
    p_mean: float = 0.7
    p_std: float = 1.6
    augmentations: int = 4
    """Strengths of noise on each photo."""
    optimizer: str = "adam"
    """adam, or adam8bit (bitsandbytes, on NVIDIA GPUs)."""
    ema: float = 0.0
    """Share that the moving average of the weights keeps at each step, e.g. 0.999; 0: there is none."""
    lora_rank: int = 16
    clip_gradient: float = 1.0
    save_every: int = 500
    sheet_every: int = 1000
    """Steps between two sheets of dreams; 0: none."""
    seed: int = 0


def settings_of(task: Task, changes: dict[str, str]) -> SvdSettings:
    """Return the settings of a task's file with changes by name. Raises DreamitateError for unknown or wrong ones."""
    settings = SvdSettings()
    known: dict[str, Any] = {field.name: type(getattr(settings, field.name)) for field in fields(SvdSettings)}
    given = {**task.section("training"), **changes}
    for name, value in given.items():
        if name not in known:
            raise DreamitateError(f"Unknown training setting {name!r}. Known: {', '.join(sorted(known))}.")
        try:
            settings = replace(settings, **{name: known[name](value)})
        except ValueError:
            raise DreamitateError(
                f"The training setting {name} must be {known[name].__name__}, not {value!r}."
            ) from None
    if settings.steps < 1 or settings.batch < 1 or settings.micro_batch < 1 or settings.augmentations < 1:
        raise DreamitateError("The training settings steps, batch, micro_batch and augmentations must be at least 1.")
    return settings


class SvdRun:
    """A run: the model, what is trained of it, optimiser, random state, and how far it is."""

    def __init__(self, task: Task, base: Path, out: Path, settings: SvdSettings) -> None:
        self.task, self.base, self.out, self.settings = task, base, out, settings
        self.accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
        torch.manual_seed(settings.seed)
        self.random = torch.Generator().manual_seed(settings.seed)
        self.step = 0
        full_precision = {**task.settings, "generator": {**task.section("generator"), "dtype": "float32"}}
        self.model, self.model_settings = load_svd(base, replace(task, settings=full_precision))
        self.unet: Any = self.model.unet
        self.trained = choose_trained(self.unet, settings.trainable, settings.lora_rank)
        compute_again(self.unet)
        self.state = nn.ParameterDict({name.replace(".", "/"): value for name, value in self.trained.items()})
        self.average: nn.ParameterDict | None = None
        self.optimizer = _optimizer(settings, list(self.trained.values()))

    def place(self, size: tuple[int, int]) -> None:
        """Move the UNet to the device, with what has been trained so far, and wrap it for many processes."""
        self.model.width, self.model.height = size
        self.model.pictures.to("cpu")
        self.unet.train().to(self.accelerator.device)
        if self.settings.ema:
            self.average = nn.ParameterDict(
                {name: nn.Parameter(value.detach().clone(), requires_grad=False) for name, value in self.state.items()}
            )
        self.resume()
        self.model.unet, self.optimizer = self.accelerator.prepare(self.unet, self.optimizer)

    def train_step(self, cache: LatentCache) -> float:
        """Take one step and return the loss over the whole batch."""
        settings, accelerator = self.settings, self.accelerator
        rate = settings.learning_rate * min(1.0, (self.step + 1) / max(settings.warm_up, 1))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        drawn = self._draw(cache)
        count = accelerator.num_processes
        own = range(accelerator.process_index, settings.batch, count)
        parts = [own[i : i + settings.micro_batch] for i in range(0, len(own), settings.micro_batch)]
        total = torch.zeros((), device=accelerator.device)
        for number, rows in enumerate(parts, start=1):
            last = number == len(parts)
            with nullcontext() if last else accelerator.no_sync(self.model.unet):
                loss = self._loss(cache, drawn, rows) / settings.batch
                accelerator.backward(loss * count)  # gradients are averaged over the processes
            total += loss.detach()
        accelerator.clip_grad_norm_(self.trained.values(), settings.clip_gradient)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        if self.average is not None:
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), list(self.state.values()), 1 - settings.ema)
        return float(accelerator.reduce(total, "sum"))

    def _draw(self, cache: LatentCache) -> tuple[list[int], Tensor, Tensor, Tensor]:
        """Return clips, strengths of noise on their photos, noise levels and noise of the whole batch."""
        batch = self.settings.batch
        indices = [clip_at(self.step * batch + i, len(cache), self.settings.seed) for i in range(batch)]
        variants = torch.randint(self.settings.augmentations, (batch,), generator=self.random)
        sigma = noise.sample_sigma(batch, self.settings.p_mean, self.settings.p_std, self.random)
        shape = cache.read(indices[0])["video"].shape
        return indices, variants, sigma, torch.randn((batch, *shape), generator=self.random)

    def _loss(self, cache: LatentCache, drawn: tuple[list[int], Tensor, Tensor, Tensor], rows: Sequence[int]) -> Tensor:
        """Return the sum of the rows' losses: SVD's weighted squared error of the clean latents."""
        indices, variants, sigma, epsilon = drawn
        device, picked = self.accelerator.device, list(rows)
        clips = [cache.read(indices[row]) for row in picked]
        clean = torch.stack([clip["video"] for clip in clips]).to(device)
        chosen = [int(variants[row]) for row in picked]
        photos = torch.stack([clip["photos"][v] for clip, v in zip(clips, chosen, strict=True)]).to(device)
        strengths = torch.stack([clip["strengths"][v] for clip, v in zip(clips, chosen, strict=True)]).to(device)
        embeddings = torch.stack([clip["embeddings"] for clip in clips]).to(device)
        conditions = self.model.pictures.frame_conditions(embeddings, photos, strengths, range(FRAMES))
        level = sigma[picked].to(device)
        noisy = clean + level.view(-1, 1, 1, 1, 1) * epsilon[picked].to(device)
        with self.accelerator.autocast():
            estimate = self.model.denoise(noisy, level, conditions)
        error = (estimate.float() - clean).square().mean((1, 2, 3, 4))
        return (error * noise.loss_weight("v_prediction", level)).sum()

    def dream(self, cache: LatentCache, index: int) -> tuple[Tensor, Tensor]:
        """Return a training clip and a dream of its photos, (25, 3, H, W) each, leaving the random state alone."""
        clip = {name: value.to(self.accelerator.device) for name, value in cache.read(index).items()}
        pictures = self.model.pictures
        conditions = pictures.frame_conditions(
            clip["embeddings"][None], clip["photos"][:1], clip["strengths"][:1], range(FRAMES)
        )
        random = torch.Generator().manual_seed(self.settings.seed)
        wrapped, self.model.unet = self.model.unet, self.unet.eval()
        with torch.no_grad(), self.accelerator.autocast():
            levels = noise.sigmas(**self.model_settings["sampling"])
            latents = sample(self.model, conditions, levels, random)
        self.model.unet = wrapped
        self.unet.train()
        pictures.to(self.accelerator.device)
        with torch.no_grad():
            shown = [
                pictures.decode(video, conditions.channels, range(FRAMES))[0]
                for video in (clip["video"][None], latents)
            ]
        pictures.to("cpu")
        return shown[0], shown[1]

    def save(self) -> None:
        """Write the checkpoint, from one process."""
        if self.accelerator.is_main_process:
            counters = {"step": self.step, "settings": asdict(self.settings)}
            folder = self.out / "checkpoint"
            save_checkpoint(folder, self.state, self.average, _inner(self.optimizer), self.random, counters)
        self.accelerator.wait_for_everyone()

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        counters = load_checkpoint(self.out / "checkpoint", self.state, self.average, self.optimizer, self.random)
        self.step = int(counters.get("step", 0))


def train_svd(task: Task, data: Path, base: Path, out: Path, settings: SvdSettings, progress: Progress = quiet) -> Path:
    """Fine-tune the SVD in `base` (a folder or a hub id) on the clips in `data`; return `<out>/model`.

    Goes on where `<out>/checkpoint` stopped, bit for bit on one machine. Under `accelerate launch` each process
    computes its share of the batch. Raises DreamitateError that names the clip or the setting that is wrong, before it
    trains.
    """
    base, out = local_folder(Path(base)), Path(out)
    clips = find_clips(data)
    out.mkdir(parents=True, exist_ok=True)
    run = SvdRun(task, base, out, settings)
    accelerator = run.accelerator
    if settings.batch % accelerator.num_processes:
        raise DreamitateError(
            f"The batch of {settings.batch} must be a multiple of the {accelerator.num_processes} processes."
        )
    cache = _fill(run, clips, progress if accelerator.is_main_process else quiet)
    curves = Curves(out, run.step) if accelerator.is_main_process else None
    losses: list[float] = []
    while run.step < settings.steps:
        losses.append(run.train_step(cache))
        if curves is not None:
            progress("training", run.step / settings.steps)
            curves.add(run.step, {"loss": losses[-1], "learning_rate": run.optimizer.param_groups[0]["lr"]})
            if settings.sheet_every and run.step % settings.sheet_every == 0:
                curves.add_sheet(run.step, *run.dream(cache, 0))
        if run.step % settings.save_every == 0 or run.step == settings.steps:
            run.save()
    if curves is not None:
        curves.close()
        facts = {
            "data": Path(data).name, "clips": len(clips), "git_revision": revision(), "steps": run.step,
            "training": asdict(settings), "trained_parameters": sum(p.numel() for p in run.trained.values()),
            "loss_last_100_steps": sum(losses[-100:]) / max(len(losses[-100:]), 1),
        }  # fmt: skip
        export_svd(out / "model", base, run.unet, run.trained, run.average, run.model, task, facts)
    accelerator.wait_for_everyone()
    return out / "model"


def clip_at(number: int, count: int, seed: int) -> int:
    """Return which clip comes at a place in the endless series of shuffled rounds through all `count` clips."""
    turn, place = divmod(number, count)
    return int(torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + turn))[place])


def _fill(run: SvdRun, clips: list[Path], progress: Progress) -> LatentCache:
    cache, accelerator, settings = (
        LatentCache(run.out / "latents", [clip.name for clip in clips]),
        run.accelerator,
        run.settings,
    )
    encoders = sorted([*run.base.glob("vae/*"), *run.base.glob("image_encoder/*")])
    if accelerator.is_main_process:
        cache.prepare({
            "base": str(run.base.resolve()), "seed": settings.seed, "augmentations": settings.augmentations,
            "encoders": {str(path.relative_to(run.base)): path.stat().st_size for path in encoders},
        })  # fmt: skip
    accelerator.wait_for_everyone()
    run.model.pictures.to(accelerator.device)
    share = accelerator.process_index, accelerator.num_processes
    augmentation = settings.augmentations, settings.seed
    size = cache.fill(run.model.pictures, clips, run.task.name, augmentation, share, accelerator.device, progress)
    accelerator.wait_for_everyone()
    run.place(size)
    return cache


def _optimizer(settings: SvdSettings, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, settings.learning_rate)
    if settings.optimizer != "adam8bit":
        raise DreamitateError(f"Unknown optimizer {settings.optimizer!r}. Known: adam, adam8bit.")
    try:
        adam: torch.optim.Optimizer = import_module("bitsandbytes").optim.Adam8bit(parameters, settings.learning_rate)
    except ImportError:
        raise DreamitateError("The optimizer adam8bit needs bitsandbytes: pip install bitsandbytes.") from None
    return adam


def _inner(optimizer: Any) -> torch.optim.Optimizer:
    """Return the optimiser that accelerate wrapped."""
    found: torch.optim.Optimizer = getattr(optimizer, "optimizer", optimizer)
    return found
