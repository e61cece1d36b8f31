"""Options that several commands share."""

import argparse
from pathlib import Path

from dreamitate_core.errors import DreamitateError

LARGEST_SEED = 2**31 - 1


def seed(text: str) -> int:
    """Return the seed that the text names. Raises DreamitateError where it is no whole number from 0 on."""
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST_SEED):
        raise DreamitateError(f"The seed must be a whole number from 0 to {LARGEST_SEED}; it is {text!r}.")
    return int(text)


def positive(text: str) -> int:
    """Return the number that the text names. Raises DreamitateError where it is no whole number from 1 on."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise DreamitateError(f"A whole number from 1 on is needed here, not {text!r}.")
    return int(text)


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add `--task`."""
    parser.add_argument("--task", required=True, help="the task, as in config/tasks")


def add_cameras(parser: argparse.ArgumentParser) -> None:
    """Add `--cameras`."""
    parser.add_argument("--cameras", type=Path, help="cameras.json of the photos (default: the task's rig)")
