"""`dreamitate record --task T [--count N] [--seconds S]`: one bag per demonstration, from the cameras' topics."""

import argparse
import os
import sys
from pathlib import Path

from .options import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--task", default="", help="the task, as in config/tasks; noted in each bag")
    parser.add_argument("--out", type=Path, default=Path("recordings"), help="where the bags go (default recordings)")
    parser.add_argument("--name", default="", help="of the bags, numbers follow (default: time and task)")
    parser.add_argument("--count", type=positive, default=1, help="how many (default 1)")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long each is (default: from Enter to Enter)")
    parser.add_argument("--note", default="", help="your words on them")
    parser.add_argument("--also", default="", help="more topics, with spaces between them")
    parser.add_argument("--compression", default="none", help="none, lz4 or zstd (default none)")
    parser.add_argument(
        "--repair", type=Path, nargs="+", metavar="BAG", help="make bags readable whose recorder was killed"
    )


def run(options: argparse.Namespace) -> int:
    """Record in the foreground, or repair."""
    if options.repair:
        return _repair(options.repair)

    from ..ros_environment import ros_environment

    values = {
        "out": str(options.out.resolve()),
        **{key: getattr(options, key) for key in ("task", "name", "note", "also", "compression")},
    }
    line = [sys.executable, "-m", "dreamitate_data.record_session_node", "--ros-args"]
    line += ["-p", f"count:={options.count}", "-p", f"seconds:={float(options.seconds)}"]
    for key, value in values.items():
        line += ["-p", f"{key}:={_quoted(value)}"]
    sys.stdout.flush()
    os.execve(sys.executable, line, ros_environment())  # noqa: S606 - it takes over this terminal


def _repair(bags: list[Path]) -> int:
    from dreamitate_data.repair import repair_bag

    for bag in bags:
        found = repair_bag(bag)
        done = (
            f"repaired, {found.removed_bytes} bytes of a message that was cut off removed" if found.needed else "whole"
        )
        print(f"{bag}: {found.messages} messages; {done}")
    return 0


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
