"""`dreamitate export DIR --format lerobot --out DATASET`, and back with `--format clips`."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "data", type=Path, metavar="DIR", help="labelled clips, or their train/ and test/; or a dataset"
    )
    parser.add_argument(
        "--format", choices=("lerobot", "clips"), required=True, help="LeRobotDataset v3.0, or back to clip folders"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to make")


def run(options: argparse.Namespace) -> int:
    """Export all of it, or nothing."""
    from dreamitate_data.lerobot_read import import_lerobot
    from dreamitate_data.lerobot_write import export_lerobot

    from ..terminal import ProgressShow

    export = export_lerobot if options.format == "lerobot" else import_lerobot
    with ProgressShow() as progress:
        count = export(options.data, options.out, progress)
    print(f"{options.out}: {count} episodes")
    return 0
