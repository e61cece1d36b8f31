"""Real clips against annotated corners: a folder of clip folders beside annotations.json."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate_core import se3
from dreamitate_core.clip import read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.trajectory import Status

Row = dict[str, Any]
SWAPPED_PX = 40.0
"""Corners that lie farther off than this belong to another tool, or to a tool the wrong way round."""


def measure_real(folder: Path) -> list[Row]:
    """Return a row per clip, tool and view: mean corner distance per annotated frame, status, seconds of the clip.

    Raises DreamitateError where the folder holds no annotations.
    """
    from dreamitate_track.track import track

    path = folder / "annotations.json"
    if not path.is_file():
        raise DreamitateError(f"There is no {path}. Give the folder that holds the clips and their annotations.")
    notes = json.loads(path.read_text())
    rows: list[Row] = []
    for name, note in notes["clips"].items():
        clip = read_clip(folder / name)
        begin = time.perf_counter()
        tracks = track(clip)
        seconds = time.perf_counter() - begin
        for tool, corners in notes["corners_tool_m"].items():
            for view, camera in enumerate(clip.rig.cameras, start=1):
                row: Row = {"clip": name, "tool": tool, "view": view, "seconds": seconds, "frames": []}
                for frame in note["frames"]:
                    seen = frame["tools"].get(tool, {}).get(f"view{view}")
                    if seen is None:
                        continue
                    step = frame["t"] - 1
                    pose = tracks[tool].transform_tool_to_frame[step]
                    pixels = camera.project(se3.transform_points(pose, np.array(corners)))[0]
                    off = float(np.linalg.norm(pixels - np.array(seen["corners_px"]), axis=1).mean())
                    status = Status(int(tracks[tool].status[step])).name.lower()
                    row["frames"].append({"t": frame["t"], "flag": seen["flag"], "px": off, "status": status})
                rows.append(row)
    return rows


def real_table(rows: list[Row]) -> str:
    """Return a line per clip, tool and view; medians over the frames flagged good."""
    lines = [f"{'clip':10} {'tool':8} view {'median px':>9} {'largest':>8}  {'lost':>7} {'wrong':>5} {'s':>5}"]
    for row in rows:
        off = [frame["px"] for frame in row["frames"] if frame["flag"] == "good"]
        every = [frame["px"] for frame in row["frames"]]
        lost = sum(frame["status"] in ("lost", "not_visible") for frame in row["frames"])
        lines.append(
            f"{row['clip']:10} {row['tool']:8} {row['view']:4d} {np.median(off):9.2f} {max(every):8.2f}"
            f"  {lost:3d}/{len(every):3d} {sum(px > SWAPPED_PX for px in every):5d} {row['seconds']:5.1f}"
        )
    medians = [
        float(np.median([f["px"] for r in rows if r["view"] == view for f in r["frames"] if f["flag"] == "good"]))
        for view in (1, 2)
    ]
    lines.append(f"real clips: median corner error {medians[0]:.2f} px in view 1, {medians[1]:.2f} px in view 2")
    return "\n".join(lines)
