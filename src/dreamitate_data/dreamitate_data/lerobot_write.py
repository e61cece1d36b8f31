"""Clip folders -> a LeRobotDataset v3.0: one clip is one episode, tool poses are its actions."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dreamitate_core.camera import rig_to_json
from dreamitate_core.clip import Clip, read_clip, write_tool
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import load_task, task_names

from . import lerobot_layout as layout
from . import lerobot_stats as stats
from .lerobot_videos import VideoFiles
from .whole import whole_folder

_Rows = list[dict[str, Any]]


def export_lerobot(data: Path, out: Path, progress: Progress = quiet) -> int:
    """Write the clips of `data`, or of its train/ and test/, as the dataset `out`; return how many episodes it has.

    Raises DreamitateError: no clips, one without labels or unlike the first, `out` is there or cannot be written;
    Cancelled through `progress`. `out` appears only when it is whole.
    """
    folders = _folders(Path(data))
    with whole_folder(Path(out)) as partial:
        _Writer(partial, Path(data), folders, progress).write()
    return len(folders)


def _folders(data: Path) -> list[Path]:
    """Return the clips of `data`; or, where there are none, those of train/ and then those of test/."""
    for sets in ((data,), (data / "train", data / "test")):
        folders = [path.parent for folder in sets for path in sorted(folder.glob("*/clip.json"))]
        if folders:
            return folders
    raise DreamitateError(f"{data} holds no clip folders, nor do its train/ and test/.")


class _Writer:
    """Writes the clips one by one, and then the tables."""

    def __init__(self, root: Path, data: Path, folders: Sequence[Path], progress: Progress) -> None:
        self._root, self._data, self._folders, self._progress = root, data, folders, progress
        self._first = self._read(folders[0])
        if self._first.video.width % 2 or self._first.video.height % 2:
            raise DreamitateError(f"{folders[0]}: LeRobot's videos need an even width and height.")
        self._videos = [VideoFiles(root, key, self._first.video.fps) for key in layout.VIEWS]
        self._tasks: list[str] = []
        self._numbers: _Rows = []
        self._episodes: _Rows = []
        self._stats: list[dict[str, stats.Stats]] = []

    def write(self) -> None:
        """Write everything."""
        _write_tools(self._root / "meta" / "dreamitate", self._first)
        for number, folder in enumerate(self._folders):
            self._progress("exporting clips", number / len(self._folders))
            self._add(number, folder)
        for video in self._videos:
            video.close()
        self._write_tables()
        self._progress("exporting clips", 1.0)

    def _read(self, folder: Path) -> Clip:
        clip = read_clip(folder)
        missing = [tool.name for tool in clip.tools if clip.truth is None or tool.name not in clip.truth]
        if missing:
            raise DreamitateError(f"{folder} has no labels for {missing[0]!r}. Run: dreamitate label {folder.parent}")
        return clip

    def _add(self, number: int, folder: Path) -> None:
        clip = self._read(folder)
        _check_alike(clip, self._first, folder, self._folders[0])
        text = _task_text(clip)
        if text not in self._tasks:
            self._tasks.append(text)
        frames, first = np.arange(layout.FRAMES), number * layout.FRAMES
        columns: dict[str, NDArray[np.generic]] = {
            "action": layout.actions(clip),
            "timestamp": (frames / clip.video.fps).astype(np.float32),
            "frame_index": frames,
            "episode_index": np.full(layout.FRAMES, number),
            "index": first + frames,
            "task_index": np.full(layout.FRAMES, self._tasks.index(text)),
        }
        pictures = _views(clip)
        found = {view: stats.of_pictures(images) for view, images in zip(layout.VIEWS, pictures, strict=True)}
        found |= {name: stats.of_numbers(values) for name, values in columns.items()}
        self._numbers.append(columns)
        self._stats.append(found)
        episode: dict[str, Any] = {
            "episode_index": number,
            "tasks": [text],
            "length": layout.FRAMES,
            "data/chunk_index": 0,
            "data/file_index": 0,
            "dataset_from_index": first,
            "dataset_to_index": first + layout.FRAMES,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }
        for video, images in zip(self._videos, pictures, strict=True):
            episode |= video.add(images)
        episode |= {
            f"stats/{key}/{name}": value.tolist() for key, part in found.items() for name, value in part.items()
        }
        self._episodes.append(episode)
        extra = {"folder": str(folder.relative_to(self._data)), "info": clip.info, "cameras": rig_to_json(clip.rig)}
        _write_json(self._root / (layout.EXTRA.format(number) + ".json"), extra)

    def _write_tables(self) -> None:
        columns = {name: np.concatenate([row[name] for row in self._numbers]) for name in self._numbers[0]}
        table: dict[str, Any] = {name: pa.array(values) for name, values in columns.items() if name != "action"}
        flat, width = pa.array(columns["action"].ravel()), columns["action"].shape[1]
        table = {"action": pa.FixedSizeListArray.from_arrays(flat, width), **table}
        _write_parquet(self._root / layout.DATA, pa.table(table))
        _write_parquet(self._root / layout.EPISODES, pa.Table.from_pylist(self._episodes))
        _write_parquet(self._root / layout.TASKS, _tasks_table(self._tasks))
        whole = {key: stats.together([part[key] for part in self._stats]) for key in self._stats[0]}
        listed = {key: {name: value.tolist() for name, value in part.items()} for key, part in whole.items()}
        _write_json(self._root / layout.STATS, listed)
        robot = _robot(self._first)
        info = layout.info(self._first, len(self._folders), len(self._tasks), self._splits(), robot)
        _write_json(self._root / layout.INFO, info)

    def _splits(self) -> dict[str, str]:
        test = sum(folder.parent.name == "test" and folder.parent != self._data for folder in self._folders)
        train = len(self._folders) - test
        splits = {"train": f"0:{train}", "test": f"{train}:{train + test}"}
        return {name: span for name, span in splits.items() if (test if name == "test" else train)}


def _views(clip: Clip) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return both cameras' pictures (13, H, W, 3), the bare scene first."""
    one = np.concatenate([clip.background_1[None], clip.video.view_1[1:]])
    return one, np.concatenate([clip.background_2[None], clip.video.view_2])


def _check_alike(clip: Clip, first: Clip, folder: Path, first_folder: Path) -> None:
    for name, one, other in (
        ("size", clip.video.view_1.shape[1:3], first.video.view_1.shape[1:3]),
        ("frames per second", clip.video.fps, first.video.fps),
        ("tools", [tool.name for tool in clip.tools], [tool.name for tool in first.tools]),
    ):
        if one != other:
            raise DreamitateError(
                f"{folder} and {first_folder} differ in their {name} ({one}, {other}); export them apart."
            )
    for tool, known in zip(clip.tools, first.tools, strict=True):
        if not np.array_equal(tool.mesh.vertices, known.mesh.vertices):
            raise DreamitateError(
                f"{folder} and {first_folder} have other meshes for {tool.name!r}; export them apart."
            )


def _task_text(clip: Clip) -> str:
    name = str(clip.info.get("task", ""))
    return load_task(name).description if name in task_names() else name or "unnamed"


def _robot(clip: Clip) -> str:
    name = str(clip.info.get("task", ""))
    return load_task(name).robot if name in task_names() else "unknown"


def _tasks_table(texts: list[str]) -> pa.Table:
    """Return the table of tasks as pandas writes it, with the text as index: LeRobot reads it with pandas."""
    table = pa.table({"task_index": pa.array(range(len(texts)), pa.int64()), "__index_level_0__": pa.array(texts)})
    number = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    text = {"name": None, "field_name": "__index_level_0__", "pandas_type": "unicode", "numpy_type": "object"}
    columns = [{**number, "metadata": None}, {**text, "metadata": None}]
    pandas = {"index_columns": ["__index_level_0__"], "column_indexes": [], "columns": columns}
    return table.replace_schema_metadata({"pandas": json.dumps({**pandas, "pandas_version": "2.2.0"})})


def _write_tools(folder: Path, clip: Clip) -> None:
    folder.mkdir(parents=True)
    _write_json(folder / "tools.json", [write_tool(folder, tool) for tool in clip.tools])


def _write_json(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")


def _write_parquet(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, compression="snappy")
