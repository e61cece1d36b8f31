"""Tracks every clip of a folder in parallel processes; sure tracks become labels, the others wait for a person."""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate_core.arrays import write_arrays
from dreamitate_core.clip import read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.parallel import in_processes, on_ray
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.trajectory import Status, ToolTrajectory, read_tracks, write_tracks
from dreamitate_track.hints import read_hints
from dreamitate_track.track import track, trackers

from .tables import write_table

LOW = "low"
"""The folder beside the clips where those wait that are not sure; training does not look there."""
SURE = (Status.OK, Status.PARTIAL, Status.RECOVERED)
SURE_FRAMES = 12
"""Frames of a clip in which the tracker must be sure of a tool: every pose is a label."""
LOWEST_SCORE, MEAN_SCORE = 0.35, 0.5
"""The score of each frame, and the mean of all, from which on a track is a label."""


@dataclass(frozen=True)
class Label:
    """What became of a clip. verdict: labelled, accepted (by a person) or low; sure: frames, of 12; reason: why low."""

    clip: str
    verdict: str
    sure: int
    lowest_score: float
    mean_score: float
    reason: str


def label_clips(
    data: Path,
    tracker: str = "region",
    workers: int = 0,
    accept: Collection[str] = (),
    ray: str = "",
    progress: Progress = quiet,
) -> list[Label]:
    """Write `track.npz` and `truth.npz` into each clip folder of `data`, and `data/labels.csv`; return its rows.

    Clips that are not sure go to `data/low`, and come back from there once their track is (a person corrected it) or
    their name is in `accept`. A clip that has a `track.npz` is not tracked again; one that came with a `truth.npz`
    keeps it. workers: processes, 0 for one per core; ray: the address of a Ray cluster to track on instead. Raises
    DreamitateError where there are no clips, an accepted name is none of them, a process dies, or `data` cannot be
    written; Cancelled through `progress`.
    """
    folders = sorted(path.parent for pattern in ("*", f"{LOW}/*") for path in Path(data).glob(f"{pattern}/clip.json"))
    if not folders:
        raise DreamitateError(
            f"{data} holds no clip folders. Cut some with `dreamitate clips`, and name train/ or test/."
        )
    unknown = sorted(set(accept) - {folder.name for folder in folders})
    if unknown:
        raise DreamitateError(f"{data} has no clip {', '.join(unknown)} to accept.")
    trackers.get(tracker)
    try:
        failed = _track_all(folders, tracker, workers, ray, progress)
        rows = [_settle(Path(data), folder, failed.get(folder, ""), folder.name in accept) for folder in folders]
        write_table(Path(data) / "labels.csv", rows)
    except OSError as error:
        raise DreamitateError(f"{data} cannot be written: {error.strerror or error}.") from None
    return sorted(rows, key=lambda row: row.clip)


def why_low(tracks: Iterable[ToolTrajectory]) -> str:
    """Return why tracks are no labels, in a few words; empty: they are."""
    for found in tracks:
        sure = int(np.isin(found.status, SURE).sum())
        if sure < SURE_FRAMES:
            return f"{found.tool} is sure in {sure} frames of {len(found.status)}; {SURE_FRAMES} are needed"
        if found.score.min() < LOWEST_SCORE:
            return f"{found.tool} has a score of {found.score.min():.2f} in a frame; {LOWEST_SCORE} is needed"
        if found.score.mean() < MEAN_SCORE:
            return f"{found.tool} has a mean score of {found.score.mean():.2f}; {MEAN_SCORE} is needed"
    return ""


def summary(rows: Collection[Label]) -> str:
    """Return the rows that a person should look at, and the counts, as text for a terminal."""
    low = [row for row in rows if row.verdict == "low"]
    lines = [f"{row.clip:<28} {row.reason}" for row in low]
    return "\n".join([*lines, f"{len(rows) - len(low)} of {len(rows)} clips are labelled, {len(low)} wait in {LOW}/"])


def _track_all(folders: list[Path], tracker: str, workers: int, ray: str, progress: Progress) -> dict[Path, str]:
    """Track the clips without a track; return why it failed, by folder."""
    waiting = [folder for folder in folders if not (folder / "track.npz").is_file()]
    failed: dict[Path, str] = {}
    calls = {(str(folder.resolve()), tracker): folder for folder in waiting}
    tracked = on_ray(_track_one, list(calls), ray) if ray else in_processes(_track_one, list(calls), workers)
    for number, (call, reason) in enumerate(tracked):
        progress("tracking clips", number / len(waiting))
        if reason:
            failed[calls[call]] = reason
    progress("tracking clips", 1.0)
    return failed


def _track_one(folder: str, tracker: str) -> str:
    """Write the clip's `track.npz`; return why not, or "". Plain data in and out: it runs in another process."""
    hints = Path(folder) / "hints.json"
    try:
        clip = read_clip(Path(folder))
        tracks = track(clip, tracker, hints=read_hints(hints, clip) if hints.is_file() else {})
    except DreamitateError as reason:
        return str(reason)
    partial = Path(folder) / ".track.npz.partial"
    write_tracks(partial, tracks)
    partial.replace(Path(folder) / "track.npz")
    return ""


def _settle(data: Path, folder: Path, reason: str, accepted: bool) -> Label:
    """Judge one clip, write its labels, and put it where it belongs."""
    tracks: dict[str, ToolTrajectory] = {}
    if not reason:
        try:
            tracks = read_tracks(folder / "track.npz")
        except DreamitateError as error:
            reason = str(error)
    elif accepted:
        raise DreamitateError(f"{folder.name} cannot be accepted, it was not tracked: {reason}")
    reason = reason or why_low(tracks.values())
    use = bool(tracks) and (accepted or not reason or _info(folder).get("accepted") is True)
    if use:
        _write_labels(folder, tracks, accepted)
    target = data / folder.name if use else data / LOW / folder.name
    if target != folder:
        if target.exists():
            raise DreamitateError(f"Both {folder} and {target} are there. Remove one.")
        target.parent.mkdir(exist_ok=True)
        folder.rename(target)
    sure = min((int(np.isin(found.status, SURE).sum()) for found in tracks.values()), default=0)
    scores = np.concatenate([found.score for found in tracks.values()]) if tracks else np.zeros(1)
    verdict = "low" if not use else "accepted" if reason else "labelled"
    return Label(folder.name, verdict, sure, round(scores.min(), 3), round(scores.mean(), 3), reason)


def _write_labels(folder: Path, tracks: dict[str, ToolTrajectory], accepted: bool) -> None:
    """Make the tracks the clip's truth, and say so in `clip.json`; a simulator's truth stays."""
    info = _info(folder)
    if not (folder / "truth.npz").is_file():
        info["labels"] = "tracked"
    if accepted:
        info["accepted"] = True
    partial = folder / ".clip.json.partial"
    partial.write_text(json.dumps(info, indent=1) + "\n")
    partial.replace(folder / "clip.json")
    if info.get("labels") == "tracked":
        partial = folder / ".truth.npz.partial"
        write_arrays(partial, {name: found.transform_tool_to_frame for name, found in tracks.items()})
        partial.replace(folder / "truth.npz")


def _info(folder: Path) -> dict[str, Any]:
    try:
        info = json.loads((folder / "clip.json").read_text())
    except ValueError:
        return {}
    return info if isinstance(info, dict) else {}
