"""The generator `svd`: Stable Video Diffusion's architecture, made stereo."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core.camera import StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.paths import models_dir
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task
from dreamitate_core.tool import load_tool
from dreamitate_core.video import STEPS, StereoVideo

from .agreement import agreed_paths, pixels_of
from .closer import closer_path
from .confidence import confidence
from .faster import make_faster
from .model_folder import load_model
from .noise import sigmas
from .offload import take_turns
from .photos import fitted_photos
from .picture_size import PictureSize
from .places import Places
from .precision import half_where_faster
from .sample import sample
from .stereo_unet import FRAMES


class SvdGenerator:
    """A trained model, by default `models/<task>`: a small one, or SVD in diffusers' layout, a folder or a hub id."""

    def __init__(self, task: Task, folder: Path | None = None) -> None:
        self.task = task
        self.folder = Path(folder) if folder is not None else models_dir() / task.name
        self.model, self.settings = load_model(self.folder, task)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        pictures = self.model.pictures
        if not self._is_small:
            make_faster(self.model.unet, pictures.vae, self.settings)
        if self.settings.get("cpu_offload", False):
            parts = [pictures.image_encoder, pictures.vae, self.model.unet]
            take_turns([part for part in parts if part is not None], self.device)
        else:
            self.model.to(self.device)
        self.tools = [load_tool(name) for name in task.tools]

    def dreams(
        self,
        photo_1: NDArray[np.uint8],
        photo_2: NDArray[np.uint8],
        rig: StereoRig,
        seed: int,
        progress: Progress = quiet,
    ) -> list[Clip]:
        """Return dreams of photos (H, W, 3), see `registry.Generator`, as many as `model.json` or the task's file says
        (`dreams`), made in one batch. The same seed gives the same dreams."""
        size = self.model.width, self.model.height, self.model.region
        one, two, small_rig = fitted_photos(photo_1, photo_2, rig, *size)
        count = int(self.settings.get("dreams", 1))
        photos = torch.stack([_to_tensor(one), _to_tensor(two)])[None].to(self.device)
        points = self._agreed_points(photo_1, photo_2, rig, seed, count) if self._is_small else None
        frames = self.dream_frames(photos.expand(count, -1, -1, -1, -1), seed, progress, points)
        pictures = (frames.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 1, 3, 4, 2).cpu().numpy()
        clips = []
        for number, dream in enumerate(pictures):
            video = StereoVideo(dream[: STEPS + 1], dream[STEPS + 1 :], self.task.fps)
            info = {"task": self.task.name, "seed": seed, "made_by": "svd", "model": self.folder.name}
            clip = Clip(video, one, two, small_rig, self.tools, {**info, "dream": number + 1, "of": count})
            clip.info["confidence"] = confidence(clip).as_info()
            clips.append(clip)
        return sorted(clips, key=lambda clip: -float(clip.info["confidence"]["value"]))

    def dream_frames(
        self, photos: Tensor, seed: int, progress: Progress = quiet, points: Tensor | None = None
    ) -> Tensor:
        """Return frames (B, 25, 3, H, W) in 0..1 of photos (B, 2, 3, H, W) of the model's own size.

        points: pixels (B, 2, 12, P, 2) of the tools, which the small model is told; by default its likeliest ones.
        """
        levels = sigmas(**self.settings["sampling"])
        guidance = float(self.settings.get("guidance", 1.0))
        generator = torch.Generator().manual_seed(seed)
        frames = list(range(FRAMES))
        with torch.no_grad(), self._precision:
            told = {"random": generator} if points is None else {"points": points}
            conditions = self.model.pictures.conditions(photos, frames, **told)
            latents = sample(self.model, conditions, levels, generator, guidance, progress)
            decoded: Tensor = self.model.pictures.decode(latents, photos, frames, conditions)
        return decoded

    def _agreed_points(
        self, photo_1: NDArray[np.uint8], photo_2: NDArray[np.uint8], rig: StereoRig, seed: int, count: int
    ) -> Tensor:
        size, pictures = PictureSize(self.model.width, self.model.height, self.model.region), self.model.pictures
        photos, first, closer = (photo_1, photo_2), self._answers(pictures.places), pictures.closer_size
        paths = agreed_paths(first, photos, rig, size, self.task, seed, count)
        if closer is not None:
            again = self._answers(pictures.closer_places)
            looked = [closer_path(again, photos, rig, closer, self.task, path, seed) for path in paths]
            paths = np.stack(looked)
        return pixels_of(paths, rig, size).to(self.device)

    def _answers(self, places: Callable[[Tensor], Places]) -> Callable[[Tensor], Places]:
        """Return an image encoder's answers to photos that lie on the CPU."""

        def answers(photos: Tensor) -> Places:
            with torch.no_grad(), self._precision:
                return places(photos.to(self.device))

        return answers

    @property
    def _is_small(self) -> bool:
        return bool(self.settings["kind"] == "small")

    @property
    def _precision(self) -> AbstractContextManager[object]:
        """The small model's weights are float32; SVD's have the precision they compute in."""
        return half_where_faster(self.device) if self._is_small else nullcontext()


def _to_tensor(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255
