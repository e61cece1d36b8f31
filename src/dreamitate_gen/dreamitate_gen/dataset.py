"""Training clips: packed once beside the clip folders, read by memory map, augmented on the way out.

A packed clip is `<data>/packed/<clip>.npy`, uint8 (2, 13, H, W, 3): both views at t = 0..12, where t = 0 is the bare
scene; and `<clip>.points.npy`, float32 (2, 12, 3, 2): pixels of the tool's tip, left and right end at t = 1..12.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet


def pack(data: Path, progress: Progress = quiet) -> int:
    """Pack the clip folders in `data` that are not yet packed; return how many clips there are.

    Raises DreamitateError that names the clip which is broken, of another size than the first, or without truth.
    """
    target = Path(data) / "packed"
    folders = sorted(path.parent for path in Path(data).glob("*/clip.json"))
    if not folders and not any(target.glob("*.points.npy")):
        raise DreamitateError(f"{data} holds no clip folders. Make some with `dreamitate demonstrate`.")
    target.mkdir(exist_ok=True)
    shape = next((np.load(p, mmap_mode="r").shape for p in sorted(target.glob("*[0-9].npy"))), None)
    for index, folder in enumerate(folders):
        progress("packing clips", index / len(folders))
        if (target / f"{folder.name}.points.npy").is_file():
            continue
        clip = read_clip(folder)
        views, points = packed_views(clip), tool_points(clip, folder)
        if shape is not None and views.shape != shape:
            raise DreamitateError(
                f"{folder} is {views.shape[3]}x{views.shape[2]}, the clips before it {shape[3]}x{shape[2]}."
            )
        shape = views.shape
        np.save(target / f"{folder.name}.npy", views)
        np.save(target / f"{folder.name}.points.npy", points)
    return len(list(target.glob("*.points.npy")))


def packed_views(clip: Clip) -> NDArray[np.uint8]:
    """Return both views (2, 13, H, W, 3) at t = 0..12, the photos at t = 0."""
    one = np.concatenate([clip.background_1[None], clip.video.view_1[1:]])
    two = np.concatenate([clip.background_2[None], clip.video.view_2])
    return np.stack([one, two])


def tool_points(clip: Clip, source: object) -> NDArray[np.float32]:
    """Return pixels (2, 12, 3, 2) of the first tool's tip, left end and right end at t = 1..12."""
    tool = clip.tools[0]
    if clip.truth is None or tool.name not in clip.truth:
        raise DreamitateError(f"{source} has no truth for the tool {tool.name!r}; training needs it.")
    ends = np.stack([tool.tip, tool.tip, tool.tip])
    ends[1, 0], ends[2, 0] = tool.mesh.bounds[:, 0]
    points = se3.transform_points(clip.truth[tool.name], ends)
    return np.stack([camera.project(points)[0] for camera in clip.rig.cameras]).astype(np.float32)


SHIFT = 8, 5
"""Pixels by which a clip is moved at most, in x and y."""


class PackedClips:
    """The packed clips of a folder; `refresh` finds those that came since."""

    def __init__(self, data: Path) -> None:
        self.folder = Path(data) / "packed"
        self.names: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Look for new clips; those known keep their index."""
        known = set(self.names)
        found = (path.name.removesuffix(".points.npy") for path in self.folder.glob("*.points.npy"))
        self.names += sorted(name for name in found if name not in known)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int, times: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return views (2, len(times), H, W, 3) at those times and points (2, 12, 3, 2)."""
        views = np.load(self.folder / f"{self.names[index]}.npy", mmap_mode="r")
        return views[:, list(times)], np.load(self.folder / f"{self.names[index]}.points.npy")


def batch(
    clips: PackedClips, indices: Sequence[int], times: Sequence[int], random: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return video (B, 2, T, 3, H, W) at `times`, photos (B, 2, 3, H, W), both float in 0..1, points (B, 2, 12, 3, 2).

    random: changes each clip as `augmented` does.
    """
    videos, points = [], []
    for index in indices:
        views, pixels = clips.read(index, [0, *times])
        if random is not None and float(torch.rand((), generator=random)) < 0.5:
            views, pixels = mirrored(views, pixels)
        video, pixels_tensor = torch.from_numpy(np.ascontiguousarray(views)), torch.from_numpy(pixels)
        video = video.permute(0, 1, 4, 2, 3).float().div_(255)
        if random is not None:
            video, pixels_tensor = shifted(video, pixels_tensor, random)
            video = relit(video, random)
        videos.append(video)
        points.append(pixels_tensor)
    stacked = torch.stack(videos)
    return stacked[:, :, 1:], stacked[:, :, 0], torch.stack(points)


def shifted(video: Tensor, points: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the clip (2, T, 3, H, W) moved by some pixels, nearly what a shift of all things on the table does."""
    x, y = (int(torch.randint(-reach, reach + 1, (), generator=random)) for reach in SHIFT)
    height, width = video.shape[-2:]
    rows = (torch.arange(height) - y).clamp(0, height - 1)
    columns = (torch.arange(width) - x).clamp(0, width - 1)
    return video[..., rows, :][..., columns], points + torch.tensor([x, y])


def relit(video: Tensor, random: torch.Generator) -> Tensor:
    """Return the clip (2, T, 3, H, W) in another light."""
    bright = 1 + 0.15 * (2 * torch.rand((), generator=random) - 1)
    colour = 1 + 0.07 * (2 * torch.rand(3, generator=random) - 1)
    offset = 0.02 * (2 * torch.rand((), generator=random) - 1)
    return video.mul((bright * colour).view(3, 1, 1)).add_(offset).clamp_(0, 1)


def mirrored(views: NDArray[np.uint8], points: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return the clip under x -> -x: pictures mirrored, the tool's left and right ends exchanged."""
    points = points[:, :, [0, 2, 1]].copy()
    points[..., 0] = views.shape[3] - 1 - points[..., 0]
    return views[:, :, :, ::-1], points
