"""`dreamitate track CLIP --out TRACK.npz`."""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("clip", type=Path, help="a clip folder")
    parser.add_argument("--out", type=Path, required=True, metavar="TRACK.npz", help="the file to write")
    parser.add_argument("--tracker", default="region", help="the tracker's name (default: region)")
    parser.add_argument("--overlay", type=Path, metavar="VIDEO.mp4", help="also write the tool drawn over both views")


def run(options: argparse.Namespace) -> int:
    """Track the clip's tools, write the tracks, and say how sure they are."""
    from dreamitate_core.clip import read_clip
    from dreamitate_core.trajectory import Status, write_tracks
    from dreamitate_core.video import write_mp4

    clip = read_clip(options.clip)

    from dreamitate_track.track import track

    from ..run_folder import side_by_side
    from ..terminal import ProgressShow

    with ProgressShow() as progress:
        tracks = track(clip, options.tracker, progress)
    write_tracks(options.out, tracks)
    if options.overlay:
        from dreamitate_track.overlay import draw_overlay

        write_mp4(options.overlay, side_by_side(draw_overlay(clip, tracks), clip.background_2), clip.video.fps)
    for name, found in tracks.items():
        counts = {status.name.lower(): int((found.status == status).sum()) for status in Status}
        said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        print(f"{options.out}: {name}: {said}; mean score {found.score.mean():.2f}")
    return 0
