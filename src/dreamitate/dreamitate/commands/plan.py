"""`dreamitate plan TRACK.npz --task T --robot R --out PLAN.npz`."""

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
    parser.add_argument("--out", type=Path, required=True, metavar="PLAN.npz", help="the file to write")


def run(options: argparse.Namespace) -> int:
    """Plan from the arm's home position and write the plan; exit code 3 and the reason where it is refused."""
    from dreamitate_core.camera import load_rig, read_rig
    from dreamitate_core.plan import write_plan
    from dreamitate_core.robot import load_robot
    from dreamitate_core.task import load_task
    from dreamitate_core.tool import load_tool
    from dreamitate_core.trajectory import read_tracks

    task = load_task(options.task)
    robot, tool = load_robot(options.robot or task.robot), load_tool(task.tools[0])
    rig = read_rig(options.cameras) if options.cameras else load_rig(task.rig)
    tracks = read_tracks(options.track)

    from dreamitate_exec.plan import plan
    from dreamitate_exec.refusal import PlanRefused

    from ..pipeline import track_on_table
    from ..terminal import ProgressShow

    on_table = track_on_table(tracks, tool.name, rig)
    try:
        with ProgressShow() as progress:
            planned = plan(on_table, task, robot, tool, robot.home, options.planner, progress)
    except PlanRefused as refusal:
        print(f"dreamitate: {refusal}", file=sys.stderr)
        return REFUSED
    write_plan(options.out, planned)
    notes = "".join(f"; {note}" for note in planned.notes)
    print(f"{options.out}: {robot.name}, {planned.duration_s:.2f} s, {len(planned.time_s)} points{notes}")
    return 0
