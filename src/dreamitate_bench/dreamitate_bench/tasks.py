"""`dreamitate bench tasks`: whole episodes over many scenes, in parallel processes, resumable.

Each seed's result is a JSON file in the output folder; it is made again only where the settings, the model's weights or
the sources have changed since. `report.json` sums up, with machine, versions and all numbers.
"""

import argparse
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from datetime import datetime, timezone
from math import degrees
from pathlib import Path
from typing import Any

from dreamitate.commands.options import positive
from dreamitate.run_folder import read_json, write_json
from dreamitate_core.errors import DreamitateError

from .wilson import wilson_interval

DESCRIPTION = "Whole episodes in the simulator, without ROS: how many scenes succeed, and what stops the others."
DEFAULT_OUT = Path("runs") / "bench"
HOW_WELL: dict[str, Callable[[float], str]] = {
    "closest_particle_m": lambda metres: f"{1000 * metres:.0f} mm",
    "rotation_rad": lambda radians: f"{degrees(radians):.0f} deg",
    "beads_in_bowl": lambda beads: f"{beads:.0f} beads",
    "iou": lambda iou: f"IoU {iou:.2f}",
}
"""The figure by which a task's trials are told apart, in the table."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--task", required=True, help="the task, as in config/tasks")
    parser.add_argument("--generator", default="svd", help="svd (default) or replay")
    parser.add_argument("--tracker", default="region", help="the tracker's name (default: region)")
    parser.add_argument("--planner", default="embedded", help="the planner's name (default: embedded)")
    parser.add_argument("--model", type=Path, help="folder of a trained model (default: the task's under models/)")
    parser.add_argument("--seeds", required=True, type=read_seeds, help="of the scenes: 0-39, or 1000,1003,1010-1019")
    parser.add_argument("--workers", type=positive, default=2, help="processes (default 2)")
    parser.add_argument("--out", type=Path, help="folder of the results (default: runs/bench/<task>_<generator>)")


def run(options: argparse.Namespace) -> int:
    """Run the seeds that have no valid result yet, print the table and write the report."""
    settings = _settings(options)
    out = options.out or DEFAULT_OUT / f"{options.task}_{options.generator}"
    out.mkdir(parents=True, exist_ok=True)
    results = {seed: result for seed in options.seeds if (result := _valid(out, seed, settings)) is not None}
    todo = [seed for seed in options.seeds if seed not in results]
    if results:
        print(f"{len(results)} of {len(options.seeds)} seeds are done already in {out}", flush=True)
    for seed, result in run_all(todo, settings, options.workers):
        results[seed] = result
        write_json(out / f"{seed}.json", {"settings": settings, "result": result})
        state = "ok" if result["success"] else f"failed at {result['failed_stage']}: {result['reason']}"
        print(f"[{len(results)}/{len(options.seeds)}] seed {seed}: {state}", flush=True)
    ordered = {seed: results[seed] for seed in options.seeds}
    report = summarise(ordered, settings)
    write_json(out / "report.json", report)
    print(table(ordered))
    print(f"report: {out / 'report.json'}")
    print(last_line(report))
    return 0


def read_seeds(text: str) -> list[int]:
    """Return the seeds of a list of numbers and ranges: `0-39` or `1000,1010-1019`. Raises DreamitateError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise DreamitateError(f"Seeds are numbers and ranges as in 0-39 or 1000,1010-1019; {part!r} is neither.")
        seeds += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(seeds))


def summarise(results: dict[int, dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the report: counts, 95 % Wilson interval, failures by stage, settings, machine, versions, all results."""
    from dreamitate import provenance

    successes = sum(bool(result["success"]) for result in results.values())
    stages = [str(result["failed_stage"]) for result in results.values() if not result["success"]]
    return {
        "successes": successes,
        "trials": len(results),
        "interval_95": wilson_interval(successes, len(results)),
        "failures_by_stage": {stage: stages.count(stage) for stage in sorted(set(stages))},
        "means": _means([result["figures"] for result in results.values()]),
        "settings": settings,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "results": {str(seed): result for seed, result in results.items()},
    }


def _means(figures: list[dict[str, float]]) -> dict[str, float]:
    """Return the figures that the paper averages for push-shape. A trial that was not carried through has an IoU of 0,
    and is left out of the mean rotation error."""
    if not any("iou" in trial for trial in figures):
        return {}
    errors_rad = [trial["rotation_error_rad"] for trial in figures if "rotation_error_rad" in trial]
    return {
        "iou": sum(trial.get("iou", 0.0) for trial in figures) / len(figures),
        "rotation_error_rad": sum(errors_rad) / len(errors_rad),
    }


def table(results: dict[int, dict[str, Any]]) -> str:
    """Return a line per seed: whether it succeeded, the stage that failed, how well it went, obstacles, seconds."""
    lines = [f"{'seed':>6}  {'done':4}  {'failed':8} {'how well':>8}  {'obstacles':>9}  {'seconds':>7}  reason"]
    for seed, result in results.items():
        figures = result["figures"]
        well = next((said(figures[name]) for name, said in HOW_WELL.items() if name in figures), "-")
        touched = figures.get("obstacles_touched")
        lines.append(
            f"{seed:6d}  {'yes' if result['success'] else 'no':4}  {result['failed_stage'] or '-':8} "
            f"{well:>8}  "
            f"{'-' if touched is None else f'{touched:.0f}':>9}  "
            f"{sum(result['timings'].values()):7.1f}  {result['reason']}".rstrip()
        )
    return "\n".join(lines)


def last_line(report: dict[str, Any]) -> str:
    """Return the line that sums up: `sweeping, replay: 37 of 40 (95 %: 80-97 %; failed: 2 track, 1 execute)`; for
    push-shape it goes on: `, mIoU 0.731, rotation error 8.0 deg`."""
    settings = report["settings"]
    low, high = report["interval_95"]
    failed = ", ".join(f"{count} {stage}" for stage, count in report["failures_by_stage"].items())
    means = report["means"]
    shown = f", mIoU {means['iou']:.3f}, rotation error {degrees(means['rotation_error_rad']):.1f} deg" if means else ""
    return (
        f"{settings['task']}, {settings['generator']}: {report['successes']} of {report['trials']} "
        f"(95 %: {100 * low:.0f}-{100 * high:.0f} %{'; failed: ' + failed if failed else ''}){shown}"
    )


def run_seed(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    """Run one episode and return its result as plain data; a defect counts as a failure of its stage."""
    from dreamitate.pipeline import EpisodeResult, run_episode

    stage = "photos"

    def note_stage(name: str, fraction: float) -> None:
        nonlocal stage
        stage = name

    model = Path(settings["model"]) if settings["model"] else None
    names = (settings["generator"], settings["tracker"], settings["planner"])
    try:
        result = run_episode(settings["task"], seed, *names, model=model, progress=note_stage)
    except Exception as defect:  # one seed's defect must not cost the others' results
        result = EpisodeResult(False, stage, f"{type(defect).__name__}: {defect}")
    return asdict(result)


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return all that decides a result but the seed. Raises DreamitateError for an unknown task or missing weights."""
    from dreamitate import provenance
    from dreamitate.checks import weights
    from dreamitate_core.paths import models_dir
    from dreamitate_core.task import load_task

    task = load_task(options.task)
    settings = {
        "task": task.name,
        "robot": task.robot,
        "generator": options.generator,
        "tracker": options.tracker,
        "planner": options.planner,
        "model": str(options.model or ""),
        "sources": provenance.source_fingerprint(),
    }
    if options.generator == "svd":
        model = options.model or models_dir() / task.name
        check = weights(task.name, model)
        if not check.ok:
            raise DreamitateError(check.said)
        settings["weights"] = provenance.file_hash(model)
    return settings


def _valid(out: Path, seed: int, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the seed's earlier result where it was made with the same settings."""
    data = read_json(out / f"{seed}.json")
    return data["result"] if data.get("settings") == settings and "result" in data else None


def run_all(seeds: list[int], settings: dict[str, Any], workers: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Run the seeds in processes of their own and yield (seed, result) as they come."""
    if not seeds:
        return
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    context = multiprocessing.get_context("spawn")  # GL and torch do not survive a fork
    with ProcessPoolExecutor(min(workers, len(seeds)), mp_context=context) as pool:
        futures = {pool.submit(run_seed, settings, seed): seed for seed in seeds}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool:
            raise DreamitateError(
                "A worker process died (out of memory?). Run the same command again to go on."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
