"""`dreamitate train --task T --data DIR [--base SVD | --policy diffusion_policy]`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_task, positive, seed

if TYPE_CHECKING:
    from dreamitate_core.task import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_task(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of clip folders")
    parser.add_argument(
        "--clips", type=positive, default=0, help="only the first so many, to learn from fewer, not with --base"
    )
    parser.add_argument(
        "--out", type=Path, help="where the run is kept and goes on (default: runs/train/<task>[_<policy>][_<N>_clips])"
    )
    parser.add_argument("--seed", type=seed, default=0, help="of everything random (default 0)")
    parser.add_argument(
        "--minutes", type=positive, help="time budget of the whole run (default: 60; a policy: --epochs)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="processor threads, not with --base (default 1)")
    small = parser.add_argument_group("the small model, from scratch (without --base and --policy)")
    small.add_argument("--start", type=Path, metavar="MODEL", help="a model's folder to begin from")
    small.add_argument(
        "--finish", action="store_true", help="train --start's finishing network alone, which sharpens the tools"
    )
    small.add_argument(
        "--closer", action="store_true", help="train --start's closer look alone, which says where the tool goes"
    )
    svd = parser.add_argument_group("Stable Video Diffusion, fine-tuned (also under `accelerate launch`)")
    svd.add_argument("--base", type=Path, metavar="SVD", help="its folder in diffusers' layout, or a hub id")
    svd.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a training setting other than in the task's file, e.g. --set trainable=lora --set steps=1000",
    )
    policy = parser.add_argument_group("a policy without dreams, which the benchmark compares with")
    policy.add_argument(
        "--policy", choices=["diffusion_policy"], help="train it on the clips' tracks (made if missing)"
    )
    policy.add_argument("--epochs", type=positive, default=200, help="how often it sees each clip (default 200)")
    policy.add_argument("--samples", type=positive, default=0, help="how many clips it sees, in place of --epochs")
    policy.add_argument("--workers", type=positive, default=2, help="processes that track the clips (default 2)")


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
    if options.policy and options.base:
        raise DreamitateError("--base is a video model, --policy none: name one of them.")
    if options.finish and options.closer:
        raise DreamitateError("--finish and --closer each train one part alone: name one of them.")
    if (options.finish or options.closer) and (options.start is None or options.policy or options.base):
        raise DreamitateError(
            f"--{'finish' if options.finish else 'closer'} goes on with a small model: name its folder with --start (no"
            " --base, --policy)."
        )
    if options.set and options.base is None:
        raise DreamitateError("--set belongs to the fine-tuning of SVD; name its folder or hub id with --base.")

    from ..terminal import ProgressShow

    if options.base and options.clips:
        raise DreamitateError("--clips does not go with --base: give a folder of fewer clips.")
    name = task.name + (f"_{options.policy}" if options.policy else "")
    out = options.out or Path("runs") / "train" / (f"{name}_{options.clips}_clips" if options.clips else name)
    if options.policy:
        return _train_policy(task, options, out)
    with ProgressShow() as progress:
        if options.base is not None:
            from dreamitate_gen.svd_train import settings_of, train_svd

            changes = {"seed": str(options.seed), **dict(_pair(text) for text in options.set)}
            model = train_svd(task, options.data, options.base, out, settings_of(task, changes), progress)
        else:
            from dreamitate_gen.closer_training import train_closer
            from dreamitate_gen.finish import train_finish
            from dreamitate_gen.train import small_settings, train

            budget_s = 60.0 * (options.minutes or 60)
            seed, threads, more = options.seed, options.threads, {"progress": progress, "most_clips": options.clips}
            if options.finish or options.closer:
                train_part = train_finish if options.finish else train_closer
                model = train_part(task, options.data, options.start, out, budget_s, seed, threads, **more)
            else:
                small = small_settings(task, seed, threads)
                model = train(task, options.data, out, budget_s, small, options.start, **more)
    print(f"{model}: to be the task's model, it goes to models/{task.name}; or roll out with model:={model}")
    return 0


def _train_policy(task: "Task", options: argparse.Namespace, out: Path) -> int:
    from dreamitate_bench.policy_train import PolicySettings, train_policy

    from ..terminal import ProgressShow

    settings = PolicySettings(
        epochs=options.epochs,
        samples=options.samples,
        budget_s=60.0 * (options.minutes or 0),
        seed=options.seed,
        threads=options.threads,
    )
    with ProgressShow() as progress:
        model = train_policy(task, options.data, out, settings, options.workers, progress, options.clips)
    print(
        f"{model}: try it with dreamitate bench tasks --task {task.name} --generator {options.policy} --model {model}"
    )
    return 0


def _pair(text: str) -> tuple[str, str]:
    from dreamitate_core.errors import DreamitateError

    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise DreamitateError(f"--set takes NAME=VALUE, as in --set steps=1000; not {text!r}.")
    return name, value
