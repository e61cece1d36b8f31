"""Diffusion Policy, the paper's baseline: two photos in, the next 12 poses of the tools out, in one open loop."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreamitate_core.camera import Image, StereoRig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task, load_task
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import STEPS
from dreamitate_gen.photos import fitted_photos
from dreamitate_gen.precision import half_where_faster

from .policy_network import NetworkSize, PolicyNetwork
from .policy_poses import to_paths

KIND = "diffusion_policy"
WEIGHTS = "model.safetensors"
NOISE: dict[str, Any] = {
    "num_train_timesteps": 100,
    "beta_schedule": "squaredcos_cap_v2",
    "clip_sample": True,
    "prediction_type": "sample",
}
"""Diffusion Policy's: 100 levels of noise, cosine schedule. The network estimates the path itself, which it learns in
a small part of the steps that estimating the noise takes (Diffusion Policy can do both)."""
SAMPLING_STEPS = 16
DOUBT = 1e-6 * np.eye(6)
"""A policy does not say how sure it is; the planner wants a covariance."""


class DiffusionPolicy:
    """A trained policy, ready to be asked."""

    def __init__(self, task: Task, folder: Path) -> None:
        """Raises DreamitateError where the model is missing, not whole, or another task's."""
        self.task = task
        self.settings = read_settings(folder)
        if self.settings["task"] != task.name or self.settings["tools"] != task.tools:
            raise DreamitateError(
                f"{folder} was trained for {self.settings['task']} with {', '.join(self.settings['tools'])},"
                f" not for {task.name} with {', '.join(task.tools)}."
            )
        self.network = _load_network(Path(folder), self.settings)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network.to(self.device)

    def predict(self, photo_1: Image, photo_2: Image, rig: StereoRig, seed: int) -> dict[str, ToolTrajectory]:
        """Return each tool's path at t = 1..12, in the frame "table", from photos (H, W, 3) RGB as the rig's cameras
        take them; `sample` says how. Raises DreamitateError for photos that do not fit the rig."""
        size = self.network.config
        one, two, _ = fitted_photos(photo_1, photo_2, rig, size["width"], size["height"])
        photos = torch.from_numpy(np.stack([one, two])).permute(0, 3, 1, 2).float().div(255)
        drawn = sample(self.network, photos[None].to(self.device), torch.Generator().manual_seed(seed))
        lower, upper = (np.array(self.settings[name]) for name in ("lower", "upper"))
        paths = to_paths(lower + (drawn[0].cpu().double().numpy() + 1) / 2 * (upper - lower))
        time_s = np.arange(1, STEPS + 1) / self.task.fps
        certain = np.tile(DOUBT, (STEPS, 1, 1)), np.ones(STEPS), np.full(STEPS, int(Status.OK))
        return {
            name: ToolTrajectory(name, "table", time_s, path, *certain)
            for name, path in zip(self.task.tools, paths, strict=True)
        }


@torch.no_grad()
def sample(network: PolicyNetwork, photos: Tensor, random: torch.Generator) -> Tensor:
    """Return sequences (N, 12, A) in -1..1 for photos (N, 2, 3, H, W) in 0..1, from noise in 16 steps of DDIM."""
    scheduler: Any = DDIMScheduler(**NOISE)
    scheduler.set_timesteps(SAMPLING_STEPS)
    noise = torch.randn((len(photos), STEPS, network.config["numbers"]), generator=random)
    with half_where_faster(photos.device):
        features = network.encode(photos)
    sequence = noise.to(photos.device)
    for level in scheduler.timesteps:
        levels = level.to(photos.device).expand(len(photos))
        estimate = network(sequence, levels, features.float())
        sequence = scheduler.step(estimate, int(level), sequence).prev_sample
    return sequence


@lru_cache(maxsize=4)
def load_policy(task_name: str, folder: Path) -> DiffusionPolicy:
    """Return the policy in a folder; a process that asks for it again gets the same one."""
    return DiffusionPolicy(load_task(task_name), folder)


def save_policy(folder: Path, network: PolicyNetwork, info: dict[str, Any]) -> None:
    """Write a model directory: `model.json` with the networks' sizes and `info`, and weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.detach().half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(half, folder / WEIGHTS)
    (folder / "model.json").write_text(json.dumps({"kind": KIND, **info, "network": network.config}, indent=1) + "\n")


def read_settings(folder: Path) -> dict[str, Any]:
    """Return `model.json`. Raises DreamitateError where it is missing or another kind of model's."""
    path = Path(folder) / "model.json"
    if not path.is_file():
        raise DreamitateError(
            f"No trained policy in {folder}. Train one: dreamitate train --policy {KIND} --task TASK --data DIR"
        )
    try:
        settings = json.loads(path.read_text())
    except ValueError as error:
        raise DreamitateError(f"{path} is not JSON: {error}.") from None
    if not isinstance(settings, dict) or settings.get("kind") != KIND:
        raise DreamitateError(f"{path} is of another kind of model than {KIND}.")
    return settings


def _load_network(folder: Path, settings: dict[str, Any]) -> PolicyNetwork:
    try:
        network = PolicyNetwork(NetworkSize(**settings["network"]))
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise DreamitateError(f"The policy in {folder} is not whole: {first}. Train it again.") from None
    return network.float().eval()
