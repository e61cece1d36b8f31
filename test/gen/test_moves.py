"""Demonstrations moved on the table: pictures and paths alike, as far as they may be, and not off the table."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.task import load_task
from dreamitate_gen.dataset import LEFT_RIGHT
from dreamitate_gen.moves import (
    SPREAD_M,
    SPREAD_RAD,
    farthest_moves,
    moved_paths,
    moved_photos,
    random_move,
    spread_move,
    straightening_move,
    workspace_m,
)

ANYWHERE = np.array([[-9.0, -9.0], [9.0, 9.0]])


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("angle_rad", [0.0, 0.8, 3.0])
@pytest.mark.parametrize("height_m", [0.0, 0.025])
def test_pictures_and_paths_move_together(side: float, angle_rad: float, height_m: float) -> None:
    """A white spot at the height of what is seen is, in both pictures, where the moved path has gone."""
    rig = load_rig("paper").cropped_and_resized(384, 224)
    assert rig.transform_reference_to_table is not None
    to_reference = np.linalg.inv(rig.transform_reference_to_table)
    spot = np.array([0.08, -0.05, height_m])

    def pixels(point: np.ndarray) -> list[np.ndarray]:
        seen = se3.transform_points(to_reference, point[None])
        return [camera.project(seen)[0][0] for camera in rig.cameras]

    photos = np.zeros((2, 224, 384, 3), np.uint8)
    for photo, (x, y) in zip(photos, pixels(spot), strict=True):
        photo[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3] = 255
    path = se3.exp(np.random.default_rng(3).normal(0.0, 0.3, (12, 6)))
    path[:, :3, 3] = spot
    move = se3.exp(np.array([0.0, 0.0, 0.0, 0.0, 0.0, angle_rad])) @ np.diag([side, 1.0, 1.0, 1.0])
    move[:2, 3] = 0.03, 0.02
    there = moved_paths(path, move)
    assert np.linalg.det(there[:, :3, :3]) == pytest.approx(np.ones(12))
    if angle_rad == 0.0:
        assert there[0, :2, 3] == pytest.approx([0.08 * side + 0.03, -0.03])
    for photo, wanted in zip(moved_photos(photos, rig, move, height_m), pixels(there[0, :3, 3]), strict=True):
        rows, columns = np.nonzero(photo[..., 0] > 127)
        assert [columns.mean(), rows.mean()] == pytest.approx(wanted, abs=1.0)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turn_rad", [0.0, 0.5, np.pi])
def test_random_moves_are_allowed_and_lie_between_the_farthest(mirrored: bool, turn_rad: float) -> None:
    point = np.array([0.1, 0.05, 0.02])
    moves = np.stack([_random_move(seed, mirrored, turn_rad, point[None], ANYWHERE) for seed in range(60)])
    sides = np.linalg.det(moves[:, :3, :3])
    assert set(sides.round(6)) == ({1.0, -1.0} if mirrored else {1.0})
    turns = np.arctan2(moves[:, 0, 1] * -1, moves[:, 1, 1])
    assert np.abs(turns).max() <= turn_rad + 1e-9
    assert np.ptp(turns) >= turn_rad
    assert (moves[:, 2] == [0, 0, 1, 0]).all()
    there = se3.transform_points(moves, point[None])[:, 0]
    farthest = se3.transform_points(np.stack(farthest_moves(mirrored, turn_rad)), point[None])[:, 0]
    slack = 0.01 * np.linalg.norm(point)  # between two sixteenths of a turn
    assert (farthest.min(0) - slack <= there).all()
    assert (there <= farthest.max(0) + slack).all()


def test_a_path_is_not_moved_off_the_table_where_a_turn_would_take_it_there() -> None:
    task = load_task("push_shape")
    workspace = workspace_m(task)
    assert workspace.tolist() == [[-0.40, -0.34], [0.40, 0.34]]
    tips = np.array([[0.38, 0.0, 0.0], [0.2, 0.1, 0.0]])  # a quarter turn takes the first out of view
    left = sum(_leaves(_random_move(seed, True, task.turn_rad, tips, workspace), tips) for seed in range(200))
    anyway = sum(_leaves(_random_move(seed, True, task.turn_rad, tips, ANYWHERE), tips) for seed in range(200))
    assert left <= 2 < 40 < anyway


def _random_move(seed: int, mirrored: bool, turn_rad: float, tips: np.ndarray, workspace: np.ndarray) -> np.ndarray:
    return random_move(torch.Generator().manual_seed(seed), mirrored, turn_rad, tips, workspace)


def _leaves(move: np.ndarray, tips: np.ndarray) -> bool:
    return bool((np.abs(se3.transform_points(move, tips)[:, :2]) > (0.40, 0.34)).any())


@pytest.mark.parametrize("side", [1.0, -1.0])
@given(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(-3.1, 3.1))
@settings(max_examples=30)
def test_a_straightened_path_goes_along_x_around_the_origin(side: float, x: float, y: float, turn_rad: float) -> None:
    """Of a tool that goes where it faces, with its left end on the left, also in the mirror."""
    ahead = np.linspace(-0.05, 0.05, 12)[:, None]
    tip = np.concatenate([ahead, 0.01 * np.sin(60 * ahead), np.zeros_like(ahead)], 1)
    ends = [tip, tip + (0.0, 0.03, 0.0), tip - (0.0, 0.03, 0.0), tip + (0.0, 0.0, 0.2)]
    path = se3.transform_points(se3.exp([0.0, 0.0, 0.0, 0.0, 0.0, turn_rad]), np.stack(ends, 1)) + (x, y, 0.003)
    move = straightening_move(path, side)
    assert np.linalg.det(move) == pytest.approx(side)
    there = se3.transform_points(move, path)
    there = there if side > 0 else there[:, LEFT_RIGHT]
    assert there[:, :3].mean((0, 1)) == pytest.approx([0.0, 0.0, 0.003], abs=1e-9)
    assert there[-1, 0] - there[0, 0] == pytest.approx([0.1, there[-1, 0, 1] - there[0, 0, 1], 0.0], abs=1e-9)
    assert (there[:, 1, 1] > there[:, 2, 1]).all()


def test_a_spread_move_is_as_large_as_the_first_look_may_be_off() -> None:
    random = torch.Generator().manual_seed(0)
    moves = np.stack([spread_move(random) for _ in range(400)])
    assert moves[:, :2, 3].std(0) == pytest.approx([SPREAD_M] * 2, rel=0.15)
    assert np.arctan2(moves[:, 1, 0], moves[:, 0, 0]).std() == pytest.approx(SPREAD_RAD, rel=0.15)
    assert np.linalg.det(moves) == pytest.approx(np.ones(400))
