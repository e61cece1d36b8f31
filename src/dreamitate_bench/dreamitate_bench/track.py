"""`dreamitate bench track`: how near tracked tools are to the truth, under many conditions, with both fusions.

Each clip's result is a JSON file in the output folder; it is measured again only where the sources have changed since.
`report.json` holds the table, machine, versions and all numbers; `calibration.png` shows how well covariance and score
predict the error. With `--real`, real clips are compared with their annotations too.
"""

import argparse
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dreamitate.commands.options import positive
from dreamitate.run_folder import read_json, write_json
from dreamitate_core.errors import DreamitateError, unknown

from .tasks import read_seeds
from .track_table import last_line, summarise, table

DESCRIPTION = "How near tracked tools are to the truth, under many conditions; joint fusion against midpoint."
Row = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--conditions", default="all", help="names with commas between, or all (default)")
    parser.add_argument(
        "--seeds",
        type=read_seeds,
        default=list(range(30)),
        help="of the clips: 0-999 for reports (default 0-29), 1000- to develop",
    )
    parser.add_argument("--real", type=Path, help="folder of real clips with annotations.json, measured too")
    parser.add_argument("--workers", type=positive, default=2, help="processes (default 2)")
    parser.add_argument("--out", type=Path, default=Path("runs/bench/track"), help="default: runs/bench/track")


def run(options: argparse.Namespace) -> int:
    """Measure what has no valid result yet, print the tables and write the report."""
    from dreamitate import provenance

    from .track_calibration import plot
    from .track_conditions import CONDITIONS

    names = list(CONDITIONS) if options.conditions == "all" else options.conditions.split(",")
    for name in names:
        if name not in CONDITIONS:
            raise unknown("condition", name, CONDITIONS)
    sources = provenance.source_fingerprint()
    options.out.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[int, Row]] = {name: {} for name in names}
    todo = []
    for name in names:
        (options.out / name).mkdir(exist_ok=True)
        for seed in options.seeds:
            earlier = read_json(_file(options.out, name, seed))
            if earlier.get("sources") == sources:
                rows[name][seed] = earlier["result"]
            else:
                todo.append((name, seed))
    total = len(names) * len(options.seeds)
    for done, (name, seed, row) in enumerate(_each(todo, options.workers), total - len(todo) + 1):
        rows[name][seed] = row
        write_json(_file(options.out, name, seed), {"sources": sources, "result": row})
        print(f"[{done}/{total}] {name}, seed {seed}: {row['joint']['seconds']:.1f} s", flush=True)
    summary = {name: summarise(of_name) for name, of_name in rows.items()}
    report = {
        "table": summary,
        "seeds": [options.seeds[0], options.seeds[-1]],
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "results": {name: {str(seed): of_name[seed] for seed in options.seeds} for name, of_name in rows.items()},
    }
    print(table(summary))
    if options.real is not None:
        from .track_real import measure_real, real_table

        real = measure_real(options.real)
        report["real"] = real
        print(real_table(real))
    write_json(options.out / "report.json", report)
    plot(rows, options.out / "calibration.png")
    print(f"report: {options.out / 'report.json'}")
    print(last_line(summary))
    return 0


def _file(out: Path, condition: str, seed: int) -> Path:
    return out / condition / f"{seed}.json"


def _each(todo: list[tuple[str, int]], workers: int) -> Iterator[tuple[str, int, Row]]:
    """Measure the clips in processes of their own and yield (condition, seed, row) as they come."""
    if not todo:
        return
    from .track_measure import measure

    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    context = multiprocessing.get_context("spawn")  # GL does not survive a fork
    with ProcessPoolExecutor(min(workers, len(todo)), mp_context=context) as pool:
        futures = {pool.submit(measure, *item): item for item in todo}
        try:
            for future in as_completed(futures):
                yield *futures[future], future.result()
        except BrokenProcessPool:
            raise DreamitateError(
                "A worker process died (out of memory?). Run the same command again to go on."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)
