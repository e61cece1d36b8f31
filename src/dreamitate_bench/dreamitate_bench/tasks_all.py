"""`dreamitate bench tasks --all`: the paper's table, all tasks by all generators, in one report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dreamitate.run_folder import read_json, write_json
from dreamitate_core.errors import DreamitateError
from dreamitate_gen.effort import demonstrations, samples_seen, training_s

from .tasks_curves import CURVES, FRACTIONS, curve_files, draw_curves, draw_fractions
from .tasks_made import Made, merged, provenance_now
from .tasks_paired import compare, paired_lines
from .tasks_report import AT_FIRST, SAID, last_line, summarise
from .tasks_report import NAMES as FIGURES
from .tasks_sheet import write_sheets
from .tasks_trials import GENERATORS, POLICY, NotTrainedError, is_done, model_folder, run_trials, settings_of

TRIALS, OTHER_TRIALS = 40, {"push_shape": 32}
NAMES = {"replay": "replay", "svd": "dream", POLICY: "Diffusion Policy"}
PAPER = {
    "rotation": ("37/40", "22/40"),
    "scooping": ("34/40", "22/40"),
    "sweeping": ("37/40", "5/40"),
    "push_shape": ("mIoU 0.731; 8.0 deg", "mIoU 0.550; 48.2 deg"),
}
"""The paper's dream and Diffusion Policy, on real arms and with Stable Video Diffusion."""


@dataclass(frozen=True)
class Cell:
    """One number of the table. model: None for the task's own; another one was trained on fewer demonstrations."""

    task: str
    generator: str
    model: Path | None = None

    @property
    def name(self) -> str:
        """Of its folder."""
        if self.model is None:
            return f"{self.task}_{self.generator}"
        return (self.model.parent if self.model.name == "model" else self.model).name

    @property
    def folder(self) -> Path | None:
        """Of its model; `replay` has none."""
        return None if self.generator == "replay" else self.model or model_folder(self.task, self.generator)


@dataclass(frozen=True)
class HowToRun:
    """What all cells have in common. seeds: of the scenes; None: 0-39, push-shape 0-31; ray: a cluster's address."""

    out: Path
    seeds: list[int] | None = None
    tracker: str = "region"
    planner: str = "embedded"
    workers: int = 2
    ray: str = ""

    def seeds_of(self, task: str) -> list[int]:
        """Return the seeds of a task's trials."""
        return self.seeds or list(range(OTHER_TRIALS.get(task, TRIALS)))


def run_table(tasks: Sequence[str], fractions: Sequence[Path], how: HowToRun) -> tuple[str, bool]:
    """Run all cells, write `report.md` and `report.json`, and return the last line, and whether no defect was met.

    fractions: folders of models that were trained on a part of the demonstrations. What is done already comes first,
    and the report is written after every cell, so that a run that is broken off leaves all that is done. Raises
    DreamitateError for a folder that is no model, and for two of the same name.
    """
    cells = [Cell(task, generator) for task in tasks for generator in GENERATORS]
    cells += [_fraction(folder) for folder in fractions]
    _check_names(cells)
    settings = {cell: _settings(cell, how) for cell in cells}
    how.out.mkdir(parents=True, exist_ok=True)
    trainings = {cell.name: {"task": cell.task, "generator": cell.generator, **_training(cell)} for cell in cells}
    has_curves = draw_curves(how.out / CURVES, [(name, about.get("curves", ())) for name, about in trainings.items()])
    reports: dict[str, dict[str, Any]] = {}
    for cell in sorted(cells, key=lambda cell: not _is_done(cell, settings[cell], how)):
        print(f"{cell.name}:", flush=True)
        reports[cell.name] = {**trainings[cell.name], **run_cell(cell, settings[cell], how)}
        _write(tasks, {cell.name: reports[cell.name] for cell in cells if cell.name in reports}, has_curves, how)
    done = sum("trials" in report for report in reports.values())
    defects = sum(report.get("defects", 0) for report in reports.values())
    ended = f", {defects} trials ended by defects, to be run again" if defects else ""
    said = f"{done} of {len(cells)} cells, {len(cells) - done} not trained{ended}; report: {how.out / 'report.md'}"
    return said, not defects


def run_cell(cell: Cell, settings: dict[str, Any] | str, how: HowToRun) -> dict[str, Any]:
    """Run a cell's trials and return its report; settings: why there is no model, in place of a cell's settings."""
    if isinstance(settings, str):
        print(f"  not trained: {settings}", flush=True)
        return {"not_trained": settings.replace(f"{Path.cwd()}/", "")}
    folder = how.out / cell.name
    results = run_trials(how.seeds_of(cell.task), settings, folder, how.workers, how.ray)
    report = summarise(results, settings)
    write_json(folder / "report.json", report)
    print(f"  {last_line(report)}", flush=True)
    sheets = [str(path.relative_to(how.out)) for path in write_sheets(folder, results)]
    return {**report, "is_fraction": cell.model is not None, "sheets": sheets}


def _settings(cell: Cell, how: HowToRun) -> dict[str, Any] | str:
    """Return the cell's settings, or why there is no model for it."""
    try:
        return settings_of(cell.task, cell.generator, how.tracker, how.planner, cell.model)
    except NotTrainedError as missing:
        return str(missing)


def _is_done(cell: Cell, settings: dict[str, Any] | str, how: HowToRun) -> bool:
    return isinstance(settings, str) or is_done(how.seeds_of(cell.task), settings, how.out / cell.name)


def _training(cell: Cell) -> dict[str, Any]:
    """How the cell's model was trained, as far as it says so, and its learning curves."""
    if cell.folder is None:
        return {}
    says = read_json(cell.folder / "model.json")
    numbers: dict[str, float] = {"clips": demonstrations(says)} if "clips" in says else {}
    if "seen" in says:
        numbers |= {"samples": samples_seen(says), "training_s": training_s(says)}
    return {**numbers, "curves": [str(path) for path in curve_files(cell.folder)]}


def _write(tasks: Sequence[str], reports: dict[str, dict[str, Any]], has_curves: bool, how: HowToRun) -> None:
    """Write the report of the cells that there are."""
    by_name: dict[str, list[tuple[int, int, int]]] = {}
    for cell in _points(list(reports.values())):
        name = f"{cell['task']}, {NAMES[cell['generator']]}"
        by_name.setdefault(name, []).append((cell["clips"], cell["successes"], cell["trials"]))
    if by_name:
        draw_fractions(how.out / FRACTIONS, by_name)
    seconds = sum(cell.get("seconds", 0.0) for cell in reports.values())
    whole = {**provenance_now(), "workers": how.workers, "seconds": seconds, "curves": has_curves, "cells": reports}
    write_json(how.out / "report.json", whole)
    partial = how.out / ".report.md.partial"
    partial.write_text(markdown(whole, tasks))
    partial.replace(how.out / "report.md")


def markdown(whole: dict[str, Any], tasks: Sequence[str]) -> str:
    """Return the report as Markdown."""
    cells = list(whole["cells"].values())
    made = merged(cell.get("made", {}) for cell in cells)
    lines = [
        "# All tasks",
        "",
        f"`dreamitate bench tasks --all`, {_made(made)}. Successes of trials with objects that were not trained on,"
        " with the 95 % Wilson interval; means with the 95 % bootstrap interval. `replay` shows a demonstration of the"
        " very scene: what simulator, tracker and arms can do."
        f" All trials took {whole['seconds'] / 3600:.1f} hours of one worker; {whole['workers']} ran side by side in"
        " the last run.",
        "",
        f"| Task | {' | '.join(NAMES.values())} | Paper: dream | Paper: Diffusion Policy |",
        "|---" * (len(NAMES) + 3) + "|",
    ]
    whole_ones = {(cell["task"], cell["generator"]): cell for cell in cells if not cell.get("is_fraction")}
    for task in tasks:
        shown = [said(whole_ones.get((task, generator))) for generator in GENERATORS]
        lines.append(f"| {' | '.join([task, *shown, *PAPER.get(task, ('-', '-'))])} |")
    lines += [
        "",
        *paired_lines(_pairs(whole_ones, tasks)),
        *_stages_and_times(cells),
        *_objects(whole_ones, tasks),
        *_fractions(cells),
        *_trainings(cells, whole["curves"]),
        *_pictures(cells),
    ]
    missing = [cell["not_trained"] for cell in cells if "not_trained" in cell]
    if missing:
        lines += ["## Not trained", "", *(f"- {reason}" for reason in missing), ""]
    return "\n".join(lines)


def said(cell: dict[str, Any] | None) -> str:
    """Return a cell of the table: `37/40 (80-97 %; 2 after refused dreams)`; for push-shape mIoU and rotation error,
    too."""
    if cell is None:
        return "not run yet"
    if "not_trained" in cell:
        return "not trained"
    low, high = cell["interval_95"]
    refused = f"; {cell['after_refusals']} after refused dreams" if cell["after_refusals"] else ""
    text = f"{cell['successes']}/{cell['trials']} ({100 * low:.0f}-{100 * high:.0f} %{refused})"
    return "; ".join([*(_mean(cell, name) for name in FIGURES if name in cell["means"]), text])


def _mean(cell: dict[str, Any], name: str) -> str:
    """Return `mIoU 0.650 (0.400-0.900; at first 0.011)`."""
    said, means, interval = SAID[name], cell["means"], cell["mean_intervals_95"][name]
    inside = [] if interval is None else [f"{said(interval[0])} to {said(interval[1])}"]
    inside += [f"at first {said(means[AT_FIRST[name]])}"] if AT_FIRST[name] in means else []
    return f"{FIGURES[name]} {said(means[name])}" + (f" ({'; '.join(inside)})" if inside else "")


def _made(made: Made) -> str:
    """When and where the trials were made, in words."""
    if not made:
        return "no trial yet"
    dates = " to ".join(dict.fromkeys((made["from"], made["to"])))
    differ = f", with {len(made['versions'])} sets of library versions" if len(made["versions"]) > 1 else ""
    return f"{dates}, commit {', '.join(made['git_revisions'])}, on {' and '.join(made['machines'])}{differ}"


def _stages_and_times(cells: Sequence[dict[str, Any]]) -> list[str]:
    run = [cell for cell in cells if "trials" in cell]
    stages = sorted({stage for cell in run for stage in cell["failures_by_stage"]})
    head = ["Trials", *(f"failed: {stage}" for stage in stages), "done after refused dreams", "seconds per trial"]
    rows = [
        [
            _what(cell),
            *(str(cell["failures_by_stage"].get(stage, "")) for stage in stages),
            str(cell["after_refusals"] or ""),
            f"{cell['seconds'] / cell['trials']:.0f}",
        ]
        for cell in run
    ]
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
    return ["## Failures by stage, and time", "", *lines, ""]


def _objects(cells: Mapping[tuple[str, str], dict[str, Any]], tasks: Sequence[str]) -> list[str]:
    """Successes by the scene's first object, which the seed draws: not each comes equally often."""
    rows = []
    for task in tasks:
        counts = [cells.get((task, generator), {}).get("by_object", {}) for generator in GENERATORS]
        for name in sorted({name for count in counts for name in count}):
            shown = ["/".join(map(str, count[name])) if name in count else "-" for count in counts]
            rows.append(f"| {' | '.join([task, name, *shown])} |")
    head = [f"| Task | Object | {' | '.join(NAMES.values())} |", "|---" * (len(NAMES) + 2) + "|"]
    return ["## Successes by object", "", *head, *rows, ""] if rows else []


def _fractions(cells: Sequence[dict[str, Any]]) -> list[str]:
    """Successes over the number of demonstrations, where there are models of fewer."""
    points = _points(cells)
    rows = [
        f"| {cell['task']} | {NAMES[cell['generator']]} | {cell['clips']} | {cell.get('samples', '-')} | {said(cell)} |"
        for cell in sorted(points, key=lambda cell: (cell["task"], cell["generator"], cell["clips"]))
    ]
    head = ["| Task | By | Demonstrations | Samples seen | Successes |", "|---|---|---|---|---|"]
    shown = f"![Successes over demonstrations]({FRACTIONS})"
    return ["## Fewer demonstrations", "", *head, *rows, "", shown, ""] if rows else []


def _points(cells: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells of those tasks and generators of which there are models of fewer demonstrations; where one of these was
    trained on all of them, it stands for the task's own."""
    fractions = {(c["task"], c["generator"], c["clips"]) for c in cells if c.get("is_fraction")}
    curves = {(task, generator) for task, generator, _ in fractions}
    points = [c for c in cells if (c["task"], c["generator"]) in curves and "trials" in c and "clips" in c]
    return [c for c in points if c["is_fraction"] or (c["task"], c["generator"], c["clips"]) not in fractions]


def _pairs(cells: Mapping[tuple[str, str], dict[str, Any]], tasks: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Dream and policy, compared in the tasks in which both were tried."""
    both = {task: (cells.get((task, "svd"), {}), cells.get((task, POLICY), {})) for task in tasks}
    return {task: compare(*pair) for task, pair in both.items() if all("results" in cell for cell in pair)}


def _trainings(cells: Sequence[dict[str, Any]], has_curves: bool) -> list[str]:
    """What the models have learnt from, and their learning curves."""
    trained = [cell for cell in cells if "samples" in cell]
    if not trained:
        return []
    rows = [
        f"| {_what(cell)} | {cell.get('clips', '-')} | {cell['samples']} | {cell.get('training_s', 0.0) / 60:.0f} |"
        for cell in trained
    ]
    head = ["| Model | Demonstrations | Samples seen | Minutes |", "|---|---|---|---|"]
    shown = [f"![Learning curves]({CURVES})", ""] if has_curves else []
    return ["## Training", "", *head, *rows, "", *shown]


def _pictures(cells: Sequence[dict[str, Any]]) -> list[str]:
    rows = []
    for cell in cells:
        links = ", ".join(f"[{Path(sheet).stem}]({sheet})" for sheet in cell.get("sheets", ()))
        if links:
            rows.append(f"- {_what(cell)}: {links}")
    return ["## Pictures", "", "Photo, path at t = 4, 8 and 12, end.", "", *rows, ""] if rows else []


def _what(cell: dict[str, Any]) -> str:
    fewer = f", {cell['clips']} demonstrations" if cell.get("is_fraction") else ""
    return f"{cell['task']}, {NAMES[cell['generator']]}{fewer}"


def _check_names(cells: Sequence[Cell]) -> None:
    """Results lie in folders by these names."""
    names = [cell.name for cell in cells]
    for cell in cells:
        if names.count(cell.name) > 1:
            raise DreamitateError(
                f"Two models are called {cell.name!r}: --fractions takes models of fewer demonstrations in folders of"
                " different names; each task's own is measured anyway."
            )


def _fraction(folder: Path) -> Cell:
    settings = read_json(folder / "model.json")
    if not {"task", "clips"} <= set(settings):
        raise DreamitateError(f"{folder}/model.json does not say on how many clips of which task it was trained.")
    generator = POLICY if settings.get("kind") == POLICY else "svd"
    return Cell(settings["task"], generator, folder)
