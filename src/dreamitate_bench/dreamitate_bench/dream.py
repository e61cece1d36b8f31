"""`dreamitate bench dream`: the generator's own sampling against 30 steps, and against paths that need no model.

A dream's error is that of its tracked tool: the median over time steps of the tip's distance to a demonstrator's way,
the nearest of those that succeed in the scene. Resumable: scenes that the report already holds, made with the same
settings, weights and sources, are not made again.
"""

import argparse
import resource
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate.commands.options import positive
from dreamitate.run_folder import read_json, write_json

from .dream_paths import Library, error_mm, read_library, tips_of
from .tasks import read_seeds

DESCRIPTION = "How long a dream takes and how near its tracked tool comes to a demonstrator's, against 30 steps."
Array = NDArray[np.float64]
Row = dict[str, Any]
MOST_WAYS = 5
"""Demonstrator's ways per scene that a dream may follow."""
COLUMNS = {
    "scenes": "scenes",
    "seconds": "s",
    "cpu_seconds": "CPU s",
    "error_mm": "error mm",
    "stereo_px": "stereo px",
    "found": "found",
    "difference_of_255": "differs /255",
    "apart_mm": "apart mm",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--task", default="sweeping", help="the task, as in config/tasks (default: sweeping)")
    parser.add_argument("--model", type=Path, help="folder of a trained model (default: the task's under models/)")
    parser.add_argument("--seeds", type=read_seeds, default=[1000, 1001], help="of the scenes (default 1000,1001)")
    parser.add_argument(
        "--steps", type=read_seeds, default=[30], help="sampling steps to compare with; the most are stock (default 30)"
    )
    parser.add_argument(
        "--dreams",
        type=read_seeds,
        default=[],
        metavar="N,N",
        help="adds the most trusted of so many dreams of a scene",
    )
    parser.add_argument("--threads", type=positive, default=2, help="of the processor (default 2)")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="training clips: adds the mean path and the nearest clip"
    )
    parser.add_argument(
        "--models",
        type=Path,
        nargs="+",
        default=[],
        metavar="MODEL",
        help="adds other models of the task, trained on fewer clips, say",
    )
    parser.add_argument(
        "--speed",
        nargs="+",
        metavar="NAME",
        help="with Stable Video Diffusion: which speed settings to measure (default: all but compile)",
    )
    parser.add_argument("--out", type=Path, default=Path("runs/bench/dream.json"), help="the report")


def run(options: argparse.Namespace) -> int:
    """Dream, track and compare, print the table and write the report."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.model is not None and (options.model / "model_index.json").is_file():
        return _run_svd(options)
    settings = _settings(options)
    earlier = read_json(options.out)
    report = _report(settings, earlier["rows"] if earlier.get("settings") == settings else [])
    done = {row["seed"] for row in report["rows"]}
    todo = [seed for seed in options.seeds if seed not in done]
    if todo:
        bench = Bench(options)
        report["peak_memory_MiB"] = bench.peak_memory_mib
        for seed in todo:
            rows = bench.rows(seed)
            report["rows"] += rows
            said = [f"{row['kind']} {row['error_mm']:.1f} mm" for row in rows]
            print(f"seed {seed}: {', '.join(said) or 'the demonstrator knows no way; left out'}", flush=True)
            write_json(options.out, report)
    else:
        report["peak_memory_MiB"] = earlier["peak_memory_MiB"]
    report["summary"] = summarise([row for row in report["rows"] if row["seed"] in options.seeds])
    write_json(options.out, report)
    print(table(report["summary"]))
    print(f"report: {options.out}")
    print(last_line(options.task, report["summary"], report["peak_memory_MiB"]))
    return 0


def _run_svd(options: argparse.Namespace) -> int:
    """Measure the speed settings of a Stable Video Diffusion, print the table and write the report."""
    from .dream_svd import measure_svd, svd_last_line, svd_table

    settings = _settings(options)
    rows = measure_svd(options.task, options.model, options.speed, max(options.steps), options.threads)
    write_json(options.out, _report(settings, rows))
    print(svd_table(rows))
    print(f"report: {options.out}")
    print(svd_last_line(rows))
    return 0


def _report(settings: Row, rows: list[Row]) -> Row:
    from dreamitate import provenance

    return {
        "settings": settings,
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
        "rows": rows,
    }


class Bench:
    """The generators and guesses that are compared. peak_memory_mib: of the process after its first dream."""

    def __init__(self, options: argparse.Namespace) -> None:
        import torch

        from dreamitate_core.task import load_task
        from dreamitate_gen.svd import SvdGenerator

        torch.set_num_threads(options.threads)
        self.task = load_task(options.task)
        self.generator = SvdGenerator(self.task, options.model)
        model = self.generator.model
        self.size = model.width, model.height
        self.photo_size = round(model.width / model.region), round(model.height / model.region)
        self.own = dict(self.generator.settings["sampling"])
        self.generator.dream_frames(torch.rand(1, 2, 3, *self.size[::-1]).to(self.generator.device), 0)
        self.peak_memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        one = {"sampling": self.own, "dreams": 1}
        self.kinds = {
            "dreamed": one,
            **{f"best of {n}": {**one, "dreams": n} for n in options.dreams},
            **{f"{n} steps": {**one, "sampling": {**self.own, "steps": n}} for n in sorted(options.steps)},
        }
        self.library: Library | None = None
        if options.data is not None:
            self.library = read_library(options.data, self.generator.tools[0])
        others = [SvdGenerator(self.task, folder) for folder in options.models]
        self.others = {f"of {other.settings['clips']} clips": other for other in others}

    def rows(self, seed: int) -> list[Row]:
        """Return one row per kind of path for the scene; none where the demonstrator knows no way."""
        from dreamitate_sim.demonstrator import Demonstration
        from dreamitate_sim.scene import make_scene

        scene = Demonstration(make_scene(self.task, seed, "test"))
        sweeps = [sweep for _, sweep in zip(range(MOST_WAYS), scene.successes(), strict=False)]
        if not sweeps:
            return []
        seen = scene.film(sweeps[0], *self.photo_size)
        ways = np.stack([tips_of(sweep.truth[0], scene.tools[0].tip) for sweep in sweeps])
        made = []
        for kind, settings in self.kinds.items():
            self.generator.settings.update(settings)
            made.append((kind, *_timed(self.generator, seen, seed)))
        made += [(kind, *_timed(generator, seen, seed)) for kind, generator in self.others.items()]
        rows = [{"seed": seed, "kind": kind, **times, **_tracked(clip, ways)} for kind, clip, times in made]
        _compare(rows, {kind: clip for kind, clip, _ in made}, stock=len(self.kinds) - 1)
        if self.library is not None:
            for kind, tips in self.library.guesses(seen.background_1, seen.background_2).items():
                rows.append({"seed": seed, "kind": kind, "error_mm": error_mm(tips, ways)})
        return rows


def _timed(generator: Any, seen: Any, seed: int) -> tuple[Any, Row]:
    """Return the dream of the photos in the clip `seen`, and how long it took."""
    began, began_cpu = time.perf_counter(), time.process_time()
    clip = generator.dreams(seen.background_1, seen.background_2, seen.rig, seed)[0]
    return clip, {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu}


def _tracked(clip: Any, ways: Array) -> Row:
    """Return the tracked tool's tips, their error, both views' agreement, and the share of frames that count."""
    from dreamitate_core.trajectory import Status
    from dreamitate_track.track import track

    from .dream_stereo import stereo_error_px

    tool = clip.tools[0]
    path = track(clip)[tool.name]
    tips = tips_of(clip.rig.transform_reference_to_table @ path.transform_tool_to_frame, tool.tip)
    found = np.isin(path.status, [Status.OK, Status.RECOVERED])
    stereo = stereo_error_px(clip, tool, path.transform_tool_to_frame)[found]
    row = {"tips_m": tips.tolist(), "error_mm": error_mm(tips, ways), "found": float(found.mean())}
    return row if np.isnan(stereo).all() else {**row, "stereo_px": float(np.nanmedian(stereo))}


def _compare(rows: list[Row], clips: dict[str, Any], stock: int) -> None:
    """Add to the dreams' rows how their pictures and tracked tips differ from those of the stock row."""
    reference = clips[rows[stock]["kind"]].video.frames().astype(float)
    for index, row in enumerate(rows):
        if index != stock:
            row["difference_of_255"] = float(np.abs(clips[row["kind"]].video.frames() - reference).mean())
            apart = np.linalg.norm(np.subtract(row["tips_m"], rows[stock]["tips_m"]), axis=1)
            row["apart_mm"] = 1e3 * float(np.median(apart))


def _settings(options: argparse.Namespace) -> Row:
    """Return all that decides the rows but the seed."""
    from dreamitate import provenance
    from dreamitate_core.paths import models_dir

    return {
        "task": options.task,
        "weights": provenance.weights_hash(options.model or models_dir() / options.task),
        "steps": sorted(options.steps),
        "dreams": options.dreams,
        "threads": options.threads,
        "data": str(options.data or ""),
        "models": [provenance.weights_hash(folder) for folder in options.models],
        "sources": provenance.source_fingerprint(),
    }


def summarise(rows: list[Row]) -> dict[str, Row]:
    """Return medians by kind; the mean of the share of frames where the tool was found."""
    summary = {}
    for kind in dict.fromkeys(row["kind"] for row in rows):
        of_kind = [row for row in rows if row["kind"] == kind]
        found = {name: [row[name] for row in of_kind if name in row] for name in COLUMNS if name != "scenes"}
        middle = {name: float(np.median(values)) for name, values in found.items() if values and name != "found"}
        share = {"found": float(np.mean(found["found"]))} if found["found"] else {}
        summary[kind] = {"scenes": len(of_kind), **middle, **share}
    return summary


def table(summary: dict[str, Row]) -> str:
    """Return the table for people; medians over scenes."""
    lines = ["".join([f"{'':20}", *(f"{head:>13}" for head in COLUMNS.values())])]
    for kind, values in summary.items():
        cells = [f"{values[name]:13.3g}" if name in values else f"{'-':>13}" for name in COLUMNS]
        lines.append(f"{kind:20}" + "".join(cells))
    return "\n".join(lines)


def last_line(task: str, summary: dict[str, Row], peak_memory_mib: float) -> str:
    """Return the line that sums up."""
    if not summary:
        return f"{task}, dream: no scene was measured"
    own, stock = summary["dreamed"], [kind for kind in summary if kind.endswith(" steps")][-1]
    faster = summary[stock]["cpu_seconds"] / own["cpu_seconds"]
    return (
        f"{task}, dream: {faster:.1f} times faster than {stock}, {own['error_mm'] - summary[stock]['error_mm']:+.1f} mm"
        f" of error; {own['seconds']:.1f} s, {peak_memory_mib:.0f} MiB, {own['error_mm']:.1f} mm to the nearest way"
    )
