"""`dreamitate train --task T --data DIR [--base SVD]`."""

import argparse
from pathlib import Path

from .options import add_task, positive, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_task(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of clip folders")
    parser.add_argument("--out", type=Path, help="where the run is kept and goes on (default: runs/train/<task>)")
    parser.add_argument("--seed", type=seed, default=0, help="of everything random (default 0)")
    small = parser.add_argument_group("the small model, from scratch (without --base)")
    small.add_argument("--minutes", type=positive, default=60, help="time budget of the whole run (default 60)")
    small.add_argument("--start", type=Path, metavar="MODEL", help="a model's folder to begin from")
    small.add_argument("--threads", type=positive, default=1, help="processor threads (default 1)")
    svd = parser.add_argument_group("Stable Video Diffusion, fine-tuned (also under `accelerate launch`)")
    svd.add_argument("--base", type=Path, metavar="SVD", help="its folder in diffusers' layout, or a hub id")
    svd.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a training setting other than in the task's file, e.g. --set trainable=lora --set steps=1000",
    )


def run(options: argparse.Namespace) -> int:
    """Train, going on where an earlier run with the same --out stopped."""
    from dreamitate_core.errors import DreamitateError
    from dreamitate_core.task import load_task

    task = load_task(options.task)
    if not options.data.is_dir():
        raise DreamitateError(
            f"There is no folder of clips {options.data}. "
            f"Make one: dreamitate demonstrate --task {task.name} --count 1000 --out {options.data}"
        )
    if options.set and options.base is None:
        raise DreamitateError("--set belongs to the fine-tuning of SVD; name its folder or hub id with --base.")

    from ..terminal import ProgressShow

    out = options.out or Path("runs") / "train" / task.name
    with ProgressShow() as progress:
        if options.base is not None:
            from dreamitate_gen.svd_train import settings_of, train_svd

            changes = {"seed": str(options.seed), **dict(_pair(text) for text in options.set)}
            model = train_svd(task, options.data, options.base, out, settings_of(task, changes), progress)
        else:
            from dreamitate_gen.train import SmallSettings, train

            small = SmallSettings(seed=options.seed, threads=options.threads)
            model = train(task, options.data, out, 60.0 * options.minutes, small, options.start, progress=progress)
    print(f"{model}: to be the task's model, it goes to models/{task.name}; or roll out with model:={model}")
    return 0


def _pair(text: str) -> tuple[str, str]:
    from dreamitate_core.errors import DreamitateError

    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise DreamitateError(f"--set takes NAME=VALUE, as in --set steps=1000; not {text!r}.")
    return name, value
