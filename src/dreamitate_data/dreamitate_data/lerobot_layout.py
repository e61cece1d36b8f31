"""What a LeRobotDataset v3.0 looks like: where its files lie, `meta/info.json`, and how tool poses become actions.

Source: lerobot 0.4.4, `lerobot/datasets/utils.py` and `lerobot_dataset.py`. What LeRobot has no place for (cameras,
meshes) lies in `meta/dreamitate/`, which its reader passes over.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.video import STEPS

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
DATA = "data/chunk-000/file-000.parquet"
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
VIEWS = ("observation.images.camera_1", "observation.images.camera_2")
EXTRA = "meta/dreamitate/episode-{:06d}"
FRAMES = STEPS + 1
"""Frames of an episode: t = 0..12."""
FILES_PER_CHUNK, VIDEO_FILE_MB = 1000, 200
NUMBERS = {"timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64"} | {
    "task_index": "int64"
}


def info(clip: Clip, episodes: int, tasks: int, splits: dict[str, str], robot: str) -> dict[str, Any]:
    """Return the contents of `meta/info.json` for episodes like this clip."""
    height, width = clip.video.height, clip.video.width
    video = {
        "video.height": height,
        "video.width": width,
        "video.codec": "h264",
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": rate(clip),
        "video.channels": 3,
        "has_audio": False,
    }
    picture = {"dtype": "video", "shape": [height, width, 3], "names": ["height", "width", "channels"], "info": video}
    names = action_names(clip)
    features = {
        **dict.fromkeys(VIEWS, picture),
        "action": {"dtype": "float32", "shape": [len(names)], "names": names},
        **{name: {"dtype": kind, "shape": [1], "names": None} for name, kind in NUMBERS.items()},
    }
    return {
        "codebase_version": VERSION,
        "robot_type": robot,
        "total_episodes": episodes,
        "total_frames": episodes * FRAMES,
        "total_tasks": tasks,
        "chunks_size": FILES_PER_CHUNK,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": VIDEO_FILE_MB,
        "fps": rate(clip),
        "splits": splits,
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": features,
    }


def rate(clip: Clip) -> int | float:
    """Return the clip's frames per second, a whole number as such."""
    return int(clip.video.fps) if float(clip.video.fps).is_integer() else clip.video.fps


def action_names(clip: Clip) -> list[str]:
    """Return what the numbers of an action are: per tool its position in m and its rotation as a quaternion."""
    return [f"{tool.name}.{part}" for tool in clip.tools for part in ("x", "y", "z", "qx", "qy", "qz", "qw")]


def actions(clip: Clip) -> NDArray[np.float32]:
    """Return the actions (13, 7 per tool) at t = 0..12: where the tools are one step later; at the end, where they are.

    In the table frame, or camera 1's where the rig does not know the table. The clip must have truth.
    """
    assert clip.truth is not None
    to_world = _transform_reference_to_world(clip)
    columns = []
    for tool in clip.tools:
        poses = to_world @ clip.truth[tool.name]
        quaternions = se3.to_quaternion_xyzw(poses)
        for t in range(1, len(quaternions)):  # q and -q are one rotation; take the nearer one
            quaternions[t] *= np.sign(quaternions[t] @ quaternions[t - 1]) or 1.0
        columns += [poses[:, :3, 3], quaternions]
    steps = np.concatenate(columns, axis=1).astype(np.float32)
    return np.concatenate([steps, steps[-1:]])


def poses(clip: Clip, action: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    """Return per tool transform_tool_to_reference (12, 4, 4) of actions (13, 7 per tool), as `actions` makes them."""
    to_reference = se3.inverse(_transform_reference_to_world(clip))
    found = {}
    for number, tool in enumerate(clip.tools):
        part = action[:STEPS, 7 * number : 7 * number + 7].astype(float)
        found[tool.name] = to_reference @ se3.make_transform(se3.from_quaternion_xyzw(part[:, 3:]), part[:, :3])
    return found


def _transform_reference_to_world(clip: Clip) -> NDArray[np.float64]:
    table = clip.rig.transform_reference_to_table
    return np.eye(4) if table is None else table
