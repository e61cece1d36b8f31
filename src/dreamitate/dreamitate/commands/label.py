"""`dreamitate label DIR`: tracks every clip of a folder; sure tracks become labels."""

import argparse
from pathlib import Path

from .options import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("data", type=Path, metavar="DIR", help="folder of clip folders")
    parser.add_argument("--tracker", default="region", help="the tracker's name (default: region)")
    parser.add_argument("--workers", type=positive, default=0, help="processes (default: one per core)")
    parser.add_argument(
        "--ray", default="", metavar="ADDRESS", help="track on a Ray cluster instead: auto, ray://HOST:10001"
    )
    parser.add_argument(
        "--accept", action="append", default=[], metavar="CLIP", help="a clip in low/ whose track you find good"
    )


def run(options: argparse.Namespace) -> int:
    """Label the clips, going on where an earlier run stopped, and list those that a person should look at."""
    from dreamitate_data.label import label_clips, summary

    from ..terminal import ProgressShow

    with ProgressShow() as progress:
        rows = label_clips(options.data, options.tracker, options.workers, options.accept, options.ray, progress)
    print(summary(rows))
    if any(row.verdict == "low" for row in rows):
        clip = options.data / "low" / "CLIP"
        print(f"Look at one: dreamitate track {clip} --out {clip}/track.npz --fix; label again, or say --accept CLIP.")
    return 0
