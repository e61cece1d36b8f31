"""From bags to clip folders: one demonstration each, cut as its task says, split by object."""

import csv
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import StereoRig, crop_and_resize
from dreamitate_core.clip import Clip, write_clip, write_image
from dreamitate_core.errors import DreamitateError
from dreamitate_core.goal import Images, Mask, blend
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool, load_tool
from dreamitate_core.video import StereoVideo
from dreamitate_gen.photos import fitted_photos
from dreamitate_ros.messages import read_image
from dreamitate_ros.pairs import IMAGES

from .bag_reader import BagReader
from .goal_place import final_masks
from .moments import check_seen, choose
from .tables import write_table
from .watch import Watched, watch

TEST_OF = 5
"""One object in so many goes to the test split, by a hash of its name: the same today and with more bags."""
_SHEET_WIDTH = 192


@dataclass(frozen=True)
class Row:
    """What became of a bag. clip: where its clip is, empty where it was rejected; reason: why it was."""

    bag: str
    object: str
    split: str
    start_s: float
    clip: str
    reason: str


def cut_clips(
    bags: Sequence[Path], task: Task, out: Path, test_objects: Collection[str] = (), progress: Progress = quiet
) -> list[Row]:
    """Cut `out/{train,test}/<bag>` of each bag, `out/sheets/<bag>.png` and `out/clips.csv`; return these bags' rows.

    The table keeps the rows of other bags that were cut there before. test_objects: whose clips are the test split;
    none: by the names' hashes. Raises DreamitateError where `out` cannot be written or two bags have one name; what is
    wrong with one bag stands in its row.
    """
    names = [Path(bag).resolve().name for bag in bags]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DreamitateError(f"Two bags are called {', '.join(twice)}; clips are named after them. Rename one.")
    rows: list[Row] = []
    try:
        (out / "sheets").mkdir(parents=True, exist_ok=True)
        for index, bag in enumerate(bags):
            progress(f"cutting {names[index]}", index / len(bags))
            rows.append(_cut(Path(bag), names[index], task, out, test_objects))
        earlier = read_table(out / "clips.csv") if (out / "clips.csv").is_file() else []
        write_table(out / "clips.csv", [*(row for row in earlier if row.bag not in names), *rows])
    except OSError as error:
        raise DreamitateError(f"{out} cannot be written: {error.strerror or error}.") from None
    progress("cutting", 1.0)
    return rows


def cut_clip(folder: Path, task: Task) -> tuple[Clip, float]:
    """Return the clip of one bag, and when it starts, in s from the bag's first pair on.

    Raises DreamitateError that names the bag and why there is no clip in it.
    """
    bag = BagReader(folder)
    notes, seen = bag.notes(), watch(bag)
    if notes.get("task", task.name) not in ("", task.name):
        raise DreamitateError(f"{folder} was recorded for the task {notes['task']!r}, not for {task.name!r}.")
    tools = [load_tool(name) for name in task.tools]
    chosen = _chosen(folder, seen, task, tools)
    one, two, rig = _pictures(bag, seen.numbers[[*chosen, -1]], seen.rig, *task.dream_size)
    one, two, masks = _with_goal(folder, noted(notes, "goal"), task, tools, one, two)
    info = {"task": task.name, "source": f"bag {Path(folder).resolve().name}", "object": object_of(notes)}
    video = StereoVideo(one, two[1:], task.fps)
    clip = Clip(video, one[0], two[0], rig, tools, info, goals=masks)
    return clip, float(seen.time_s[chosen[0]])


def _chosen(folder: Path, seen: Watched, task: Task, tools: list[Tool]) -> list[int]:
    """Return which of a bag's pairs its clip shows. Raises DreamitateError that names the bag."""
    try:
        chosen = choose(seen.time_s, seen.small, task.clip_duration_s)
        check_seen(seen.small[chosen], tools)
    except DreamitateError as reason:
        raise DreamitateError(f"{folder}: {reason}.") from None
    return chosen


def _with_goal(
    folder: Path, goal: str, task: Task, tools: list[Tool], one: Images, two: Images
) -> tuple[Images, Images, tuple[Mask, Mask] | None]:
    """Return both views (13, H, W, 3) of the clip's pairs and the bag's last one (14), with the goal, if the task shows
    it, blended in, and its masks. goal: the name of the bag beside this one that shows it, "": this one."""
    if not task.shows_goal:
        return one[:-1], two[:-1], None
    shows = Path(folder).resolve().parent / goal if goal else folder
    pairs = _first_and_last(shows, task, tools) if goal else np.stack([one[[0, -1]], two[[0, -1]]])
    try:
        masks = final_masks(pairs[:, 0], pairs[:, 1], tools)
    except DreamitateError as reason:
        raise DreamitateError(f"{shows}: {reason}.") from None
    return blend(one[:-1], masks[0]), blend(two[:-1], masks[1]), masks


def _first_and_last(folder: Path, task: Task, tools: list[Tool]) -> Images:
    """Return a bag's last bare pair before the hand comes in and its last pair (2 views, 2, H, W, 3)."""
    bag = BagReader(folder)
    seen = watch(bag)
    chosen = _chosen(folder, seen, task, tools)
    one, two, _ = _pictures(bag, seen.numbers[[chosen[0], -1]], seen.rig, *task.dream_size)
    return np.stack([one, two])


def object_of(notes: dict[str, str]) -> str:
    """Return the object that a bag's notes name: its entry `object`, or `object:NAME` in the operator's note."""
    return notes.get("object") or noted(notes, "object") or "unnamed"


def noted(notes: dict[str, str], what: str) -> str:
    """Return NAME where the operator's note says `what:NAME`, else ""."""
    words = (word for word in notes.get("note", "").split() if word.startswith(f"{what}:"))
    return next(words, "").removeprefix(f"{what}:")


def split_of(name: str, test_objects: Collection[str] = ()) -> str:
    """Return "train" or "test" for an object: all its clips go there."""
    if test_objects:
        return "test" if name in test_objects else "train"
    return "test" if name != "unnamed" and hashlib.sha256(name.encode()).digest()[0] % TEST_OF == 0 else "train"


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text for a terminal."""
    lines = [
        f"{row.bag:<28} {row.object:<14} {row.split:<6} {row.start_s:6.2f} s  {row.clip or row.reason}" for row in rows
    ]
    return "\n".join([*lines, f"{sum(bool(row.clip) for row in rows)} of {len(rows)} bags gave a clip"])


def _cut(bag: Path, name: str, task: Task, out: Path, test_objects: Collection[str]) -> Row:
    try:
        clip, start_s = cut_clip(bag, task)
    except DreamitateError as reason:
        return Row(name, "", "", 0.0, "", str(reason))
    split = split_of(clip.info["object"], test_objects)
    folder, other = (out / part / name for part in (split, "train" if split == "test" else "test"))
    if other.exists():
        return Row(name, clip.info["object"], split, 0.0, "", f"its clip of an earlier run is in {other}; remove it")
    write_clip(folder, clip)
    sheet = out / "sheets" / f"{name}.png"
    write_image(sheet.with_name(f".{sheet.name}"), contact_sheet(clip))
    sheet.with_name(f".{sheet.name}").replace(sheet)
    return Row(name, clip.info["object"], split, round(start_s, 3), str(folder.relative_to(out)), "")


def contact_sheet(clip: Clip) -> NDArray[np.uint8]:
    """Return all steps t = 0..12 as one picture: view 1 above, view 2 below, the bare frames first."""
    height = round(_SHEET_WIDTH * clip.video.height / clip.video.width)
    views = (clip.video.view_1, np.concatenate([clip.background_2[None], clip.video.view_2]))
    rows = [
        np.hstack([cv2.resize(image, (_SHEET_WIDTH, height), interpolation=cv2.INTER_AREA) for image in view])
        for view in views
    ]
    return np.asarray(np.vstack(rows), np.uint8)


def _pictures(
    bag: BagReader, numbers: NDArray[np.int64], rig: StereoRig, width: int, height: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], StereoRig]:
    """Return the pictures (N, height, width, 3) of both views whose messages have these numbers (N, 2), and the rig.

    The bare pair is checked as the photos that a dream begins with are.
    """
    found: tuple[dict[int, NDArray[np.uint8]], ...] = ({}, {})
    wanted = tuple(set(column.tolist()) for column in numbers.T)
    for topic, number, _, message in bag.messages(IMAGES):
        view = IMAGES.index(topic)
        if number in wanted[view]:
            found[view][number] = read_image(message)
    one, two = ([found[view][int(number)] for number in numbers[:, view]] for view in (0, 1))
    try:
        bare_1, bare_2, small_rig = fitted_photos(one[0], two[0], rig, width, height)
    except DreamitateError as reason:
        raise DreamitateError(f"{bag.folder}: {reason}") from None
    views = (
        [bare, *(crop_and_resize(image, width, height) for image in view[1:])]
        for bare, view in ((bare_1, one), (bare_2, two))
    )
    first, second = (np.stack(view) for view in views)
    return first, second, small_rig


def read_table(path: Path) -> list[Row]:
    """Return the rows of `clips.csv`. Raises DreamitateError where it is no such table."""
    try:
        with path.open(newline="") as file:
            return [
                Row(row["bag"], row["object"], row["split"], float(row["start_s"]), row["clip"], row["reason"])
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise DreamitateError(f"{path} is not a table of clips ({error}). Remove it and cut again.") from None
