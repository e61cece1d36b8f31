"""A rendered board before two cameras, for all tests of calibration."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment
from dreamitate_core.camera import StereoRig, load_rig
from dreamitate_data.board import Board
from dreamitate_data.render_board import Look, Setting, make_setting, write_setting

COUNT = 12


def small_rig() -> StereoRig:
    """The paper's rig, smaller, with lenses that bend a little."""
    rig = load_rig("paper")
    bent = np.array([0.05, -0.06, 0.0004, -0.0003, 0.01])
    one, two = (replace(camera.cropped_and_resized(800, 450), distortion=bent) for camera in rig.cameras)
    return replace(rig, camera_1=one, camera_2=two)


@pytest.fixture(scope="session")
def board() -> Board:
    return Board(columns=7, rows=5, square_m=0.05, marker_m=0.0375)


@pytest.fixture(scope="session")
def setting(board: Board) -> Setting:
    return make_setting(small_rig(), board, COUNT, 1001)


@pytest.fixture(scope="session")
def folder(board: Board, setting: Setting, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shots")
    write_setting(path, board, setting, Look(blur_px=0.6, noise=3.0), 1001)
    return path


@pytest.fixture
def ros() -> Iterator[dict[str, str]]:
    """The environment of processes in a ROS domain of their own."""
    environment = ros_environment()
    environment.pop(DOMAIN, None)
    with held_domain(environment) as domain:
        yield {**environment, DOMAIN: str(domain), "PYTHONUNBUFFERED": "1"}
