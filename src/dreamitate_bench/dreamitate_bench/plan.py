"""`dreamitate bench plan`: random tool paths that a planner must follow, and ones that it must refuse."""

import argparse
import json
import multiprocessing
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate.commands.options import positive
from dreamitate.run_folder import write_json
from dreamitate_core.errors import DreamitateError

DESCRIPTION = "How many tool paths are planned, how fast and how well; how many bad ones are refused, and why."
Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--task", default="sweeping", help="the task, as in config/tasks (default: sweeping)")
    parser.add_argument("--robot", help="the arm, as in config/robots (default: the task's)")
    parser.add_argument("--planner", default="embedded", help="the planner's name (default: embedded)")
    parser.add_argument("--count", type=positive, default=1000, help="paths of each sort (default 1000)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first path (default 0; 0-999: the report's, 100000 on: to develop)"
    )
    parser.add_argument("--workers", type=positive, default=1, help="processes (default 1, for honest times)")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/bench/plan.json"),
        help="default: runs/bench/plan.json; what is measured is kept beside it in .rows.jsonl, and resumed from there",
    )


def run(options: argparse.Namespace) -> int:
    """Plan and audit, print the tables and write the report."""
    from dreamitate import provenance
    from dreamitate_core.arms import load_arms
    from dreamitate_core.task import load_task

    from .plan_measure import follow_one, refuse_one

    arms = load_arms(load_task(options.task), options.robot)
    where = (options.task, options.robot, options.planner)
    begun = {"task": options.task, "arms": [arm.robot.name for arm in arms], "planner": options.planner}
    begun["git_revision"] = provenance.git_revision()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    rows = Rows(options.out.with_suffix(".rows.jsonl"), begun)
    seeds = range(options.seed, options.seed + options.count)
    followed = rows.fill("follow", follow_one, where, seeds, options.workers)
    refused = rows.fill("refuse", refuse_one, where, seeds, options.workers)
    summary = {"follow": summarise_followed(followed), "refuse": summarise_refused(refused)}
    report = {
        **summary,
        "settings": begun,
        "seeds": [seeds[0], seeds[-1]],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "followed": followed,
        "refused": refused,
    }
    write_json(options.out, report)
    print(table(summary))
    print(f"report: {options.out}")
    print(last_line(" + ".join(arm.robot.name for arm in arms), summary))
    return 0


class Rows:
    """What was measured so far, in a file of JSON lines: a measurement that was broken off goes on where it was.

    Raises DreamitateError where the file was begun with other settings or another revision.
    """

    def __init__(self, path: Path, begun: Row) -> None:
        self._path, self._done = path, {}
        lines = path.read_text().splitlines() if path.exists() else []
        if lines and json.loads(lines[0]) != begun:
            raise DreamitateError(f"{path} was begun with {lines[0]}; now it is {json.dumps(begun)}. Remove it first.")
        if not lines:
            path.write_text(json.dumps(begun) + "\n")
        for line in lines[1:]:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:  # broken off while it was written
                continue
            self._done[row.pop("sort"), row["seed"]] = row

    def fill(self, sort: str, one: Callable[..., Row], where: tuple[Any, ...], seeds: range, workers: int) -> list[Row]:
        """Return the rows of all seeds; those that are not there yet are measured by so many processes."""
        left = [seed for seed in seeds if (sort, seed) not in self._done]
        with (
            self._path.open("a") as file,
            ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
        ):
            results = pool.map(one, *([part] * len(left) for part in where), left, chunksize=4)
            for number, row in enumerate(results, 1):
                self._done[sort, row["seed"]] = row
                file.write(json.dumps({"sort": sort, **row}, default=_plain) + "\n")
                file.flush()
                if number % 50 == 0 or number == len(left):
                    print(f"[{number}/{len(left)}] to {sort}", flush=True)
        return [self._done[sort, seed] for seed in seeds]


def summarise_followed(rows: list[Row]) -> Row:
    """Return counts, and medians, 95th percentiles and maxima of what was measured."""
    planned = [row for row in rows if "reason" not in row]
    plain = [row for row in planned if row.get("plain_followed")]
    shares = [row["acceleration_rad_s2"] / row["plain_acceleration_rad_s2"] for row in plain]
    errors = [row["tool_error_m"] / row["plain_tool_error_m"] for row in plain]
    summary = {
        "asked": len(rows),
        "planned": len(planned),
        "refused_by_reason": dict(Counter(row["reason"] for row in rows if "reason" in row)),
        "plans_with_violations": sum(row["violations"] > 0 for row in planned),
        "seconds": _spread([row["seconds"] for row in rows]),
        "cpu_seconds": _spread([row["cpu_seconds"] for row in rows]),
        "duration_s": _spread([row["duration_s"] for row in planned]),
        "deviation_mm": _spread([1e3 * row["deviation_m"] for row in planned]),
        "deviation_degrees": _spread([float(np.degrees(row["deviation_rad"])) for row in planned]),
        "tool_error_mm": _spread([1e3 * row["tool_error_m"] for row in planned]),
        "acceleration_rad_s2": _spread([row["acceleration_rad_s2"] for row in planned]),
        "jerk_rad_s3": _spread([row["jerk_rad_s3"] for row in planned]),
        "moved_to_the_end": sum(row["moved_done"] for row in planned),
        "moved_with_contact": sum(row["moved_contacts"] > 0 for row in planned),
        "moved_off_plan_mm": _spread([1e3 * row["moved_far_m"] for row in planned]),
        "moved_off_plan_degrees": _spread([float(np.degrees(row["moved_far_rad"])) for row in planned]),
        "moved_out_of_step_ms": _spread([1e3 * row["moved_apart_s"] for row in planned]),
    }
    if not plain:
        return summary
    return {
        **summary,
        "plain_followed": len(plain),
        "plain_with_violations": sum(row["plain_violations"] > 0 for row in plain),
        "plain_with_collisions": sum(row["plain_collisions"] > 0 for row in plain),
        "plain_tool_error_mm": _spread([1e3 * row["plain_tool_error_m"] for row in plain]),
        "plain_acceleration_rad_s2": _spread([row["plain_acceleration_rad_s2"] for row in plain]),
        "plain_jerk_rad_s3": _spread([row["plain_jerk_rad_s3"] for row in plain]),
        "acceleration_of_plain": _spread(shares),
        "at_most_half_of_plain": sum(share <= 0.5 for share in shares),
        "tool_error_of_plain": _spread(errors),
    }


def summarise_refused(rows: list[Row]) -> Row:
    """Return counts by kind: reasons, and how many were right."""
    kinds = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [row for row in rows if row["kind"] == kind]
        reasons = Counter(row.get("reason", "ACCEPTED") for row in of_kind)
        kinds[kind] = {"asked": len(of_kind), "right": sum(row["right"] for row in of_kind), "reasons": dict(reasons)}
    return {
        "asked": len(rows),
        "accepted": sum(row["accepted"] for row in rows),
        "right": sum(row["right"] for row in rows),
        "seconds": _spread([row["seconds"] for row in rows]),
        "cpu_seconds": _spread([row["cpu_seconds"] for row in rows]),
        "kinds": kinds,
    }


def table(summary: Row) -> str:
    """Return the two tables for people."""
    lines = [f"{'':28} {'median':>9} {'95 %':>9} {'largest':>9}"]
    for name, value in summary["follow"].items():
        if isinstance(value, dict) and "median" in value:
            lines.append(f"{name:28} {value['median']:9.3f} {value['p95']:9.3f} {value['max']:9.3f}")
        elif value or isinstance(value, int):
            lines.append(f"{name:28} {value}")
    lines.append(f"\n{'to refuse':24} {'asked':>6} {'right':>6}  reasons")
    for kind, row in summary["refuse"]["kinds"].items():
        reasons = ", ".join(f"{count} {reason}" for reason, count in row["reasons"].items())
        lines.append(f"{kind:24} {row['asked']:6d} {row['right']:6d}  {reasons}")
    return "\n".join(lines)


def last_line(robot: str, summary: Row) -> str:
    """Return the line that sums up."""
    follow, refuse = summary["follow"], summary["refuse"]
    return (
        f"{robot}: planned {follow['planned']} of {follow['asked']}, {follow['plans_with_violations']} with violations,"
        f" median {1e3 * follow['seconds']['median']:.0f} ms, 95 % {1e3 * follow['seconds']['p95']:.0f} ms;"
        f" refused {refuse['asked'] - refuse['accepted']} of {refuse['asked']}, {refuse['right']} for the right reason"
    )


def _plain(value: Any) -> Any:
    """Return a NumPy number as Python's own."""
    return value.item()


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"median": float("nan"), "p95": float("nan"), "max": float("nan")}
    return {"median": float(np.median(values)), "p95": float(np.percentile(values, 95)), "max": float(np.max(values))}
