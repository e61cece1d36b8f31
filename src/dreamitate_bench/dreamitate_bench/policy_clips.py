"""The baseline's training set: the photos of demonstrations, and how the tools moved as our tracker saw it.

Each clip folder of `data` is prepared once, into `data/policy/`: `<clip>.photos.npy`, uint8 (2, 224, 384, 3), and
`<clip>.track.npz`, or `<clip>.lost.txt` with the reason where the tracker was not sure of every tool in every frame.
What is sure is the rule of `dreamitate label`, whose tracks are taken where it was run. Clips whose track leaves the
task's workspace are left out, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dreamitate.pipeline import track_on_table
from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, crop_and_resize, read_rig
from dreamitate_core.clip import clip_folders, read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.parallel import in_processes
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import read_tracks, write_tracks
from dreamitate_data.label import why_low
from dreamitate_track.track import track

Array = NDArray[np.float64]

WIDTH, HEIGHT = 384, 224
"""Of the photos (paper, baselines)."""
FOLDER = "policy"


@dataclass(frozen=True)
class PolicyClips:
    """What is learnt from. names: of N clips; photos: files of (2, H, W, 3); paths: (N, tools, 12, 4, 4)
    transform_tool_to_table; rigs: of the clips, at the photos' size; clip_size: pixels, before the photos were resized;
    lost: how many clips were left out."""

    names: list[str]
    photos: list[Path]
    paths: Array
    rigs: list[StereoRig]
    clip_size: tuple[int, int]
    lost: int

    def __len__(self) -> int:
        return len(self.names)

    def read_photos(self, index: int) -> NDArray[np.uint8]:
        """Return both photos (2, H, W, 3) of a clip."""
        return np.asarray(np.load(self.photos[index], mmap_mode="r"))


def prepare(task: Task, data: Path, workers: int = 0, progress: Progress = quiet, most_clips: int = 0) -> PolicyClips:
    """Track what is not yet tracked, or has changed since, in parallel, and return what can be learnt from; goes on
    where it was interrupted.

    workers: processes, 0 for one per core; most_clips: only the first so many by name, 0: all. Raises DreamitateError
    where there are no clips, no clip is tracked, or a clip shows other tools than the task's.
    """
    folders = clip_folders(data, most_clips)
    if not folders:
        raise DreamitateError(f"{data} holds no clip folders. Make some with `dreamitate demonstrate`.")
    out = Path(data) / FOLDER
    out.mkdir(exist_ok=True)
    waiting = [folder for folder in folders if not _is_done(out, folder)]
    calls = [(str(folder.resolve()), folder.name, str(out.resolve())) for folder in waiting]
    for done, _ in enumerate(in_processes(_prepare_one, calls, workers)):
        progress("tracking the demonstrations", done / len(calls))
    return _collect(task, folders, out)


def _collect(task: Task, folders: Sequence[Path], out: Path) -> PolicyClips:
    tracked = [folder for folder in folders if _track_file(out, folder.name).is_file()]
    rigs = {folder.name: read_rig(folder / "cameras.json") for folder in tracked}
    paths = {name: _paths(task, rig, _track_file(out, name)) for name, rig in rigs.items()}
    names = [name for name, path in paths.items() if _within_reach(task, path)]
    if not names:
        raise DreamitateError(
            f"In none of the {len(folders)} clips the tracker was sure of the tools; {out}/*.lost.txt say why."
        )
    first = rigs[names[0]].camera_1
    return PolicyClips(
        names=names,
        photos=[_photos_file(out, name) for name in names],
        paths=np.stack([paths[name] for name in names]),
        rigs=[rigs[name].cropped_and_resized(WIDTH, HEIGHT) for name in names],
        clip_size=(first.width, first.height),
        lost=len(folders) - len(names),
    )


def _within_reach(task: Task, paths: Array) -> bool:
    """Whether the tools' tips stay where the task has them work; elsewhere something else was taken for a tool."""
    limits = task.section("planning")
    tips = [se3.transform_points(path, load_tool(name).tip[None]) for name, path in zip(task.tools, paths, strict=True)]
    lower, upper = np.array(limits["workspace_lower_m"]), np.array(limits["workspace_upper_m"])
    return bool(((lower <= tips) & (tips <= upper)).all())


def _paths(task: Task, rig: StereoRig, track_file: Path) -> Array:
    """Return transform_tool_to_table (tools, 12, 4, 4) of the task's tools."""
    tracks = read_tracks(track_file)
    return np.stack([track_on_table(tracks, name, rig).transform_tool_to_frame for name in task.tools])


def _prepare_one(folder: str, name: str, out: str) -> None:
    """Write the clip's photos and its track. Takes plain data, for it runs in another process."""
    reason = ""
    try:
        clip = read_clip(Path(folder))
        photos = np.stack([crop_and_resize(photo, WIDTH, HEIGHT) for photo in (clip.background_1, clip.background_2)])
        np.save(_photos_file(Path(out), name), photos)
        labelled = Path(folder) / "track.npz"
        tracks = read_tracks(labelled) if labelled.is_file() else track(clip)
        reason = "" if clip.info.get("accepted") else why_low(tracks.values())
    except DreamitateError as error:
        reason = str(error)
    target, other = _lost_file(Path(out), name), _track_file(Path(out), name)
    if not reason:
        target, other = other, target
    partial = target.with_name(f".{target.name}.partial")
    if reason:
        partial.write_text(reason + "\n")
    else:
        write_tracks(partial, tracks)
    other.unlink(missing_ok=True)
    partial.replace(target)


def _is_done(out: Path, folder: Path) -> bool:
    """Whether there is a result that is younger than the clip and than what a person labelled in it."""
    results = [file for file in (_track_file(out, folder.name), _lost_file(out, folder.name)) if file.is_file()]
    sources = [file for file in (folder / "clip.json", folder / "track.npz") if file.is_file()]
    made_ns = [file.stat().st_mtime_ns for file in sources]
    return any(result.stat().st_mtime_ns >= max(made_ns) for result in results)


def _track_file(out: Path, name: str) -> Path:
    return out / f"{name}.track.npz"


def _lost_file(out: Path, name: str) -> Path:
    return out / f"{name}.lost.txt"


def _photos_file(out: Path, name: str) -> Path:
    return out / f"{name}.photos.npy"
