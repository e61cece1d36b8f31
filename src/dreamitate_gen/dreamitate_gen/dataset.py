"""Training clips: packed once beside the clip folders, read by memory map, augmented on the way out.

A packed clip is `<data>/packed_<size>/<clip>.npy`, uint8 (2, 13, H, W, 3): both views at t = 0..12, where t = 0 is the
bare scene; `<clip>.points.npy`, float32 (2, 12, P, 2): pixels of the tools' points (`tool_points`) at t = 1..12;
`<clip>.marks.npy`, float32 (2, 12, M, 2): the same of their marks (`tool_marks`), written last; and, where the cameras'
place over the table is known, what it takes to move the demonstration on the table (`moves`): `<clip>.photos.npy`, the
whole photos, uint8 (2, H0, W0, 3), `<clip>.cameras.json`, and `<clip>.table.npy`, float32 (12, P, 3): the points in the
table frame, metres.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, crop_and_resize, read_rig, write_rig
from dreamitate_core.clip import Clip, clip_folders, read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool, load_tool

from .moves import moved_photos, random_move, spread_move, straightening_move
from .picture_size import PictureSize

POINTS, MARKS = 4, 16
"""Per tool."""
LEFT_RIGHT = [0, 2, 1, 3]
"""The order of one tool's points in the mirror."""
ANYWHERE = np.array([[-np.inf, -np.inf], [np.inf, np.inf]])
Mirrored = Literal["nothing", "photos", "clips"]
PointsOfTool = Callable[[Tool], NDArray[np.float64]]
LAST = ".marks.npy"
"""What the name of the file ends in that says that a clip is packed."""


def pack(data: Path, size: PictureSize, progress: Progress = quiet, most: int = 0) -> int:
    """Pack the clip folders in `data` that are not yet packed, the first `most` of them if not 0; return how many clips
    there are.

    Raises DreamitateError that names the clip which is broken, of another size than the first, or without truth.
    """
    target = Path(data) / size.folder
    folders = clip_folders(data, most)
    if not folders and not any(target.glob(f"*{LAST}")):
        raise DreamitateError(f"{data} holds no clip folders. Make some with `dreamitate demonstrate`.")
    target.mkdir(exist_ok=True)
    for index, folder in enumerate(folders):
        progress("packing clips", index / len(folders))
        if (target / f"{folder.name}{LAST}").is_file():
            continue
        clip = read_clip(folder)
        _check_size(clip, folder, folders[0])
        np.save(target / f"{folder.name}.npy", packed_views(clip, size))
        if clip.rig.transform_reference_to_table is not None:
            np.save(target / f"{folder.name}.photos.npy", np.stack([clip.background_1, clip.background_2]))
            np.save(target / f"{folder.name}.table.npy", points_on_table(clip, folder))
            write_rig(target / f"{folder.name}.cameras.json", clip.rig)
        np.save(target / f"{folder.name}.points.npy", packed_points(clip, size, folder, tool_points))
        np.save(target / f"{folder.name}{LAST}", packed_points(clip, size, folder, tool_marks))
    return len(list(target.glob(f"*{LAST}")))


def _check_size(clip: Clip, folder: Path, first: Path) -> None:
    camera = read_rig(first / "cameras.json").camera_1
    if (clip.video.width, clip.video.height) != (camera.width, camera.height):
        raise DreamitateError(
            f"{folder} is {clip.video.width}x{clip.video.height}, {first} {camera.width}x{camera.height}:"
            " all clips must have one size."
        )


def packed_views(clip: Clip, size: PictureSize) -> NDArray[np.uint8]:
    """Return both views (2, 13, H, W, 3) at t = 0..12, the photos at t = 0."""
    views = [clip.background_1, *clip.video.view_1[1:]], [clip.background_2, *clip.video.view_2]
    fit = size.width, size.height, size.region
    return np.stack([np.stack([crop_and_resize(picture, *fit) for picture in view]) for view in views])


def packed_points(clip: Clip, size: PictureSize, source: object, of_tool: PointsOfTool) -> NDArray[np.float32]:
    """Return pixels (2, 12, P, 2) of the tools' points at t = 1..12, all of the first tool's before the second's.

    of_tool: `tool_points` or `tool_marks`.
    """
    rig = clip.rig.cropped_and_resized(size.width, size.height, size.region)
    return _pixels(rig, _true_points(clip, source, of_tool))


def points_on_table(clip: Clip, source: object) -> NDArray[np.float32]:
    """Return the points (12, P, 3) at t = 1..12 in the table frame, metres, which the clip's rig must know."""
    to_table = clip.rig.transform_reference_to_table
    assert to_table is not None
    return se3.transform_points(to_table, _true_points(clip, source, tool_points)).astype(np.float32)


def _true_points(clip: Clip, source: object, of_tool: PointsOfTool) -> NDArray[np.float64]:
    """Return the points (12, P, 3) in the reference frame."""
    points = []
    for tool in clip.tools:
        if clip.truth is None or tool.name not in clip.truth:
            raise DreamitateError(f"{source} has no truth for the tool {tool.name!r}; training needs it.")
        points.append(se3.transform_points(clip.truth[tool.name], of_tool(tool)))
    return np.concatenate(points, axis=1)


def _pixels(rig: StereoRig, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return pixels (2, 12, P, 2) of points (12, P, 3) in the reference frame."""
    return np.stack([camera.project(points)[0] for camera in rig.cameras]).astype(np.float32)


def tool_points(tool: Tool) -> NDArray[np.float64]:
    """Return the points (4, 3) whose pixels tell a tool's pose, in its frame, metres: the tip, the left and right ends
    beside it, and where the arm holds the tool."""
    middle = tool.mesh.bounds.mean(axis=0)
    across = int(np.abs(middle - tool.tip)[:2].argmin())  # to both sides of the tip
    ends = np.stack([tool.tip, tool.tip, tool.tip, se3.inverse(tool.transform_tool_to_flange)[:3, 3]])
    ends[1, across], ends[2, across] = tool.mesh.bounds[:, across]
    return ends


def tool_marks(tool: Tool) -> NDArray[np.float64]:
    """Return the marks (16, 3) on a tool, in its frame, metres: corners of its mesh, each the farthest from those
    before (Gonzalez, 1985)."""
    corners = np.asarray(tool.mesh.vertices, float)
    nearest = np.linalg.norm(corners - corners.mean(axis=0), axis=1)
    chosen = []
    for _ in range(MARKS):
        chosen.append(corners[nearest.argmax()])
        nearest = np.minimum(nearest, np.linalg.norm(corners - chosen[-1], axis=1))
    return np.stack(chosen)


def mirrored_part(task: Task) -> Mirrored:
    """Return what of a demonstration shows the task as well under x -> -x, where its file says `mirrored`: clips of one
    tool that is its own mirror image, photos alone (without a tool) where only its shape is.

    Raises DreamitateError where the file says so of other tools.
    """
    if not task.mirrored:
        return "nothing"
    symmetries = [load_tool(name).settings.get("symmetry", {}) for name in task.tools]
    if [symmetry.get("mirror_plane_normal") for symmetry in symmetries] != [[1.0, 0.0, 0.0]]:
        raise DreamitateError(
            f"config/tasks/{task.name}.yaml says mirrored: true, which needs one tool that is its own mirror image in x"
            f" (symmetry in its tool.yaml); its tools are {', '.join(task.tools)}. Take mirrored away."
        )
    return "clips" if symmetries[0].get("colours", True) else "photos"


SHIFT = 8, 5
"""Pixels by which a clip is moved at most, in x and y."""


class PackedClips:
    """The packed clips of a folder, the first `most` by name if not 0; `refresh` finds those that came since. mirrored:
    what `batch` may mirror; turn_rad, workspace (2, 2) and surface_height_m: how far demonstrations may be turned on
    the table, where on it tools work, and at which height what is seen is moved exactly (`moves`)."""

    def __init__(
        self,
        data: Path,
        size: PictureSize,
        mirrored: Mirrored,
        turn_rad: float = 0.0,
        workspace: NDArray[np.float64] = ANYWHERE,
        surface_height_m: float = 0.0,
        most: int = 0,
    ) -> None:
        self.most = most
        self.folder, self.size, self.mirrored = Path(data) / size.folder, size, mirrored
        self.turn_rad, self.workspace, self.surface_height_m = turn_rad, workspace, surface_height_m
        self.names: list[str] = []
        self.refresh()

    def refresh(self) -> None:
        """Look for new clips; those known keep their index."""
        known = set(self.names)
        found = (path.name.removesuffix(LAST) for path in self.folder.glob(f"*{LAST}"))
        self.names += sorted(name for name in found if name not in known)
        self.names = self.names[: self.most or None]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int, times: Sequence[int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return views (2, len(times), H, W, 3) at those times and points (2, 12, P, 2)."""
        views = np.load(self.folder / f"{self.names[index]}.npy", mmap_mode="r")
        return views[:, list(times)], np.load(self.folder / f"{self.names[index]}.points.npy")

    def read_points(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return points (2, 12, P, 2) and marks (2, 12, M, 2)."""
        name = self.folder / self.names[index]
        return np.load(name.with_name(f"{name.name}.points.npy")), np.load(name.with_name(f"{name.name}{LAST}"))

    def read_moved(self, index: int, random: torch.Generator) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
        """Return the photos as views (2, 1, H, W, 3), and points (2, 12, P, 2), of the demonstration somewhere else on
        the table; None where it is not known where that is."""

        def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
            tips = points[:, ::POINTS].reshape(-1, 3)
            return random_move(random, self.mirrored != "nothing", self.turn_rad, tips, self.workspace)

        return self._moved(index, move, self.size)

    def read_straightened(
        self, index: int, random: torch.Generator, size: PictureSize
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
        """Return what `read_moved` does, of that size, of the demonstration moved to where the closer look finds it."""

        def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
            side = -1.0 if self.mirrored != "nothing" and _tossed(random) else 1.0
            return spread_move(random) @ straightening_move(points, side)

        return self._moved(index, move, size)

    def _moved(
        self, index: int, move_of: Callable[[NDArray[np.float64]], NDArray[np.float64]], size: PictureSize
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
        name = self.folder / self.names[index]
        if not name.with_name(f"{name.name}.table.npy").is_file():
            return None
        points, photos = (np.load(name.with_name(f"{name.name}.{what}.npy")) for what in ("table", "photos"))
        rig = read_rig(name.with_name(f"{name.name}.cameras.json"))
        move = move_of(points)
        fit = size.width, size.height, size.region
        photos = moved_photos(photos, rig, move, self.surface_height_m)
        views = np.stack([crop_and_resize(photo, *fit)[None] for photo in photos])
        if np.linalg.det(move[:3, :3]) < 0:
            points = points[:, LEFT_RIGHT]
        assert rig.transform_reference_to_table is not None
        there = se3.inverse(rig.transform_reference_to_table) @ move
        return views, _pixels(rig.cropped_and_resized(*fit), se3.transform_points(there, points))


def check_tables(clips: PackedClips) -> None:
    """Raise DreamitateError that names a clip of which it is not known where the table is."""
    for name in clips.names:
        if not (clips.folder / f"{name}.table.npy").is_file():
            raise DreamitateError(
                f"The rig of {name} does not say where the table is, so its photos cannot be moved on it for the closer"
                " look. Calibrate the table, or take `closer` out of the task's file."
            )


def closer_batch(
    clips: PackedClips, indices: Sequence[int], size: PictureSize, random: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return photos (B, 2, 3, H, W) of that size in 0..1, points (B, 2, 12, P, 2) of what the closer look learns from.

    Of all clips it must be known where the table is (`check_tables`).
    """
    photos, points = [], []
    for index in indices:
        moved = clips.read_straightened(index, random, size)
        assert moved is not None
        video = torch.from_numpy(np.ascontiguousarray(moved[0])).permute(0, 1, 4, 2, 3).float().div_(255)
        photos.append(relit(video, random)[:, 0])
        points.append(torch.from_numpy(moved[1]))
    return torch.stack(photos), torch.stack(points)


def batch(
    clips: PackedClips, indices: Sequence[int], times: Sequence[int], random: torch.Generator | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return video (B, 2, T, 3, H, W) at `times`, photos (B, 2, 3, H, W), both float in 0..1, points (B, 2, 12, P, 2).

    random: changes each clip. Photos alone, without a tool in them, are moved on the table, as far as a demonstration
    may be; clips are shifted by some pixels and, one in two where they may be, mirrored. All is seen in another light.
    """
    videos, points = [], []
    for index in indices:
        moved = clips.read_moved(index, random) if random is not None and not times else None
        views, pixels = moved or clips.read(index, [0, *times])
        if random is not None and moved is None and clips.mirrored == "clips" and _tossed(random):
            views, pixels = mirrored(views, pixels)
        video, pixels_tensor = torch.from_numpy(np.ascontiguousarray(views)), torch.from_numpy(pixels)
        video = video.permute(0, 1, 4, 2, 3).float().div_(255)
        if random is not None:
            if moved is None:
                video, pixels_tensor = shifted(video, pixels_tensor, random)
            video = relit(video, random)
        videos.append(video)
        points.append(pixels_tensor)
    stacked = torch.stack(videos)
    return stacked[:, :, 1:], stacked[:, :, 0], torch.stack(points)


def all_points(clips: PackedClips) -> tuple[Tensor, Tensor]:
    """Return the points (C, 2, 12, P, 2) and marks (C, 2, 12, M, 2) of all clips."""
    points, marks = zip(*(clips.read_points(index) for index in range(len(clips))), strict=True)
    return torch.from_numpy(np.stack(points)), torch.from_numpy(np.stack(marks))


def _tossed(random: torch.Generator) -> bool:
    return float(torch.rand((), generator=random)) < 0.5


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
    """Return the clip of one tool under x -> -x: pictures mirrored, the tool's left and right ends exchanged."""
    points = points[:, :, LEFT_RIGHT].copy()
    points[..., 0] = views.shape[3] - 1 - points[..., 0]
    return views[:, :, :, ::-1], points
