"""A LeRobotDataset v3.0 that was exported from clips -> the clip folders again. Pictures went through H.264."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dreamitate_core.camera import rig_from_json
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.numbers import read_number
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.tool import Tool, tool_from_settings
from dreamitate_core.video import StereoVideo

from . import lerobot_layout as layout
from .lerobot_videos import read_frames
from .whole import whole_folder


def import_lerobot(dataset: Path, out: Path, progress: Progress = quiet) -> int:
    """Write the episodes of a dataset as clip folders in `out`, named as they were; return how many.

    Raises DreamitateError that names the file which is missing or wrong; `out` appears only when it is whole.
    """
    dataset = Path(dataset)
    with whole_folder(Path(out)) as partial:
        info = _info(dataset)
        episodes = _rows(dataset / "meta" / "episodes", None)
        actions = _actions(_rows(dataset / "data", ["episode_index", "frame_index", "action"]))
        tools = _tools(dataset / "meta" / "dreamitate")
        fps = read_number(info.get("fps"), f"fps in {dataset / layout.INFO}")
        for number, episode in enumerate(episodes):
            progress("reading episodes", number / len(episodes))
            try:
                folder, clip = _clip(dataset, info, episode, tools, fps, actions)
            except (KeyError, TypeError, AttributeError, IndexError, ValueError, OverflowError) as error:
                raise DreamitateError(
                    f"Episode {number} of {dataset} is damaged: {type(error).__name__} {error}."
                ) from None
            write_clip(partial / folder, clip)
    progress("reading episodes", 1.0)
    return len(episodes)


def _info(dataset: Path) -> dict[str, Any]:
    info = _json(dataset / layout.INFO)
    version = info.get("codebase_version") if isinstance(info, dict) else None
    if version != layout.VERSION:
        raise DreamitateError(
            f"{dataset} is a LeRobotDataset {version}; {layout.VERSION} is read. Convert it with lerobot."
        )
    known = info.get("features")
    missing = [key for key in (*layout.VIEWS, "action") if not isinstance(known, dict) or key not in known]
    if missing:
        raise DreamitateError(f"{dataset} has no {', '.join(missing)}: it was not exported from clips.")
    return dict(info)


def _tools(folder: Path) -> list[Tool]:
    entries = _json(folder / "tools.json")
    if not isinstance(entries, list) or not entries:
        raise DreamitateError(f"{folder}/tools.json must be a list of tools.")
    return [tool_from_settings(entry, folder, f"{folder}/tools.json") for entry in entries]


def _clip(
    dataset: Path,
    info: dict[str, Any],
    episode: dict[str, Any],
    tools: list[Tool],
    fps: float,
    actions: dict[int, NDArray[np.float32]],
) -> tuple[Path, Clip]:
    number = int(episode["episode_index"])
    path = dataset / (layout.EXTRA.format(number) + ".json")
    extra = _json(path)
    folder = Path(extra["folder"])
    if folder.is_absolute() or ".." in folder.parts or not folder.parts:
        raise DreamitateError(f"{path} names the folder {str(folder)!r}, which is not inside the data.")
    one, two = (_frames(dataset, info, episode, key, fps) for key in layout.VIEWS)
    rig = rig_from_json(extra["cameras"], str(path))
    clip = Clip(StereoVideo(one, two[1:], fps), one[0], two[0], rig, tools, dict(extra["info"]))
    if actions[number].shape != (layout.FRAMES, 7 * len(tools)) or not np.isfinite(actions[number]).all():
        raise ValueError(
            f"actions of shape {actions[number].shape}, not {(layout.FRAMES, 7 * len(tools))}, or not finite"
        )
    clip.truth = layout.poses(clip, actions[number])
    return folder, clip


def _frames(dataset: Path, info: dict[str, Any], episode: dict[str, Any], key: str, fps: float) -> NDArray[np.uint8]:
    place = {name: episode[f"videos/{key}/{name}"] for name in ("chunk_index", "file_index")}
    path = dataset / str(info["video_path"]).format(video_key=key, **place)
    return read_frames(path, float(episode[f"videos/{key}/from_timestamp"]), layout.FRAMES, fps)


def _rows(folder: Path, columns: list[str] | None) -> list[dict[str, Any]]:
    """Return the rows of all tables `folder/chunk-*/file-*.parquet`, in order."""
    paths = sorted(folder.glob("*/*.parquet"))
    if not paths:
        raise DreamitateError(f"{folder} holds no chunk-000/file-000.parquet.")
    rows: list[dict[str, Any]] = []
    for path in paths:
        try:
            rows += pq.read_table(path, columns=columns).to_pylist()
        except (OSError, pa.ArrowException) as error:
            said = " ".join(str(error).split())[:160]
            raise DreamitateError(f"{path} cannot be read as Parquet: {said}.") from None
    return rows


def _actions(rows: list[dict[str, Any]]) -> dict[int, NDArray[np.float32]]:
    """Return each episode's actions in the order of its frames."""
    try:
        found: dict[int, list[tuple[int, list[float]]]] = {}
        for row in rows:
            found.setdefault(row["episode_index"], []).append((row["frame_index"], row["action"]))
        return {
            number: np.array([action for _, action in sorted(frames)], np.float32) for number, frames in found.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DreamitateError(f"The table of actions is damaged: {type(error).__name__} {error}.") from None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DreamitateError(f"{path} cannot be read as JSON: {error}.") from None
