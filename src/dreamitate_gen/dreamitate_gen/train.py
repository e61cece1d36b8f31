"""Training of the small model from scratch, in resumable stretches of time."""

import copy
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task
from dreamitate_core.video import STEPS

from . import noise
from .checkpoint import load_checkpoint, save_checkpoint
from .closer_training import FOLDER as CLOSER
from .closer_training import add_closer, end_closer
from .curves import Curves
from .dataset import PackedClips, batch, check_tables, mirrored_part, pack
from .denormals import denormals_flushed
from .effort import samples_seen, training_s
from .finish import FINISH, finish
from .image_encoder import ImageEncoder, tool_weight
from .model_folder import load_small, read_settings, save_small
from .moves import workspace_m
from .patch_codec import PatchCodec
from .picture_size import PictureSize, closer_size, picture_size
from .places import place_loss
from .precision import half_where_faster
from .revision import revision
from .small_pictures import SmallPictures
from .stereo_model import StereoModel
from .stereo_unet import FRAME_TIMES, FRAME_VIEWS, POSITION_CHANNELS, small_unet

BARE = 0
"""The index of the first frame, which repeats the photo."""

PHOTOS = 16
"""Pairs of photos per step while the image encoder is trained alone."""

SAMPLING = {"schedule": "log_uniform", "steps": 3, "sigma_min": 0.3, "sigma_max": 60.0}
"""How the small model dreams, unless `model.json` says otherwise; chosen by the tool's error in dreams."""


@dataclass
class SmallSettings:
    """Training of the small model. steps: 0 lets the time budget decide; otherwise exactly that many."""

    channels: tuple[int, ...] = (64, 96)
    embedding: int = 128
    patch: int = 16
    latents: int = 128
    photo_latents: int = 64
    learning_rate: float = 1e-3
    encoder_learning_rate: float = 5e-4
    """Of the image encoder's places: with 1e-3 their loss rose again by half a nat to a nat after some minutes."""
    warm_up: int = 100
    """Steps of each of the two parts."""
    weight_decay: float = 0.02
    p_mean: float = 1.5
    p_std: float = 1.5
    average: float = 0.998
    places_share: float = 0.4
    """Share of the run in which the image encoder alone is trained: where the tool goes, from photos. Then it is kept,
    for clips cannot be moved on the table as photos can, and by the same few it would only forget how others look."""
    stages: tuple[tuple[float, int, int], ...] = ((0.44, 2, 8), (0.75, 4, 6), (1.0, 12, 4))
    """Until which share of the rest: time steps per clip (12: with the bare frame), batch."""
    place_weight: float = 0.05
    point_error_px: float = 1.0
    refine_share: float = 0.2
    """Share of the time budget that goes to the finishing network, after the rest is trained; 0: none."""
    closer_share: float = 0.0
    """Share of the time budget that goes to the closer look (`closer`); 0: none."""
    tool_weight: float = 8.0
    codec_clips: int = 300
    encoder_widths: tuple[int, int, int] = (32, 128, 192)
    encoder_layers: int = 6
    ways: int = 4
    steps: int = 0
    seed: int = 0
    threads: int = 1


class Run:
    """A training run: networks, average, optimiser, random state, and how far it is.

    It has two parts, each with a learning rate that rises and then falls to nothing: "places", where the tools go, and
    "video", all else.
    """

    def __init__(self, task: Task, clips: PackedClips, out: Path, settings: SmallSettings, budget_s: float) -> None:
        self.task, self.clips, self.out, self.settings, self.budget_s = task, clips, Path(out), settings, budget_s
        self.random = torch.Generator().manual_seed(settings.seed)
        torch.manual_seed(settings.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = new_model(task, clips, picture_size(task), settings).to(self.device)
        self.average = copy.deepcopy(self.model).eval()
        self.trained, self.averaged = _parts(self.model), _parts(self.average)
        self.full_rates = {"places": settings.encoder_learning_rate, "video": settings.learning_rate}
        groups = [{"params": parameters} for parameters in self.trained.values()]
        self.optimizer = torch.optim.AdamW(
            groups, settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay, fused=True
        )
        self.step, self.video_steps, self.seen, self.elapsed_s = 0, 0, 0, 0.0
        self.begun_seen, self.begun_s = 0, 0.0

    @property
    def done(self) -> float:
        """Fraction of the run that is over, 0..1."""
        if self.settings.steps:
            return min(self.step / self.settings.steps, 1.0)
        return min(self.elapsed_s / self.budget_s, 1.0)

    def train_step(self) -> tuple[float, float]:
        """Take one step; return the denoising loss and the loss of the tool's likely places; NaN: the other part's."""
        settings = self.settings
        part, done, steps = self._part()
        share = min(1.0, (steps + 1) / settings.warm_up) * (0.5 + 0.5 * math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = max(share * self.full_rates[part], 1e-6)
        if part == "video" and steps == 0:
            self._keep_places()
        for parameter in self.trained["places"]:
            parameter.requires_grad_(part == "places")
        times_count, count = self._stage()
        loss, parts = self._loss(times_count, count)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.video_steps += part == "video"
        self.seen += count
        keep = min(settings.average, (steps + 1) / (steps + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.averaged[part], self.trained[part], 1 - keep)
        return parts

    def _part(self) -> tuple[str, float, int]:
        """Return which part of the run this is, how much of it is over, 0..1, and how many steps it has had."""
        share = self.settings.places_share
        if self.done < share:
            return "places", self.done / share, self.step
        return "video", (self.done - share) / (1 - share), self.video_steps

    def _keep_places(self) -> None:
        """Go on with the averaged weights of what is not trained any more."""
        with torch.no_grad():
            for parameter, value in zip(self.trained["places"], self.averaged["places"], strict=True):
                parameter.copy_(value)

    def _stage(self) -> tuple[int, int]:
        """Return time steps per clip, 0 for the image encoder alone, and clips per batch."""
        part, done, _ = self._part()
        if part == "places":
            return 0, PHOTOS
        return next((times, count) for until, times, count in self.settings.stages if done <= until)

    def _loss(self, times_count: int, count: int) -> tuple[Tensor, tuple[float, float]]:
        settings, pictures = self.settings, self.model.pictures
        indices = torch.randint(len(self.clips), (count,), generator=self.random).tolist()
        if times_count == 0:
            _, photos, points = (t.to(self.device) for t in batch(self.clips, indices, [], self.random))
            with half_where_faster(self.device):
                likely = pictures.places(photos)
            places = place_loss(likely, points)
            return settings.place_weight * places, (float("nan"), float(places.detach()))
        times, frames = self._choose_frames(times_count)
        video, photos, points = (t.to(self.device) for t in batch(self.clips, indices, times, self.random))
        video = joined_views(video, photos, bare=BARE in frames)
        clean = pictures.encode(video, photos, frames)
        sigma = noise.sample_sigma(count, settings.p_mean, settings.p_std, self.random).to(self.device)
        level = sigma.view(-1, 1, 1, 1, 1)
        noisy = clean + level * torch.randn(clean.shape, generator=self.random).to(self.device)
        with half_where_faster(self.device):
            conditions = pictures.conditions(photos, frames, self._blurred(points))
            estimate = self.model.denoise(noisy, sigma, conditions)
        weight = frame_weight(points, frames, clean.shape[-2:], settings.patch, settings.tool_weight)
        error = ((estimate - clean).square().mean(2) * weight).mean((1, 2, 3))
        video_loss = (error * noise.loss_weight(self.model.prediction, sigma)).mean()
        return video_loss, (float(video_loss.detach()), float("nan"))

    def _blurred(self, points: Tensor) -> Tensor:
        """Return points with errors as the image encoder makes them, so that the UNet learns to even them out."""
        error = torch.randn(points.shape, generator=self.random).to(points.device)
        return points + self.settings.point_error_px * error

    def _choose_frames(self, count: int) -> tuple[list[int], list[int]]:
        """Return time steps, and the frames of the 25 that show them."""
        if count >= STEPS:
            return list(range(1, STEPS + 1)), list(range(len(FRAME_TIMES)))
        order = torch.randperm(STEPS, generator=self.random)[:count]
        times = sorted(int(t) + 1 for t in order)
        return times, [*times, *(STEPS + t for t in times)]

    def save(self, info: dict[str, Any]) -> None:
        """Write the checkpoint, and the model directory of the averaged weights as they are before the later parts."""
        folder = self.out / "checkpoint"
        save_checkpoint(folder, self.model, self.average, self.optimizer, self.random, self._counters)
        self.export(info, self.done * (1 - self.settings.refine_share - self.settings.closer_share))

    def export(self, info: dict[str, Any], done: float) -> None:
        """Write the model directory of the averaged weights. done: fraction of the whole training, 0..1."""
        settings = {**info, "done": done, **self._counters, "sampling": SAMPLING, "training": asdict(self.settings)}
        save_small(self.out / "model", self.average, settings)

    @property
    def _counters(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "video_steps": self.video_steps,
            "seen": self.seen,
            "elapsed_s": self.elapsed_s,
            "begun_seen": self.begun_seen,
            "begun_s": self.begun_s,
        }

    def resume(self) -> bool:
        """Continue from the checkpoint, if there is one. Raises DreamitateError for another network's or version's."""
        counters = load_checkpoint(self.out / "checkpoint", self.model, self.average, self.optimizer, self.random)
        if counters:
            if set(counters) != set(self._counters):
                raise DreamitateError(f"The checkpoint in {self.out} is of another version; train into another folder.")
            self.step, self.video_steps = counters["step"], counters["video_steps"]
            self.seen, self.elapsed_s = counters["seen"], counters["elapsed_s"]
            self.begun_seen, self.begun_s = counters["begun_seen"], counters["begun_s"]
        return bool(counters)


def _parts(model: StereoModel) -> dict[str, list[Tensor]]:
    """Return the parameters that say where tools go, and those of all else that makes the video."""
    encoder = model.pictures.image_encoder
    of_video: list[Tensor] = [*encoder.video_parameters(), *model.unet.parameters()]
    known = {id(parameter) for parameter in of_video}
    return {"places": [p for p in encoder.parameters() if id(p) not in known], "video": of_video}


@denormals_flushed()
def train(
    task: Task,
    data: Path,
    out: Path,
    time_budget_s: float = 3600.0,
    settings: SmallSettings | None = None,
    start: Path | None = None,
    save_every_s: float = 300.0,
    progress: Progress = quiet,
    most_clips: int = 0,
) -> Path:
    """Train a small model on the clips in `data`, the first `most_clips` of them if not 0, and return its directory,
    `<out>/model`.

    Continues where `<out>/checkpoint` stopped, bit for bit on one machine when `settings.steps` says how long, and in
    the closer look's and the finishing network's parts where `<out>/closer` and `<out>/finish` did; new clips that
    appear in `data` are taken up at each checkpoint. start: a model directory to begin from. The learning curve is
    `<out>/curve.csv`, pictures of dreams `<out>/sheet.png`.
    """
    settings = settings or SmallSettings()
    torch.set_num_threads(settings.threads)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    size = picture_size(task)
    pack(data, size, progress, most_clips)
    how_moved = mirrored_part(task), task.turn_rad, workspace_m(task), task.surface_height_m
    clips = PackedClips(data, size, *how_moved, most_clips)
    of_closer = closer_size(task) if settings.closer_share > 0 else None
    if of_closer is not None:
        check_tables(clips)
    run = Run(task, clips, out, settings, time_budget_s * (1 - settings.refine_share - settings.closer_share))
    if not run.resume() and start is not None:
        _start_from(run, start)
    if run.done < 1:
        for later in (FINISH, CLOSER):  # of an earlier state of the model
            shutil.rmtree(out / later, ignore_errors=True)
    elif _is_finished(out / "model", run, of_closer is not None):
        end_closer(out)
        return out / "model"
    curves = Curves(out, run.step)
    info: dict[str, Any] = {"task": task.name, "data": str(Path(data).name), "git_revision": revision()}
    saved, losses, last = time.monotonic(), [], time.monotonic()
    while run.done < 1:
        losses.append(run.train_step())
        now = time.monotonic()
        run.elapsed_s += now - last
        last = now
        progress("training", run.done)
        if run.step % 50 == 0 or run.done >= 1:
            video_loss, place_loss = (sum(column) / len(losses) for column in zip(*losses, strict=True))
            row = {"samples": run.seen, "seconds": run.elapsed_s, "clips": len(run.clips)}
            curves.add(run.step, {**row, "video_loss": video_loss, "place_loss": place_loss})
            losses = []
        if now - saved > save_every_s:
            saved = now
            run.save({**info, "clips": len(run.clips)})
            pack(data, size, most=most_clips)
            run.clips.refresh()
            last = time.monotonic()
    curves.close()
    info = {**info, "clips": len(run.clips)}
    run.save(info)
    before = load_small(start)[0].pictures if start is not None else None
    if of_closer is not None:
        closer_s = time_budget_s * settings.closer_share
        run.average.pictures.closer = before.closer if before is not None else None
        seen = add_closer(run.average, of_closer, task, data, out, closer_s, settings.seed, progress, most_clips)
        info |= {"closer_seen": seen, "closer_s": closer_s}
    if settings.refine_share > 0:
        begun = before.refiner if before is not None else None
        finish_s = time_budget_s * settings.refine_share
        seen = finish(run.average, begun, task, data, out, finish_s, settings.seed, progress, most_clips)
        info |= {"finish_seen": seen, "finish_s": finish_s}
    shutil.copyfile(curves.path, out / "model" / "curve.csv")
    run.export(info, 1.0)
    end_closer(out)
    return out / "model"


def small_settings(task: Task, seed: int, threads: int) -> SmallSettings:
    """Return how the task's small model is trained. Raises DreamitateError where its file says it wrongly."""
    places = _share(task, "places_share", "the image encoder is trained alone", SmallSettings.places_share)
    closer = 0.0
    if closer_size(task) is not None:
        closer = _share(task, "closer_share", "the closer look is trained", 0.3)
    return SmallSettings(places_share=places, closer_share=closer, seed=seed, threads=threads)


def _share(task: Task, name: str, of: str, default: float) -> float:
    share = task.section("small_model").get(name, default)
    highest = 1.0 - SmallSettings.refine_share if name == "closer_share" else 1.0
    if not isinstance(share, float) or not 0.0 < share < highest:
        raise DreamitateError(
            f"small_model in config/tasks/{task.name}.yaml: {name}, the share of the training in which {of}, must be"
            f" between 0 and {highest:g}; it is {share!r}."
        )
    return share


def new_model(task: Task, clips: PackedClips, size: PictureSize, settings: SmallSettings) -> StereoModel:
    """Return an untrained model whose codec is fitted on the clips."""
    generator = task.section("generator")
    codec = PatchCodec(settings.patch, settings.latents, settings.photo_latents)
    video, photos, points = batch(clips, range(min(settings.codec_clips, len(clips))), [2, 6, 10])
    grid = video.shape[-2] // settings.patch, video.shape[-1] // settings.patch
    weight = tool_weight(points[:, :, [1, 5, 9]].flatten(0, 2), *grid, settings.patch, settings.tool_weight)
    codec.fit(video.flatten(0, 2), photos[:, :, None].expand_as(video).flatten(0, 2), weight)
    encoder = ImageEncoder(
        embedding=settings.embedding,
        points=points.shape[3],
        ways=settings.ways,
        widths=settings.encoder_widths,
        layers=settings.encoder_layers,
    )
    pictures = SmallPictures(codec, encoder, float(generator["fps_id"]), float(generator["motion_score"]))
    channels = settings.latents + settings.photo_latents + encoder.config["features"] + POSITION_CHANNELS
    channels += encoder.place_channels(settings.patch)
    unet = small_unet(channels, settings.latents, settings.channels, settings.embedding)
    return StereoModel(pictures, unet, "x0", size.width, size.height, size.region)


def frame_weight(points: Tensor, frames: Sequence[int], grid: Sequence[int], patch: int, strength: float) -> Tensor:
    """Return the weight (B, F, h, w) of each patch of `frames`, given the tools' points (B, 2, 12, P, 2)."""
    views = [FRAME_VIEWS[i] for i in frames]
    own = points[:, views, [max(FRAME_TIMES[i] - 1, 0) for i in frames]]
    weight = tool_weight(own.flatten(0, 1), grid[0], grid[1], patch, strength).unflatten(0, own.shape[:2])
    return torch.where(torch.tensor(frames, device=points.device).view(1, -1, 1, 1) == BARE, 1.0, weight)


def joined_views(video: Tensor, photos: Tensor, bare: bool) -> Tensor:
    """Return frames (B, F, 3, H, W), camera 1 first, of views (B, 2, T, 3, H, W); `bare`: camera 1's photo first."""
    joined = video.flatten(1, 2)
    return torch.cat([photos[:, :1], joined], 1) if bare else joined


def _is_finished(model: Path, run: Run, with_closer: bool) -> bool:
    """Whether the model is the run's, with all that comes after its last step."""
    settings = read_settings(model) if (model / "model.json").is_file() else {}
    whole = settings.get("done") == 1.0 and settings.get("step") == run.step
    return whole and ("closer_s" in settings or not with_closer)


def _start_from(run: Run, folder: Path) -> None:
    model, settings = load_small(folder)
    run.begun_seen, run.begun_s = samples_seen(settings), training_s(settings)
    model.pictures.refiner = model.pictures.closer = None  # they are trained later, by themselves
    try:
        run.model.load_state_dict(model.state_dict())
        run.average.load_state_dict(model.state_dict())
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise DreamitateError(f"{folder} holds another network than the one to train: {first}") from None
