"""`dreamitate calibrate SHOTS --board 9x6:40:30`: both cameras to each other, and to the arm."""

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate_core.errors import DreamitateError

from .options import positive

LAYOUT = """\
the folder SHOTS:
  camera_1/000.png camera_2/000.png ...  pictures of one moment have one name
  cameras.json    {"camera_1": {"width", "height", "K", "distortion", "serial"}, "camera_2": ...}; K may be missing
  arm.csv         board on the flange: image, the joints by name [rad] (with --robot), or x y z qx qy qz qw
  touches.csv     or tip on the board: image, corner, x, y, z [m] of the tip in the arm's base
"""
DEFAULT_BOARD = "9x6:40:30:5X5_100"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = LAYOUT
    parser.add_argument("shots", type=Path, nargs="?", help="the folder of pictures")
    parser.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        help=f"COLUMNSxROWS:SQUARE_MM:MARKER_MM[:DICTIONARY] (default {DEFAULT_BOARD})",
    )
    parser.add_argument("--out", type=Path, help="the file to write (default SHOTS/calibration.yaml)")
    parser.add_argument("--task", help="the task whose arm stands at the table; gives the table's frame")
    parser.add_argument(
        "--robot", help="the arm, as in config/robots; arm.csv then may hold joints (default: the task's)"
    )
    parser.add_argument("--table", default="", metavar="IMAGE", help="the picture in which the board lies on the table")
    parser.add_argument(
        "--baseline-mm", type=float, help="what a ruler says is between the lenses; checks the board's size"
    )
    parser.add_argument(
        "--live", action="store_true", help="take the pictures from the cameras' topics first, into SHOTS"
    )
    parser.add_argument("--count", type=positive, default=20, help="pictures to take with --live (default 20)")
    parser.add_argument("--serials", default="", metavar="A,B", help="the cameras' serial numbers, with --live")
    parser.add_argument(
        "--check", nargs=3, type=Path, metavar=("CALIBRATION", "IMAGE_1", "IMAGE_2"), help="how far the rig has drifted"
    )
    parser.add_argument("--print-board", type=Path, metavar="BOARD.png", help="write the board to print, and end")


def run(options: argparse.Namespace) -> int:
    """Calibrate, or check, or write the board."""
    from dreamitate_data.board import parse_board

    if options.check:
        return _check(*options.check)
    board = parse_board(options.board)
    if options.print_board:
        return _print_board(options.print_board, board)
    if options.shots is None:
        raise DreamitateError("Name the folder of pictures. See: dreamitate calibrate --help")
    if options.live:
        _capture(options)
    return _calibrate(options, board)


def _calibrate(options: argparse.Namespace, board: Any) -> int:
    import cv2

    from dreamitate_data.calibrate import calibrate
    from dreamitate_data.calibration import summary, write_calibration
    from dreamitate_data.shots import read_shots

    from ..terminal import ProgressShow

    flange, base_to_table = _arm(options.robot, options.task)
    shots = read_shots(options.shots, flange)
    baseline_m = None if options.baseline_mm is None else options.baseline_mm / 1e3
    with ProgressShow() as progress:
        calibration, picture = calibrate(shots, board, base_to_table, baseline_m, options.table, progress)
    out = options.out or options.shots / "calibration.yaml"
    write_calibration(out, calibration)
    coverage = out.with_name(f"{out.stem}_coverage.png")
    cv2.imwrite(str(coverage), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    print("\n".join(summary(calibration)))
    if calibration.rig.transform_reference_to_table is None:
        print("the table's frame is not known: give --task with arm.csv or touches.csv, or --table")
    print(f"calibration: {out.resolve()}\ncoverage: {coverage.resolve()}")
    return 0


def _arm(robot_name: str | None, task_name: str | None) -> tuple[Callable[[Mapping[str, float]], Any] | None, Any]:
    """Return what turns joints into the flange's pose, and transform_base_to_table; None where unknown."""
    from dreamitate_core.arms import transform_base_to_table
    from dreamitate_core.robot import load_robot
    from dreamitate_core.task import load_task
    from dreamitate_exec.chain import Chain

    task = load_task(task_name) if task_name else None
    name = robot_name or (task.robot if task else None)
    if name is None:
        return None, None
    robot = load_robot(name)
    chain = Chain(robot)

    def flange(joints: Mapping[str, float]) -> Any:
        missing = [joint for joint in robot.joint_names if joint not in joints]
        if missing:
            raise DreamitateError(f"arm.csv lacks the joint {missing[0]} of {robot.name}.")
        return chain.flange(np.array([joints[joint] for joint in robot.joint_names]))

    return flange, transform_base_to_table(task, robot) if task else None


def _check(file: Path, image_1: Path, image_2: Path) -> int:
    """Say by how many pixels the rig has drifted; 1: by more than a calibration would leave."""
    from dreamitate_data.board import Board
    from dreamitate_data.calibrate import drift_px
    from dreamitate_data.calibration import read_calibration
    from dreamitate_data.shots import read_picture

    calibration = read_calibration(file)
    now = drift_px(calibration.rig, Board(**calibration.board), read_picture(image_1), read_picture(image_2))
    limit = max(3 * calibration.drift_px, 0.5)
    moved = now > limit
    words = "DRIFTED" if moved else "as calibrated"
    print(
        f"{words}: one view has the board {now:.2f} px from where the other says; when "
        f"it was calibrated, {calibration.drift_px:.2f} px; from {limit:.2f} px on, calibrate anew"
    )
    return int(moved)


def _print_board(path: Path, board: Any) -> int:
    import cv2

    pixels_per_m = 300 / 0.0254
    picture = np.pad(board.picture(pixels_per_m), round(0.01 * pixels_per_m), constant_values=255)
    if not cv2.imwrite(str(path), picture):
        raise DreamitateError(f"{path} cannot be written.")
    print(
        f"{path.resolve()}: {board.text}; print at 300 dpi without scaling, glue it to a flat plate, measure a square"
    )
    return 0


def _capture(options: argparse.Namespace) -> None:
    from ..ros_environment import ros_environment

    serials = [*options.serials.split(","), "", ""][:2]
    values = {"out": options.shots.resolve(), "board": options.board, "count": options.count}
    values |= {f"serial_{k}": f"'{serial}'" for k, serial in enumerate(serials, start=1) if serial}
    line = [sys.executable, "-m", "dreamitate_data.capture_node", "--ros-args"]
    line += [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    code = subprocess.run(line, env=ros_environment(), check=False).returncode
    if code:
        raise DreamitateError(f"The pictures were not taken (exit code {code}).")
