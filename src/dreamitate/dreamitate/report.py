"""The page of a rollout: one self-contained HTML file made of what its folder holds, and of nothing else.

A folder that was left early, by a failure or a killed process, gives a page too; it says what is missing and why.
"""

import html
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dreamitate_core.arms import load_arms
from dreamitate_core.clip import Clip, read_clip, write_image
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan, read_plan
from dreamitate_core.robot import Robot
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import Status, ToolTrajectory, read_tracks
from dreamitate_core.video import read_mp4

from .joint_figure import draw_joints
from .motion import Motion
from .page_parts import STAGE_LABELS, card, missing, picture, size_in_words, table, video, view_labels
from .path_figure import STATUS_COLOUR, ToolPaths, draw_path
from .run_folder import CANCELED, COMPLETED, FAILED, of_arm, read_json, read_motion

STAGE_FILES = {
    "photos": "photo_1.png",
    "dream": "dream.mp4",
    "track": "tracked.mp4",
    "plan": "plan.npz",
    "execute": "motion.npz",
}
SETTING_CHIPS = ("seed", "generator", "tracker", "planner", "robot", "hardware")
THUMBNAIL_WIDTH = 192

FILE_NOTES = {
    "photo_1.png": "what camera 1 saw before",
    "photo_2.png": "what camera 2 saw before",
    "dream": "the dreamed clip: 25 frames, cameras, tools",
    "dream.mp4": "the dreamed clip, both views",
    "track.npz": "tool poses, covariances, scores, status",
    "tracked.mp4": "the tracked tool drawn over the dream",
    "refused.txt": "why nothing of this dream was carried out",
    "judged.txt": "what came of this dream",
    "strip.jpg": "all tracked frames in one picture",
    "plan.npz": "planned joint positions, speeds, accelerations, tool poses",
    "path_3d.png": "the tool's path over the table",
    "preview.png": "what was about to be done, drawn before the arm moved",
    "joints.png": "the joints over time",
    "motion.npz": "joint positions and tool poses as the arm moved",
    "execution.mp4": "what both cameras saw meanwhile",
    "timings.json": "seconds per stage",
    "verdict.json": "how it ended, figures, settings, versions",
    "demonstration": "the clip that the generator `replay` showed",
    "rollout": "the bag (MCAP): ros2 bag play rollout",
    "log": "what each process said",
}


def write_page(folder: Path) -> Path:
    """Draw what can be drawn, write `index.html` into a rollout's folder, and return its path."""
    record = read_json(folder / "verdict.json")
    clip = _read(lambda: read_clip(folder / "dream"))
    tracks = _read(lambda: read_tracks(folder / "track.npz")) or {}
    arms = _read(lambda: load_arms(load_task(_plain_setting(record, "task")), _plain_setting(record, "robot"))) or []
    notes: list[str] = []
    if clip is not None:
        _draw_strip(folder / "strip.jpg", clip, folder / "tracked.mp4")
    for number, arm in enumerate(arms):
        plan = _read(partial(read_plan, folder / of_arm("plan.npz", number)))
        motion = _read(partial(read_motion, folder, arm, number))
        _draw(folder, clip, tracks.get(arm.tool.name), plan, arm.robot, motion, number)
        notes += [] if plan is None else plan.notes
    sections = [
        _header(record),
        _banner(record),
        _stages(folder, record),
        _videos(folder, record),
        _strip(folder, tracks, record),
        *(_plots(folder, number, record) for number in range(max(len(arms), 1))),
        _notes(notes),
        *_other_dreams(folder, record),
        _timings(folder),
        _repeat(record),
        _files(folder),
    ]
    style = (Path(__file__).parent / "page.css").read_text()
    title = html.escape(f"{_setting(record, 'task')}, seed {_setting(record, 'seed')}")
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} - Dreamitate rollout</title><style>{style}</style></head>\n"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )
    path = folder / "index.html"
    path.write_text(page)
    return path


def _read(read: Callable[[], Any]) -> Any:
    """Return what `read` gives, or None where the folder does not hold it or holds half of it."""
    try:
        return read()
    except DreamitateError:
        return None


def _draw(
    folder: Path,
    clip: Clip | None,
    track: ToolTrajectory | None,
    plan: Plan | None,
    robot: Robot,
    motion: Motion | None,
    number: int,
) -> None:
    """Write path_3d.png and joints.png of an arm as far as there is something to draw."""
    if plan is not None:
        draw_joints(folder / of_arm("joints.png", number), plan, robot, motion)
    to_table = clip.rig.transform_reference_to_table if clip is not None else None
    if clip is not None and track is not None and (track.frame == "table" or to_table is not None):
        tracked = track if to_table is None or track.frame == "table" else track.in_frame("table", to_table)
        planned = plan.transform_tool_to_table if plan is not None else None
        moved = motion.transform_tool_to_table if motion is not None else None
        tool = next(tool for tool in clip.tools if tool.name == track.tool)
        paths = ToolPaths(tool, tracked, planned, moved, clip.background_1, clip.rig)
        draw_path(folder / of_arm("path_3d.png", number), paths)


def _draw_strip(path: Path, clip: Clip, tracked: Path) -> None:
    """Write the 12 stereo pairs as one picture: camera 1 above camera 2; with the tracked tool where it is drawn."""
    drawn = _read(lambda: read_mp4(tracked))
    if drawn is not None and len(drawn) == 13:
        half = drawn.shape[2] // 2
        pairs = [(frame[:, :half], frame[:, half:]) for frame in drawn[1:]]
    else:
        pairs = [(pair[0], pair[1]) for pair in clip.video.pairs()]
    height = round(THUMBNAIL_WIDTH * clip.video.height / clip.video.width)
    size = (THUMBNAIL_WIDTH, height)
    columns = [np.vstack([cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in pair]) for pair in pairs]
    write_image(path, np.hstack(columns))


def _header(record: dict[str, Any]) -> str:
    chips = "".join(
        f'<div class="chip"><span>{name}</span><b>{_setting(record, name)}</b></div>'
        for name in SETTING_CHIPS
        if name in record.get("settings", {})
    )
    started = html.escape(str(record.get("started", "")).replace("T", " ").replace("+00:00", " UTC"))
    return (
        f"<header><h1>{_setting(record, 'task')}<small>a Dreamitate rollout, {started}</small></h1></header>"
        f'<div class="chips">{chips}</div>'
    )


def headline(record: dict[str, Any]) -> tuple[str, str]:
    """Return the verdict's colour class and its line, from a `verdict.json`: the page and the terminal say the same."""
    ended, success = record.get("ended"), record.get("success")
    stage = record.get("failed_stage") or "the rollout"
    if ended == COMPLETED and success:
        return "good", "Task done"
    if ended == COMPLETED and success is not None:
        blame = record.get("blame")
        return "warn", "Carried through; task not done" + (f" (to blame: {blame})" if blame else "")
    if ended == COMPLETED:
        return "warn", "Carried through; nobody judged the task"
    if ended == CANCELED:
        return "bad", f"Stopped on request during {stage}"
    if ended == FAILED:
        return "bad", f"Not carried through: {stage} failed"
    return "bad", "Cut off before it ended"


def _banner(record: dict[str, Any]) -> str:
    colour, line = headline(record)
    lines = [text for text in (record.get("text"), record.get("reason")) if text]
    said = "".join(f"<p>{html.escape(str(text))}</p>" for text in lines)
    figures = "".join(
        f'<div class="figure"><b>{value}</b><span>{html.escape(name)}</span></div>'
        for name, value in (_figure(*item) for item in record.get("figures", {}).items())
    )
    figures = f'<div class="figures">{figures}</div>' if figures else ""
    return f'<section class="card banner {colour}"><strong>{html.escape(line)}</strong>{said}{figures}</section>'


def _figure(name: str, value: float) -> tuple[str, str]:
    """Return a figure's name in words and its value with its unit, which the name ends with."""
    for suffix, factor, unit in (("_m", 1000.0, "mm"), ("_rad", 180.0 / np.pi, "deg"), ("_s", 1.0, "s")):
        if name.endswith(suffix):
            return name.removesuffix(suffix).replace("_", " "), f"{factor * value:.1f} {unit}"
    return name.replace("_", " "), f"{value:g}"


def _stages(folder: Path, record: dict[str, Any]) -> str:
    timings = read_json(folder / "timings.json")
    cells = []
    for stage, label in STAGE_LABELS.items():
        there = (folder / STAGE_FILES[stage]).exists()
        if record.get("failed_stage") == stage:
            state, note = "failed", "failed"
        elif record.get("blame") == stage:
            state, note = "blamed", "ran; to blame"
        elif there:
            state, note = "done", "done"
        else:
            state, note = "", "not reached"
        seconds = f", {timings[stage]:.1f} s" if stage in timings else ""
        cells.append(f'<div class="stage {state}"><b>{label}</b><span>{note}{seconds}</span></div>')
    return f'<div class="stages">{"".join(cells)}</div>'


def _videos(folder: Path, record: dict[str, Any]) -> str:
    photos = "".join(
        picture(folder / f"photo_{i}.png", f"the scene from camera {i}", jpeg=True)
        for i in (1, 2)
        if (folder / f"photo_{i}.png").is_file()
    )
    seen = f'<div class="pair">{photos}</div>' if photos else missing("photos", record)
    cards = [
        card("The scene", seen + view_labels()),
        card("Dreamed", video(folder / "dream.mp4", "dream", record) + _trust(folder)),
        card("Tracked", video(folder / "tracked.mp4", "track", record)),
        card("Executed", video(folder / "execution.mp4", "execute", record)),
    ]
    return f'<div class="two">{cards[0]}{cards[1]}</div><div class="two">{cards[2]}{cards[3]}</div>'


def _trust(folder: Path) -> str:
    """Say how far the dream is trusted, and the others that were not taken."""
    clips = [folder / "dream", *sorted((folder / "other_dreams").glob("*"))]
    trusts = [read_json(clip / "clip.json").get("confidence", {}).get("value") for clip in clips]
    if len(clips) < 2 or None in trusts:
        return ""
    others = ", ".join(f"{trust:.2f}" for trust in trusts[1:])
    return f"<p>The one to be trusted most ({trusts[0]:.2f}) of {len(clips)} dreams; the others: {others}.</p>"


def _strip(folder: Path, tracks: dict[str, ToolTrajectory], record: dict[str, Any]) -> str:
    if not (folder / "strip.jpg").is_file():
        return card("Frame by frame", missing("dream", record))
    content = f'<div class="strip">{picture(folder / "strip.jpg", "12 stereo pairs")}'
    if not tracks:
        return card("Frame by frame", f"{content}</div>{missing('track', record)}")
    rows = "".join(f'<div class="quality">{_quality(track)}</div>' for track in tracks.values())
    legend = "".join(
        f'<span><i style="background:{colour}"></i>{status.name.lower().replace("_", " ")}</span>'
        for status, colour in STATUS_COLOUR.items()
    )
    which = f" of {', '.join(html.escape(tool) for tool in tracks)}" if len(tracks) > 1 else ""
    bars = f'{rows}</div><div class="legend">tracker\'s score and status{which}: {legend}</div>'
    return card("Frame by frame", content + bars)


def _quality(track: ToolTrajectory) -> str:
    return "".join(
        f'<div title="{html.escape(track.tool)}: {Status(int(status)).name.lower()}, score {score:.2f}">'
        f'<i style="--score:{score:.3f};--status:{STATUS_COLOUR[Status(int(status))]}"></i>{time_s:.2f} s</div>'
        for status, score, time_s in zip(track.status, track.score, track.time_s, strict=True)
    )


def _plots(folder: Path, number: int, record: dict[str, Any]) -> str:
    path, joints, preview = (folder / of_arm(name, number) for name in ("path_3d.png", "joints.png", "preview.png"))
    left = picture(path, "the tool's path", "plot") if path.is_file() else missing("track", record)
    right = picture(joints, "the joints", "plot") if joints.is_file() else missing("plan", record)
    first = card("Before the arm moved", picture(preview, "the preview", "plot")) if preview.is_file() else ""
    return first + card("Path of the tool", left) + card("Joints", right)


def _notes(notes: list[str]) -> str:
    """Return what the planner has to say, each thing once."""
    said = "".join(f"<p>{html.escape(note)}</p>" for note in dict.fromkeys(notes))
    return card("The planner's notes", said) if said else ""


def _other_dreams(folder: Path, record: dict[str, Any]) -> list[str]:
    """Return a card for each dream that was put away: what came of it, how it was tracked, and the arms' motion."""
    cards = []
    for path in sorted(folder.glob("attempt_*")):
        said = [file.read_text().strip() for name in ("refused.txt", "judged.txt") if (file := path / name).is_file()]
        seen = [file for name in ("tracked.mp4", "execution.mp4") if (file := path / name).is_file()]
        videos = "".join(f"<div>{video(file, 'dream', record)}</div>" for file in seen or [path / "dream.mp4"])
        text = html.escape(" ".join(said)) or "It was not carried to its end."
        title = f"Dream {path.name.removeprefix('attempt_')} of several"
        cards.append(card(title, f'<p>{text}</p><div class="two">{videos}</div>'))
    return cards


def _timings(folder: Path) -> str:
    timings = read_json(folder / "timings.json")
    longest = max(timings.values(), default=0.0) or 1.0
    rows = "".join(
        f'<span>{html.escape(stage)}</span><i style="width:{100 * seconds / longest:.1f}%"></i><b>{seconds:.2f} s</b>'
        for stage, seconds in timings.items()
    )
    total = f"<span>together</span><span></span><b>{sum(timings.values()):.2f} s</b>"
    return card("Time per stage", f'<div class="bars">{rows}{total}</div>') if timings else ""


def _repeat(record: dict[str, Any]) -> str:
    """Say how to make this rollout again: the command, the settings, the versions."""
    settings = record.get("settings", {})
    known = ("task", "robot", "seed", "generator", "tracker", "planner", "hardware", "record")
    command = "dreamitate rollout " + " ".join(f"{name}:={settings[name]}" for name in known if name in settings)
    groups = {
        "settings": settings,
        "versions": {**record.get("versions", {}), "git revision": record.get("git_revision", "")},
        "machine": record.get("machine", {}),
    }
    tables = "".join(f"<details><summary>{name}</summary>{table(group)}</details>" for name, group in groups.items())
    return card("Make it again", f"<pre>{html.escape(command)}</pre>{tables}")


def _files(folder: Path) -> str:
    rows = []
    for name, note in FILE_NOTES.items():
        rows += [_file_row(folder / name, note), _file_row(folder / of_arm(name, 1), f"{note}; of the second arm")]
    for path in sorted(folder.glob("attempt_*")):
        rows.append(_file_row(path, "another dream, refused or not as good as the one on this page"))
    return card("Files", f"<table>{''.join(rows)}</table>")


def _file_row(path: Path, note: str) -> str:
    if not path.exists():
        return ""
    inside = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    size, name = sum(file.stat().st_size for file in inside), path.name
    return (
        f'<tr><td><a href="{name}">{name}{"/" if path.is_dir() else ""}</a></td><td>{note}</td>'
        f'<td class="size">{size_in_words(size)}</td></tr>'
    )


def _plain_setting(record: dict[str, Any], name: str) -> str:
    return str(record.get("settings", {}).get(name, "?"))


def _setting(record: dict[str, Any], name: str) -> str:
    return html.escape(_plain_setting(record, name))
