"""`dreamitate bench tasks`: whole episodes over many scenes, in parallel processes, resumable.

Of one task by one generator, or of all (`--all`). `report.json` sums up, with machine, versions and all numbers.
"""

import argparse
from pathlib import Path

from dreamitate.commands.options import positive
from dreamitate.run_folder import write_json
from dreamitate_core.errors import DreamitateError

from .tasks_all import HowToRun, run_table
from .tasks_report import last_line, summarise, table
from .tasks_sheet import write_sheets
from .tasks_trials import run_trials, settings_of

DESCRIPTION = "Whole episodes in the simulator, without ROS: how many scenes succeed, and what stops the others."
DEFAULT_OUT = Path("runs") / "bench"
FRACTIONS = Path("runs") / "train"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--task", help="the task, as in config/tasks")
    parser.add_argument("--generator", help="svd (default), replay or diffusion_policy")
    parser.add_argument("--all", action="store_true", help="all tasks by all generators, instead of --task")
    parser.add_argument(
        "--fractions",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="with --all: models of fewer clips (default: runs/train/*_clips/model)",
    )
    parser.add_argument("--tracker", default="region", help="the tracker's name (default: region)")
    parser.add_argument("--planner", default="embedded", help="the planner's name (default: embedded)")
    parser.add_argument("--model", type=Path, help="folder of a trained model (default: the task's own)")
    parser.add_argument("--seeds", type=read_seeds, help="of the scenes: 0-39, or 1000,1003,1010-1019 (--all: 40, 32)")
    parser.add_argument("--workers", type=positive, default=2, help="processes (default 2)")
    parser.add_argument("--ray", default="", metavar="ADDRESS", help="run on a Ray cluster: auto, ray://HOST:10001")
    parser.add_argument("--out", type=Path, help="folder of the results (default: in runs/bench)")


def run(options: argparse.Namespace) -> int:
    """Run the trials that have no valid result yet, print the table and write the report. 1: defects ended some."""
    if options.all:
        return _run_all(options)
    if options.task is None or options.seeds is None:
        raise DreamitateError("Name a --task and its --seeds, as in --task sweeping --seeds 0-39; or say --all.")
    if options.fractions:
        raise DreamitateError("--fractions belongs to --all; measure one model by its --model.")
    generator = options.generator or "svd"
    settings = settings_of(options.task, generator, options.tracker, options.planner, options.model)
    out = options.out or DEFAULT_OUT / f"{options.task}_{generator}"
    results = run_trials(options.seeds, settings, out, options.workers, options.ray)
    report = summarise(results, settings)
    write_json(out / "report.json", report)
    write_sheets(out, results)
    print(table(results))
    print(f"report: {out / 'report.json'}")
    print(last_line(report))
    return 1 if report["defects"] else 0


def read_seeds(text: str) -> list[int]:
    """Return the seeds of a list of numbers and ranges: `0-39` or `1000,1010-1019`. Raises DreamitateError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise DreamitateError(f"Seeds are numbers and ranges as in 0-39 or 1000,1010-1019; {part!r} is neither.")
        seeds += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(seeds))


def _run_all(options: argparse.Namespace) -> int:
    from dreamitate_core.task import rollout_task_names

    if options.task or options.model or options.generator:
        raise DreamitateError(
            "--all runs every task by every generator with its own model: leave --task, --generator and --model away."
        )
    how = HowToRun(
        options.out or DEFAULT_OUT, options.seeds, options.tracker, options.planner, options.workers, options.ray
    )
    fractions = options.fractions or sorted(FRACTIONS.glob("*_clips/model"))
    said, whole = run_table(rollout_task_names(), fractions, how)
    print(said)
    return 0 if whole else 1
