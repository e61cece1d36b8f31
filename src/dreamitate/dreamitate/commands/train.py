"""`dreamitate train --task T --data DIR`."""

import argparse
from pathlib import Path

from .options import add_task, positive, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_task(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of clip folders")
    parser.add_argument("--out", type=Path, help="where the run is kept and goes on (default: runs/train/<task>)")
    parser.add_argument("--minutes", type=positive, default=60, help="time budget of the whole run (default 60)")
    parser.add_argument("--start", type=Path, metavar="MODEL", help="a model's folder to begin from")
    parser.add_argument("--seed", type=seed, default=0, help="of everything random (default 0)")
    parser.add_argument("--threads", type=positive, default=1, help="processor threads (default 1)")


def run(options: argparse.Namespace) -> int:
    """Train the small model, going on where an earlier run with the same --out stopped."""
    from dreamitate_core.errors import DreamitateError
    from dreamitate_core.task import load_task

    task = load_task(options.task)
    if not options.data.is_dir():
        raise DreamitateError(
            f"There is no folder of clips {options.data}. "
            f"Make one: dreamitate demonstrate --task {task.name} --count 1000 --out {options.data}"
        )

    from dreamitate_gen.train import SmallSettings, train

    from ..terminal import ProgressShow

    out = options.out or Path("runs") / "train" / task.name
    settings = SmallSettings(seed=options.seed, threads=options.threads)
    with ProgressShow() as progress:
        model = train(task, options.data, out, 60.0 * options.minutes, settings, options.start, progress=progress)
    print(f"{model}: to be the task's model, it goes to models/{task.name}; or roll out with model:={model}")
    return 0
