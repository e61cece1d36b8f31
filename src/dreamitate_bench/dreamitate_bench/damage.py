"""`dreamitate bench damage`: randomly damaged clips must be refused or get a status, and never `ok` without a tool."""

import argparse
import multiprocessing
import tempfile
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate.commands.options import positive
from dreamitate.run_folder import write_json

DESCRIPTION = "Damaged clips: none may crash the tracker, and none without a tool may be ok."
Row = dict[str, Any]

WIDTH, HEIGHT = 192, 112
SCENE_SEED = 50_000
PER_SCENE = 20
"""Damaged clips that share a rendered one."""
FOLDERS = 0.15
"""Share of the clips whose files are damaged, not their contents."""
MOST = 3
WRONG_M, WRONG_DEGREES = 0.02, 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--count", type=positive, default=1000, help="damaged clips (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first clip (default 0)")
    parser.add_argument("--workers", type=positive, default=1, help="processes (default 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/bench/damage.json"), help="default: runs/bench/damage.json"
    )


def run(options: argparse.Namespace) -> int:
    """Damage, track, print the table and write the report."""
    from dreamitate import provenance

    seeds = range(options.seed, options.seed + options.count)
    rows = []
    with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(damage_one, seeds, chunksize=PER_SCENE):
            rows.append(row)
            if row["outcome"] == "crash" or row["ok"]:
                print(_failed(row), flush=True)
            if len(rows) % 50 == 0 or len(rows) == len(seeds):
                print(f"[{len(rows)}/{len(seeds)}] damaged clips", flush=True)
    report = {
        "seeds": [seeds[0], seeds[-1]],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "rows": rows,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, report)
    print(table(rows))
    print(f"report: {options.out}")
    print(last_line(rows))
    return 0


def damage_one(seed: int) -> Row:
    """Return what becomes of the damaged clip of a seed: outcome `refused`, `tracked` or `crash`, and how it was."""
    from dreamitate_core.clip import read_clip, write_clip
    from dreamitate_core.errors import DreamitateError
    from dreamitate_track.track import track

    from .damage_files import damage_folder
    from .damage_meshes import ABSENT
    from .damages import DAMAGES

    rng = np.random.default_rng([seed, 77])
    number = SCENE_SEED + seed // PER_SCENE
    shows_tool = bool(rng.integers(2))
    clip, other = scene(number, shows_tool), scene(number, not shows_tool)
    row: Row = {"seed": seed, "tool": shows_tool, "damages": [], "outcome": "tracked", "ok": 0, "wrong": 0}
    start = time.perf_counter()
    try:
        if rng.random() < FOLDERS:
            with tempfile.TemporaryDirectory(prefix="dreamitate-damage-") as folder:
                write_clip(Path(folder) / "clip", clip)
                row["damages"].append("file: " + damage_folder(rng, Path(folder) / "clip"))
                damaged = read_clip(Path(folder) / "clip")
        else:
            damaged = clip
            names = rng.choice(sorted(DAMAGES), min(len(DAMAGES), int(rng.integers(1, MOST + 1))), replace=False)
            # Pictures first: what tells them apart needs a clip whose cameras and mesh are still whole.
            for name in sorted(names, key=list(DAMAGES).index):
                row["damages"].append(str(name))
                damaged = DAMAGES[name](rng, damaged, other)
        tracks = track(damaged)
    except DreamitateError as refusal:
        row.update(outcome="refused", said=str(refusal))
    except Exception as defect:
        row.update(outcome="crash", said=f"{type(defect).__name__}: {defect}", where=traceback.format_exc())
    else:
        _judge(row, tracks, clip.truth or {}, ABSENT)
    row["seconds"] = time.perf_counter() - start
    return row


@lru_cache(maxsize=2)
def scene(number: int, shows_tool: bool) -> Any:
    """Return the rendered clip (Clip) of a scene, with the tool or with the hand alone."""
    from dreamitate_track.synthetic import Conditions, make_clip

    return make_clip(number, conditions=Conditions(width=WIDTH, height=HEIGHT, clutter=15, show_tool=shows_tool))


def _judge(row: Row, tracks: dict[str, Any], truth: dict[str, Any], absent: str) -> None:
    """Count the frames that are called ok of tools that are not there, and those called ok that are far off."""
    from dreamitate_core import se3
    from dreamitate_core.trajectory import Status

    for name, path in tracks.items():
        sure = np.isin(path.status, (Status.OK, Status.RECOVERED))
        if name == absent or not row["tool"]:
            row["ok"] += int(sure.sum())
        elif name in truth:
            apart = np.linalg.norm((path.transform_tool_to_frame - truth[name])[:, :3, 3], axis=1)
            turn = np.degrees(se3.rotation_distance_rad(path.transform_tool_to_frame, truth[name]))
            row["wrong"] += int((sure & ((apart > WRONG_M) | (turn > WRONG_DEGREES))).sum())
    if not all(np.isfinite(path.transform_tool_to_frame).all() for path in tracks.values()):
        row.update(outcome="crash", said="a pose that is not finite")


def table(rows: list[Row]) -> str:
    """Return the table for people: per damage what became of the clips in which it was."""
    lines = [f"{'damage':26} {'clips':>6} {'refused':>8} {'tracked':>8} {'crash':>6} {'ok without a tool':>18}"]
    names = sorted({name for row in rows for name in row["damages"]})
    for name in dict.fromkeys(n if not n.startswith("file") else " ".join(n.split()[:2]) for n in names):
        own = [row for row in rows if any(n.startswith(name) for n in row["damages"])]
        count = Counter(row["outcome"] for row in own)
        ok = sum(row["ok"] > 0 for row in own)
        lines.append(
            f"{name:26} {len(own):6d} {count['refused']:8d} {count['tracked']:8d} {count['crash']:6d} {ok:18d}"
        )
    return "\n".join(lines)


def _failed(row: Row) -> str:
    return f"seed {row['seed']}: {', '.join(row['damages'])}: {row.get('said') or str(row['ok']) + ' frames ok'}"


def last_line(rows: list[Row]) -> str:
    """Return the line that sums up."""
    without = [row for row in rows if not row["tool"]]
    return (
        f"damaged clips: {len(rows)}, {sum(row['outcome'] == 'crash' for row in rows)} crashes,"
        f" {sum(row['outcome'] == 'refused' for row in rows)} refused with a reason;"
        f" without a tool: {len(without)}, ok in {sum(row['ok'] > 0 for row in rows)}"
    )
