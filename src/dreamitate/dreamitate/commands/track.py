"""`dreamitate track CLIP --out TRACK.npz`."""

import argparse
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dreamitate_core.clip import Clip
    from dreamitate_core.trajectory import ToolTrajectory

Tracks = dict[str, "ToolTrajectory"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("clip", type=Path, help="a clip folder")
    parser.add_argument("--out", type=Path, required=True, metavar="TRACK.npz", help="the file to write")
    parser.add_argument("--tracker", default="region", help="the tracker's name (default: region)")
    parser.add_argument("--overlay", type=Path, metavar="VIDEO.mp4", help="also write the tool drawn over both views")
    parser.add_argument("--hints", type=Path, metavar="HINTS.json", help="boxes, masks or poses that are known")
    parser.add_argument("--fix", action="store_true", help="look at the track on a page, correct it, track again")
    parser.add_argument("--port", type=int, default=0, help="the page's port on this machine (default: any free one)")


def run(options: argparse.Namespace) -> int:
    """Track the clip's tools, write the tracks, and say how sure they are."""
    from dreamitate_core.clip import read_clip

    clip = read_clip(options.clip)
    tracks = _fixed(clip, options) if options.fix else _tracked(clip, options)
    if options.overlay:
        from dreamitate_core.video import write_mp4
        from dreamitate_track.overlay import draw_overlay

        from ..run_folder import side_by_side

        write_mp4(options.overlay, side_by_side(draw_overlay(clip, tracks), clip.background_2), clip.video.fps)
    _say(options.out, tracks)
    return 0


def _tracked(clip: "Clip", options: argparse.Namespace) -> Tracks:
    """Track without a person, and write the tracks."""
    from dreamitate_core.trajectory import write_tracks
    from dreamitate_track.hints import read_hints
    from dreamitate_track.track import track

    from ..terminal import ProgressShow

    hints = read_hints(options.hints, clip) if options.hints else {}
    with ProgressShow() as progress:
        tracks = track(clip, options.tracker, progress, hints)
    write_tracks(options.out, tracks)
    return tracks


def _fixed(clip: "Clip", options: argparse.Namespace) -> Tracks:
    """Serve the page until the person ends it; the page writes the tracks and the hints."""
    from dreamitate_core.errors import DreamitateError
    from dreamitate_track.fix import Session
    from dreamitate_track.fix_server import FixServer
    from dreamitate_track.hints import read_hints

    hints_path = options.hints or options.clip / "hints.json"
    hints = read_hints(hints_path, clip) if hints_path.is_file() else {}
    session = Session(clip, options.tracker, hints, options.out, hints_path)
    with FixServer(session, options.port) as server:
        session.start()
        print(f"Open {server.url} in a browser on this machine. Ctrl-C here ends it without saving.", flush=True)
        try:
            server.serve_forever(poll_interval=0.1)
        finally:
            session.stop()
    if not server.saved:
        raise DreamitateError("Nothing was saved on the page.")
    return session.tracks()


def _say(out: Path, tracks: Tracks) -> None:
    from dreamitate_core.trajectory import Status

    for name, found in tracks.items():
        counts = {status.name.lower(): int((found.status == status).sum()) for status in Status}
        said = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        apart = "" if isnan(found.views_apart_px) else f"; the views show it {found.views_apart_px:.1f} px apart"
        print(f"{out}: {name}: {said}; mean score {found.score.mean():.2f}{apart}")
