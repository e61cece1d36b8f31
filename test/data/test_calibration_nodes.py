"""Live: pictures are taken when they should be; /tf_static comes only where the cameras agree with the calibration."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamitate_data.board import Board
from dreamitate_data.calibrate import calibrate
from dreamitate_data.calibration import Calibration, write_calibration
from dreamitate_data.capture import Chooser
from dreamitate_data.shots import VIEWS, read_picture, read_shots

CAMERAS = Path(__file__).parent / "fakes" / "board_cameras.py"
FRAMES = Path(__file__).parent / "fakes" / "static_frames.py"
BOARD = "7x5:50:37.5"


@pytest.fixture
def cameras(folder: Path, ros: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen([sys.executable, str(CAMERAS), str(folder), "3"], env=ros) as process:
        yield
        process.kill()


@pytest.fixture(scope="module")
def calibration(folder: Path, board: Board) -> Calibration:
    return calibrate(read_shots(folder), board, table_shot="000.png")[0]


def node(name: str, ros: dict[str, str], **values: object) -> subprocess.CompletedProcess[str]:
    """Run a node to its end."""
    line = [sys.executable, "-m", f"dreamitate_data.{name}", "--ros-args"]
    line += [word for key, value in values.items() for word in ("-p", f"{key}:={value}")]
    return subprocess.run(line, env=ros, capture_output=True, text=True, timeout=120, check=False)


def test_a_moment_is_kept_once_when_the_board_stands_still(folder: Path, board: Board) -> None:
    chooser = Chooser(board)
    first, second = ([read_picture(folder / view / name) for view in VIEWS] for name in ("000.png", "001.png"))
    assert chooser.look(*first) == "hold the board still"
    assert chooser.look(*first) == ""
    assert "seen before" in chooser.look(*first)
    assert chooser.look(*second) == "hold the board still"
    assert chooser.look(second[0], np.zeros_like(second[1])) == "camera_2 cannot see the board"
    assert chooser.look(*second) == "hold the board still"
    assert chooser.look(*second) == ""
    assert len(chooser.kept) == 2


def test_pictures_are_taken_from_topics(cameras: None, ros: dict[str, str], tmp_path: Path, folder: Path) -> None:
    done = node("capture_node", ros, out=tmp_path / "live", board=f"'{BOARD}'", count=3, serial_1="'0123'")
    assert done.returncode == 0, done.stdout + done.stderr
    shots = read_shots(tmp_path / "live", lambda joints: np.diag([joints["joint"] + 1.0, 1, 1, 1]))
    assert len(shots.names) == 3
    assert shots.serials == {"camera_1": "0123"}
    np.testing.assert_allclose(shots.cameras["camera_2"].K, read_shots(folder).cameras["camera_2"].K)
    with (tmp_path / "live" / "arm.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:  # the joints are those of the moment
        taken = read_picture(tmp_path / "live" / "camera_1" / row["image"])
        np.testing.assert_array_equal(taken, read_picture(folder / "camera_1" / f"{float(row['joint']):03.0f}.png"))


def test_no_cameras_are_named(ros: dict[str, str], tmp_path: Path) -> None:
    done = node("capture_node", ros, out=tmp_path / "live", camera_wait_s=0.5)
    assert done.returncode == 2
    assert "No pair of pictures came" in done.stdout
    assert "no camera is running" in done.stdout


def test_a_calibration_is_published_once_the_cameras_agree(
    cameras: None, ros: dict[str, str], tmp_path: Path, calibration: Calibration
) -> None:
    write_calibration(tmp_path / "calibration.yaml", calibration)
    line = [sys.executable, "-m", "dreamitate_data.calibration_node", "--ros-args"]
    with subprocess.Popen([*line, "-p", f"file:={tmp_path / 'calibration.yaml'}"], env=ros) as publisher:
        watcher = [sys.executable, str(FRAMES)]
        done = subprocess.run(watcher, env=ros, capture_output=True, text=True, timeout=120, check=False)
        publisher.kill()
    assert done.stdout.split() == [
        "table>base_link",
        "table>camera_1_color_optical_frame",
        "table>camera_2_color_optical_frame",
    ]
    other = replace(calibration, rig=calibration.rig.cropped_and_resized(640, 360))
    write_calibration(tmp_path / "other.yaml", other)
    refused = node("calibration_node", ros, file=tmp_path / "other.yaml")
    assert refused.returncode == 2
    assert "camera_1 sends 800x450 pixels, its calibration is for 640x360" in refused.stderr
