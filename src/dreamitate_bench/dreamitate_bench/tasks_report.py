"""What trials of one task by one generator come to, in numbers and in words."""

from collections.abc import Callable, Iterable
from math import degrees
from typing import Any

import numpy as np
from scipy.stats import bootstrap

from .tasks_made import merged, provenance_now
from .wilson import wilson_interval

HOW_WELL: dict[str, Callable[[float], str]] = {
    "closest_particle_m": lambda metres: f"{1000 * metres:.0f} mm",
    "rotation_rad": lambda radians: f"{degrees(radians):.0f} deg",
    "beads_in_bowl": lambda beads: f"{beads:.0f} beads",
    "iou": lambda iou: f"IoU {iou:.2f}",
}
"""The figure by which a task's trials are told apart, in the table."""
NAMES = {"iou": "mIoU", "rotation_error_rad": "rotation error"}
"""The figures that are averaged over trials, as the paper does for push-shape."""
AT_FIRST = {"iou": "iou_at_first", "rotation_error_rad": "rotation_error_at_first_rad"}
"""What they were before the first attempt."""
SAID: dict[str, Callable[[float], str]] = {
    "iou": lambda iou: f"{iou:.3f}",
    "rotation_error_rad": lambda radians: f"{degrees(radians):.1f} deg",
}


def summarise(results: dict[int, dict[str, Any]], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the report: counts, 95 % Wilson interval, failures by stage, settings, all results; date, commit, machine
    and versions, of the report and, as "made", of the trials;
    "by_object": successes and trials of scenes with each object;
    "after_refusals": how many of the successes came after dreams that were refused;
    "defects": how many trials were ended by a defect, which count as failures and are run again the next time;
    "seconds": that all trials took, added up."""
    successes = sum(bool(result["success"]) for result in results.values())
    stages = [str(result["failed_stage"]) for result in results.values() if not result["success"]]
    averaged = _averaged([result["figures"] for result in results.values()])
    return {
        "successes": successes,
        "trials": len(results),
        "after_refusals": sum(_came_after_refusals(result) for result in results.values()),
        "interval_95": wilson_interval(successes, len(results)),
        "failures_by_stage": {stage: stages.count(stage) for stage in sorted(set(stages))},
        "means": {name: float(np.mean(values)) for name, values in averaged.items()},
        "mean_intervals_95": {name: bootstrap_interval(values) for name, values in averaged.items()},
        "defects": sum(bool(result["defect"]) for result in results.values()),
        "by_object": _by_object(results.values()),
        "seconds": sum(result["seconds"] for result in results.values()),
        "settings": settings,
        **provenance_now(),
        "made": merged(result.get("made", {}) for result in results.values()),
        "results": {
            str(seed): {name: value for name, value in result.items() if name != "made"}
            for seed, result in results.items()
        },
    }


def bootstrap_interval(values: list[float]) -> tuple[float, float] | None:
    """Return the 95 % percentile bootstrap interval of the mean, of 9,999 draws; None of fewer than two values."""
    if len(values) < 2:
        return None
    found = bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(0))
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


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
            f"{result['seconds']:7.1f}  {result['reason']}".rstrip()
        )
    return "\n".join(lines)


def last_line(report: dict[str, Any]) -> str:
    """Return the line that sums up: `sweeping, svd: 37 of 40 (95 %: 80-97 %; 2 after refused dreams; failed: 2 track, 1
    execute)`; for push-shape it goes on: `, mIoU 0.731, rotation error 8.0 deg`."""
    settings = report["settings"]
    low, high = report["interval_95"]
    failed = ", ".join(f"{count} {stage}" for stage, count in report["failures_by_stage"].items())
    refused = f"; {report['after_refusals']} after refused dreams" if report["after_refusals"] else ""
    means = report["means"]
    shown = "".join(f", {NAMES[name]} {SAID[name](means[name])}" for name in NAMES if name in means)
    defects = f"; {report['defects']} ended by defects, to be run again" if report["defects"] else ""
    return (
        f"{settings['task']}, {settings['generator']}: {report['successes']} of {report['trials']} "
        f"(95 %: {100 * low:.0f}-{100 * high:.0f} %{refused}{'; failed: ' + failed if failed else ''}){shown}{defects}"
    )


def _by_object(results: Iterable[dict[str, Any]]) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for result in results:
        if name := result.get("object"):
            successes, trials = counts.get(name, (0, 0))
            counts[name] = successes + bool(result["success"]), trials + 1
    return dict(sorted(counts.items()))


def _came_after_refusals(result: dict[str, Any]) -> bool:
    return bool(result["success"]) and result["figures"].get("attempts_refused", 0.0) > 0.0


def _averaged(figures: list[dict[str, float]]) -> dict[str, list[float]]:
    """Return the figures that the paper averages for push-shape, and what they were at first, of all trials but those
    that a defect ended: where no attempt was carried through, they are those of the piece where it lay."""
    return {
        name: values
        for name in (*NAMES, *AT_FIRST.values())
        if (values := [trial[name] for trial in figures if name in trial])
    }
