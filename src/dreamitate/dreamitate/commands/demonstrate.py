"""`dreamitate demonstrate --task T --count N --seed S --out DIR`."""

import argparse
from pathlib import Path

from .options import add_task, positive, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_task(parser)
    parser.add_argument("--count", type=positive, required=True, help="how many clips")
    parser.add_argument("--seed", type=seed, default=0, help="of the first scene (default 0)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of clip folders; goes on there")
    parser.add_argument("--width", type=positive, help="pixels (default: the task's)")
    parser.add_argument("--height", type=positive, help="pixels (default: the task's)")
    parser.add_argument("--workers", type=positive, default=2, help="processes (default 2)")


def run(options: argparse.Namespace) -> int:
    """Render the demonstrations that are not there yet."""
    from dreamitate_core.task import load_task

    task = load_task(options.task)
    width, height = options.width or task.dream_size[0], options.height or task.dream_size[1]

    from dreamitate_sim.demonstrations import write_demonstrations

    write_demonstrations(task, options.count, options.seed, options.out, width, height, options.workers)
    print(f"{options.out}: {options.count} demonstrations of {task.name}, {width}x{height}")
    return 0
