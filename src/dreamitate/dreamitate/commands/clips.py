"""`dreamitate clips BAG... --task T --out DIR`: bags of demonstrations -> clip folders."""

import argparse
from pathlib import Path

from dreamitate_core.errors import DreamitateError

from .options import add_task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("bags", type=Path, nargs="+", metavar="BAG", help="folder of a bag, one demonstration each")
    add_task(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where train/, test/ and sheets/ go")
    parser.add_argument(
        "--test-object", action="append", default=[], metavar="NAME", help="an object whose clips are for testing"
    )


def run(options: argparse.Namespace) -> int:
    """Cut a clip of each bag and print the table. An error where no bag gave one."""
    from dreamitate_core.task import load_task
    from dreamitate_data.clips import cut_clips, table

    from ..terminal import ProgressShow

    with ProgressShow() as progress:
        rows = cut_clips(options.bags, load_task(options.task), options.out, options.test_object, progress)
    if not any(row.clip for row in rows):
        more = f" The others: see {options.out}/clips.csv." if len(rows) > 1 else ""
        raise DreamitateError(f"No bag gave a clip. {rows[0].reason}{more}")
    print(table(rows))
    print(f"{options.out}: clips in train/ and test/, contact sheets in sheets/, the table in clips.csv")
    return 0
