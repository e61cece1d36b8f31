"""The table of `dreamitate bench track`: what one condition's clips come to, beside its bar."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.trajectory import Status

from .track_conditions import CONDITIONS

Row = dict[str, Any]

WHOLE_MM, WHOLE_DEGREES = 20.0, 20.0
RECALL_MM = np.arange(2.0, 21.0, 2.0)
NOT_FOUND = (Status.NOT_VISIBLE, Status.LOST)


def summarise(rows: dict[int, Row]) -> Row:
    """Return per fusion the figures over all clips of one condition; errors over the visible frames."""
    return {fusion: _summary([row[fusion] for row in rows.values()]) for fusion in ("joint", "midpoint")}


def visible_frames(rows: list[Row]) -> dict[str, NDArray[Any]]:
    """Return the lists of `compare` of all tools of all clips, each joined, with only the visible frames."""
    tools = [tool for row in rows for tool in row["tools"].values()]
    keep = np.concatenate([tool["visible"] for tool in tools])
    lists = [name for name, value in tools[0].items() if isinstance(value, list)]
    return {name: np.concatenate([np.asarray(tool[name]) for tool in tools])[keep] for name in lists}


def _summary(rows: list[Row]) -> Row:
    frames = visible_frames(rows)
    tools = [tool for row in rows for tool in row["tools"].values()]
    near = (frames["mm"] < WHOLE_MM) & (frames["degrees"] < WHOLE_DEGREES)
    return {
        "mm": [float(np.median(frames["mm"])), float(np.percentile(frames["mm"], 95))],
        "degrees": [float(np.median(frames["degrees"])), float(np.percentile(frames["degrees"], 95))],
        "add_mm": float(np.median(frames["add_mm"])),
        "mssd_recall": float(np.mean([(frames["mssd_mm"] < limit).mean() for limit in RECALL_MM])),
        "mspd_px": np.median(frames["mspd_px"], axis=0).tolist(),
        "flips": int((frames["degrees"] > WHOLE_DEGREES).sum()),
        "undetected_flips": sum(_undetected(tool) for tool in tools),
        "swaps": int(frames["swapped"].sum()),
        "frames_lost": int(np.isin(frames["status"], NOT_FOUND).sum()),
        "frames": len(near),
        "whole": sum(_whole(row) for row in rows),
        "clips": len(rows),
        "seconds": float(np.median([row["seconds"] for row in rows])),
        "surprise": float(np.median(frames["surprise"])),
    }


def _undetected(tool: Row) -> int:
    """Return in how many frames, visible or not, the status is ok and the tool is turned over."""
    return int(((np.asarray(tool["status"]) == Status.OK) & (np.asarray(tool["degrees"]) > WHOLE_DEGREES)).sum())


def _whole(row: Row) -> bool:
    frames = visible_frames([row])
    return bool(((frames["mm"] < WHOLE_MM) & (frames["degrees"] < WHOLE_DEGREES)).all())


def table(summary: dict[str, Row]) -> str:
    """Return a line per condition and fusion, with the bar."""
    head = f"{'condition':13} {'fusion':9} {'mm':>5} {'95 %':>6} {'deg':>5} {'95 %':>6} {'bar':>17} {'flips':>5}"
    lines = [f"{head} {'of them ok':>10} {'swaps':>5} {'lost':>8} {'whole':>7} {'s':>5}"]
    for name, fusions in summary.items():
        bar = CONDITIONS[name].bar
        for fusion, row in fusions.items():
            goal = "" if bar is None or fusion != "joint" else " / ".join(f"{b:g}" for b in bar)
            lines.append(
                f"{name:13} {fusion:9} {row['mm'][0]:5.2f} {row['mm'][1]:6.2f} {row['degrees'][0]:5.2f}"
                f" {row['degrees'][1]:6.2f} {goal:>17} {row['flips']:5d} {row['undetected_flips']:10d}"
                f" {row['swaps']:5d} {row['frames_lost']:3d}/{row['frames']:4d} {row['whole']:3d}/{row['clips']:3d}"
                f" {row['seconds']:5.1f}"
            )
    return "\n".join(lines)


def last_line(summary: dict[str, Row]) -> str:
    """Return the line that sums up."""
    joint = [fusions["joint"] for fusions in summary.values()]
    barred = [name for name in summary if CONDITIONS[name].bar is not None]
    held = [name for name in barred if _holds(summary[name]["joint"], CONDITIONS[name].bar)]
    return (
        f"track, region: {sum(row['whole'] for row in joint)} of {sum(row['clips'] for row in joint)} clips whole,"
        f" {len(held)} of {len(barred)} bars held, {sum(row['undetected_flips'] for row in joint)} undetected flips,"
        f" {sum(row['swaps'] for row in joint)} swaps"
    )


def _holds(row: Row, bar: tuple[float, ...] | None) -> bool:
    return bar is not None and all(value <= limit for value, limit in zip(row["mm"] + row["degrees"], bar, strict=True))
