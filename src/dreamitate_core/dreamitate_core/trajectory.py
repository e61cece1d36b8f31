"""Where a tool was, frame by frame, and how sure the tracker is."""

from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import write_arrays
from .errors import DreamitateError

Array = NDArray[np.float64]


class Status(IntEnum):
    """What the tracker says of one frame; the numbers are those of dreamitate_msgs/ToolTrajectory."""

    NOT_VISIBLE = 0
    PARTIAL = 1
    OK = 2
    RECOVERED = 3
    LOST = 4


@dataclass(frozen=True)
class ToolTrajectory:
    """A tool's tracked path.

    frame: the frame of the poses ("reference" = camera 1's optical frame, or "table"); time_s: (N,) seconds from the
    bare first frame; transform_tool_to_frame: (N, 4, 4) metres; covariance: (N, 6, 6) of the twist [v, w] in the tool
    frame; score: (N,) 0..1; status: (N,) of Status; views_apart_px: how far apart, across the epipolar lines, the two
    views show the tool throughout the clip, in pixels of the video, or NaN where that was not estimated.
    """

    tool: str
    frame: str
    time_s: Array
    transform_tool_to_frame: Array
    covariance: Array
    score: Array
    status: NDArray[np.int64]
    views_apart_px: float = float("nan")

    def __post_init__(self) -> None:
        n = len(self.time_s)
        wanted = {"transform_tool_to_frame": (n, 4, 4), "covariance": (n, 6, 6), "score": (n,), "status": (n,)}
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise DreamitateError(
                    f"{name} of {self.tool!r} must have shape {shape}, not {getattr(self, name).shape}."
                )

    def in_frame(self, frame: str, transform_frame_to_new: ArrayLike) -> "ToolTrajectory":
        """Return the same path in the frame of that name; the covariance, being in the tool frame, stays."""
        moved = np.asarray(transform_frame_to_new, float) @ self.transform_tool_to_frame
        return replace(self, frame=frame, transform_tool_to_frame=moved)


_ARRAYS = ("time_s", "covariance", "score", "status")


def write_tracks(path: Path, tracks: dict[str, ToolTrajectory]) -> None:
    """Write `track.npz`: per tool `<tool>/transform_tool_to_<frame>`, `/time_s`, `/covariance`, `/score`, `/status`,
    `/views_apart_px`."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, track in tracks.items():
        arrays[f"{name}/transform_tool_to_{track.frame}"] = track.transform_tool_to_frame
        arrays.update({f"{name}/{key}": getattr(track, key) for key in _ARRAYS})
        arrays[f"{name}/views_apart_px"] = np.array(track.views_apart_px)
    write_arrays(path, arrays)


def read_tracks(path: Path) -> dict[str, ToolTrajectory]:
    """Return the tracks of a `track.npz` by tool. Raises DreamitateError where it is missing or wrong."""
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: data[key] for key in data.files}
    except FileNotFoundError:
        raise DreamitateError(f"There is no track file {path}.") from None
    except (ValueError, OSError, AttributeError) as error:
        raise DreamitateError(f"{path} cannot be read as a track: {error}.") from None
    prefix = "/transform_tool_to_"
    tracks = {}
    for key in (key for key in arrays if prefix in key):
        name, frame = key.split(prefix)
        missing = [f"{name}/{part}" for part in _ARRAYS if f"{name}/{part}" not in arrays]
        if missing:
            raise DreamitateError(f"{path} lacks {', '.join(missing)}.")
        time_s, covariance, score, status = (arrays[f"{name}/{part}"] for part in _ARRAYS)
        apart = float(arrays.get(f"{name}/views_apart_px", np.float64(np.nan)))
        tracks[name] = ToolTrajectory(name, frame, time_s, arrays[key], covariance, score, status, apart)
    if not tracks:
        raise DreamitateError(f"{path} holds no track: it has no '<tool>{prefix}<frame>' array.")
    return tracks
