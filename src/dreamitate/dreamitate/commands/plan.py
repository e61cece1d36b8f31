"""`dreamitate plan TRACK.npz --task T --robot R --out PLAN.npz`; a task with two arms gives a plan file for each."""

import argparse
import sys
from pathlib import Path

from .options import add_cameras, add_task

REFUSED = 3
"""Exit code of a path that the planner refuses to move along."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("track", type=Path, help="a track file, in the frame of camera 1 or of the table")
    add_task(parser)
    add_cameras(parser)
    parser.add_argument("--robot", help="the arm, as in config/robots (default: the task's)")
    parser.add_argument("--planner", default="embedded", help="the planner's name (default: embedded)")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="PLAN.npz",
        help="the file to write; with two arms, the arm's name is put before .npz: plan.left.npz, plan.right.npz",
    )


def run(options: argparse.Namespace) -> int:
    """Plan from the arms' home positions and write the plans; exit code 3 and the reason where it is refused."""
    from dreamitate_core.arms import load_arms
    from dreamitate_core.camera import load_rig, read_rig
    from dreamitate_core.plan import write_plan
    from dreamitate_core.task import load_task
    from dreamitate_core.trajectory import read_tracks

    task = load_task(options.task)
    arms = load_arms(task, options.robot)
    rig = read_rig(options.cameras) if options.cameras else load_rig(task.rig)
    tracks = read_tracks(options.track)

    from dreamitate_exec.plan import plan_arms
    from dreamitate_exec.refusal import PlanRefused

    from ..pipeline import track_on_table
    from ..terminal import ProgressShow

    on_table = [track_on_table(tracks, arm.tool.name, rig) for arm in arms]
    try:
        with ProgressShow() as progress:
            planned = plan_arms(on_table, task, arms, [arm.robot.home for arm in arms], options.planner, progress)
    except PlanRefused as refusal:
        print(f"dreamitate: {refusal}", file=sys.stderr)
        return REFUSED
    for arm, made in zip(arms, planned, strict=True):
        out = options.out if len(arms) == 1 else options.out.with_suffix(f".{arm.name}{options.out.suffix}")
        write_plan(out, made)
        notes = "".join(f"; {note}" for note in made.notes)
        print(f"{out}: {arm.robot.name}, {made.duration_s:.2f} s, {len(made.time_s)} points{notes}")
    return 0
