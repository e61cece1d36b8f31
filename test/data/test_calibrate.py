"""Calibration on rendered boards: blur, noise, lens and truth are known; what is wrong is refused with its reason."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from dreamitate.cli import main
from dreamitate_core import se3
from dreamitate_core.camera import Camera, load_rig, read_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_data.board import Board, parse_board
from dreamitate_data.calibrate import calibrate, drift_px
from dreamitate_data.calibrate_boards import CalibrationError, Found, find_boards
from dreamitate_data.calibrate_rig import calibrate_rig
from dreamitate_data.calibration import check_camera, check_fresh, now, read_calibration, write_calibration
from dreamitate_data.render_board import Look, Setting, make_setting, moved, render, write_arm, write_setting
from dreamitate_data.shots import Shots, read_picture, read_shots

BOARD = Board(columns=7, rows=5, square_m=0.05, marker_m=0.0375)
COUNT = 12


def off(found: np.ndarray | None, true: np.ndarray) -> tuple[float, float]:
    """How far a pose is from the truth: metres, degrees."""
    assert found is not None
    return float(np.linalg.norm(found[:3, 3] - true[:3, 3])), float(np.degrees(se3.rotation_distance_rad(found, true)))


@pytest.fixture(scope="module")
def found(folder: Path) -> Found:
    return find_boards(read_shots(folder), BOARD)


@pytest.fixture
def again(found: Found, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shots]:
    """The folder's shots with something changed; the boards are not looked for again."""
    monkeypatch.setattr("dreamitate_data.calibrate.find_boards", lambda *_: found)
    return lambda **changes: replace(read_shots(folder), **changes)


def test_cameras_and_arm_are_found(again: Callable[..., Shots], setting: Setting, tmp_path: Path) -> None:
    calibration, picture = calibrate(again(), BOARD)
    place_m, turn_deg = off(
        calibration.rig.camera_2.transform_camera_to_reference, setting.rig.camera_2.transform_camera_to_reference
    )
    assert place_m < 0.5e-3
    assert turn_deg < 0.05
    place_m, turn_deg = off(calibration.transform_base_to_reference, setting.transform_base_to_reference)
    assert place_m < 1e-3
    assert turn_deg < 0.1
    assert picture.shape == (450, 2 * 808, 3)
    write_calibration(tmp_path / "calibration.yaml", calibration)
    back = read_calibration(tmp_path / "calibration.yaml")
    assert back.serials == {"camera_1": "831612070000", "camera_2": "831612070001"}
    assert back.date == calibration.date.replace(microsecond=0)
    rig = load_rig(str(tmp_path / "calibration.yaml"))
    np.testing.assert_allclose(rig.camera_2.K, calibration.rig.camera_2.K)
    np.testing.assert_array_equal(rig.camera_2.distortion, setting.rig.camera_2.distortion)


def test_too_few_pictures_for_intrinsics_and_wrong_intrinsics_are_refused(again: Callable[..., Shots]) -> None:
    with pytest.raises(CalibrationError, match=r"uncertain by 0\.\d+ mm and 0\.\d+ deg \(two sigma\)"):
        calibrate(again(cameras={}), BOARD)  # twelve small pictures are too few for intrinsics too
    wrong = {}
    for view, camera in again().cameras.items():
        K = camera.K.copy()
        K[:2, :2] *= 1.03
        wrong[view] = replace(camera, K=K)
    with pytest.raises(CalibrationError, match="intrinsics do not fit"):
        calibrate(again(cameras=wrong), BOARD)


def test_one_bad_picture_and_one_bad_arm_pose_are_named_and_left_out(
    folder: Path, setting: Setting, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "shots")
    rng = np.random.default_rng(0)
    pose = setting.transform_board_to_reference[3] @ se3.exp(np.array([0.01, 0.0, 0.0, 0.0, 0.03, 0.0]))
    cv2.imwrite(str(tmp_path / "shots/camera_2/003.png"), render(BOARD, setting.rig, 1, pose, Look(0.6, 3.0), rng))
    blurred = cv2.GaussianBlur(read_picture(folder / "camera_1/005.png"), (0, 0), 12)
    cv2.imwrite(str(tmp_path / "shots/camera_1/005.png"), blurred)
    flanges = setting.transform_flange_to_base
    flanges[7] = flanges[7] @ se3.exp(np.array([0.01, 0.0, 0.0, 0.0, 0.0, 0.02]))
    write_arm(tmp_path / "shots/arm.csv", [f"{k:03d}.png" for k in range(COUNT)], flanges)
    calibration, _ = calibrate(read_shots(tmp_path / "shots"), BOARD)
    assert "residual" in calibration.images["003.png"]["left_out"]
    assert "not found" in calibration.images["005.png"]["left_out"]
    assert "arm's pose" in calibration.images["007.png"]["left_out_of_arm"]
    assert sum("left_out" in entry for entry in calibration.images.values()) == 2
    assert off(calibration.transform_base_to_reference, setting.transform_base_to_reference)[0] < 1e-3


def test_touched_corners_give_the_arm(again: Callable[..., Shots], setting: Setting) -> None:
    board_to_base = se3.inverse(setting.transform_base_to_reference) @ setting.transform_board_to_reference[0]
    up = np.diag([1.0, -1.0, -1.0, 1.0])  # this arm's base then stands so that the board lies face up
    stand = se3.make_transform((up @ se3.inverse(board_to_base))[:3, :3], np.zeros(3))
    ids = [0, 5, 18, 23, 9]
    rng = np.random.default_rng(1)

    def touch(order: list[int], size: float = 1.0) -> dict[str, dict[int, np.ndarray]]:
        places = se3.transform_points(stand @ board_to_base, size * BOARD.corners[ids]) + rng.normal(0, 1e-4, (5, 3))
        return {"000.png": dict(zip(order, places, strict=True))}

    shots = again(transform_flange_to_base={}, touches=touch(ids))
    calibration, _ = calibrate(shots, BOARD)
    true = setting.transform_base_to_reference @ se3.inverse(stand)
    assert off(calibration.transform_base_to_reference, true)[0] < 2e-3
    mirrored = [23, 18, 5, 0, 14]
    mirrored = [row * 6 + (5 - column) for row, column in (divmod(k, 6) for k in ids)]
    with pytest.raises(CalibrationError, match="mirrored order"):
        calibrate(again(transform_flange_to_base={}, touches=touch(mirrored)), BOARD)
    with pytest.raises(CalibrationError, match=r"squares are 52\.\d+ mm wide, not 50"):
        calibrate(again(transform_flange_to_base={}, touches=touch(ids, 1.05)), BOARD)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("first seven", "7 moments; at least 8"),
        ("second view reversed", "opposite order"),
        ("second view shuffled", "do not fit together"),
        ("inverse arm", "base in the flange"),
        ("arm reversed", "opposite order of the pictures"),
        ("still arm", "turns by 0.0 deg"),
        ("larger board", r"squares are 50\.\d+ mm wide, not 5[24]"),
        ("ruler", "mm apart by the board's size, 700.0 mm by the ruler"),
    ],
)
def test_what_is_wrong_is_said(
    found: Found, again: Callable[..., Shots], monkeypatch: pytest.MonkeyPatch, change: str, complaint: str
) -> None:
    seen, shots, board, baseline_m = dict(found.seen), again(), BOARD, None
    names, poses = list(seen), shots.transform_flange_to_base
    if change == "first seven":
        seen = {name: seen[name] for name in names[:7]}
    elif change.startswith("second view"):
        order = names[::-1] if change.endswith("reversed") else [*names[5:], *names[:5]]
        seen = {name: {0: seen[name][0], 1: seen[other][1]} for name, other in zip(names, order, strict=True)}
    elif change == "inverse arm":
        shots = replace(shots, transform_flange_to_base={name: se3.inverse(pose) for name, pose in poses.items()})
    elif change == "arm reversed":
        shots = replace(shots, transform_flange_to_base=dict(zip(poses, list(poses.values())[::-1], strict=True)))
    elif change == "still arm":
        shots = replace(shots, transform_flange_to_base=dict.fromkeys(poses, poses[names[0]]))
    elif change == "larger board":
        board = replace(BOARD, square_m=0.052, marker_m=0.039)
    else:
        baseline_m = 0.7
    changed = replace(found, seen=seen)
    monkeypatch.setattr("dreamitate_data.calibrate.find_boards", lambda *_: changed)
    with pytest.raises(CalibrationError, match=complaint):
        calibrate(shots, board, baseline_m=baseline_m)


def test_one_angle_is_refused(setting: Setting, tmp_path: Path) -> None:
    flat = make_setting(setting.rig, BOARD, 8, 1002, largest_tilt_deg=4.0)
    write_setting(tmp_path, BOARD, flat, Look(0.6, 3.0), 1002)
    shots = read_shots(tmp_path)
    with pytest.raises(CalibrationError, match=r"tilts differ by \d\.\d deg"):
        calibrate_rig(find_boards(shots, BOARD), BOARD, shots.cameras)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        (replace(BOARD, columns=8), "7 squares wide, not 8x5"),
        (replace(BOARD, rows=8), "7x5 squares"),
        (replace(BOARD, marker_m=0.03), r"0\.7\d of a square wide, not 0\.60"),
        (replace(BOARD, dictionary="4X4_100"), "dictionary 5X5"),
    ],
)
def test_another_board_is_named(folder: Path, other: Board, complaint: str) -> None:
    shots = read_shots(folder)
    with pytest.raises(CalibrationError, match=complaint):
        find_boards(replace(shots, names=shots.names[:4]), other)


def test_mirrored_pictures_and_other_sizes_are_refused(folder: Path, tmp_path: Path) -> None:
    for view in ("camera_1", "camera_2"):
        (tmp_path / view).mkdir()
        picture = read_picture(folder / view / "000.png")
        cv2.imwrite(str(tmp_path / view / "000.png"), np.ascontiguousarray(picture[:, ::-1]))
    with pytest.raises(CalibrationError, match="mirrored"):
        find_boards(read_shots(tmp_path), BOARD)
    cv2.imwrite(str(tmp_path / "camera_1/001.png"), np.zeros((100, 100), np.uint8))
    with pytest.raises(CalibrationError, match="100x100 pixels, the pictures before it 800x450"):
        find_boards(read_shots(tmp_path), BOARD)


def test_drift_is_measured_in_pixels(again: Callable[..., Shots], setting: Setting, folder: Path) -> None:
    calibration, _ = calibrate(again(), BOARD)
    assert calibration.drift_px < 0.3
    rng = np.random.default_rng(0)
    turned = moved(setting.rig, np.array([0, 0, 0, 0.0, 0.01, 0.0]))  # 0.01 rad are 5.7 px at f = 570
    pose = setting.transform_board_to_reference[0]
    pictures = [render(BOARD, turned, view, pose, Look(0.6, 3.0), rng) for view in (0, 1)]
    assert drift_px(calibration.rig, BOARD, pictures[0], pictures[1]) == pytest.approx(5.8, abs=0.8)
    with pytest.raises(CalibrationError, match="400x225 pixels, the calibration is for 800x450"):
        drift_px(calibration.rig, BOARD, pictures[0][::2, ::2], pictures[1])


def test_a_calibration_that_is_poor_old_or_of_other_cameras_is_refused(
    again: Callable[..., Shots], tmp_path: Path
) -> None:
    calibration, _ = calibrate(again(), BOARD)
    path = tmp_path / "poor.yaml"
    write_calibration(path, replace(calibration, residual_px={"camera_1": 0.1, "camera_2": 1.7}))
    with pytest.raises(DreamitateError, match=r"camera_2 has a residual of 1\.7 px, at most 1"):
        read_rig(path)
    with pytest.raises(DreamitateError, match="200 days old, at most 180"):
        check_fresh(calibration, {}, now() + timedelta(days=200, hours=1), 180)
    with pytest.raises(DreamitateError, match="serial number 831612070001; the one there has 7"):
        check_fresh(calibration, {"camera_2": "7"}, now(), 180)
    check_fresh(calibration, {"camera_2": "831612070001"}, now(), 180)
    camera = calibration.rig.camera_1
    check_camera(camera, camera, "camera_1")
    with pytest.raises(DreamitateError, match="sends 1280x720 pixels, its calibration is for 800x450"):
        check_camera(camera, Camera(1280, 720, camera.K), "camera_1")
    K = camera.K.copy()
    K[0, 2] += 9.0
    with pytest.raises(DreamitateError, match="has cx = "):
        check_camera(camera, replace(camera, K=K), "camera_1")


def test_the_command_writes_says_where_and_checks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = "7x5:50:37.5"
    assert main(["calibrate", str(folder), "--board", board, "--table", "000.png"]) == 0
    said = capsys.readouterr().out
    assert str(folder / "calibration.yaml") in said
    assert "residual camera_1" in said
    assert "residual 0." in said  # the arm's
    assert "the scale rests on" not in said
    assert (folder / "calibration_coverage.png").is_file()
    assert read_rig(folder / "calibration.yaml").transform_reference_to_table is not None
    line = ["calibrate", "--check", str(folder / "calibration.yaml")]
    assert main([*line, str(folder / "camera_1/001.png"), str(folder / "camera_2/001.png")]) == 0
    assert main([*line, str(folder / "camera_1/001.png"), str(folder / "camera_2/002.png")]) == 1
    assert "DRIFTED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("arm.csv", "image,x,y\n000.png,1,2\n", "must have the columns"),
        ("arm.csv", "image,x,y,z,qx,qy,qz,qw\n000.png,1,2,3,0,0,0,2\n", "Line 2 .* length 2"),
        ("touches.csv", "image,corner,x,y,z\n000.png,1,a,0,0\n", "x is 'a', not a number"),
        ("cameras.json", json.dumps({"camera_1": {"K": 1}})[:-1], "is not JSON"),
    ],
)
def test_damaged_files_are_named(folder: Path, tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / "camera_1").mkdir()
    shutil.copy(folder / "camera_1/000.png", tmp_path / "camera_1")
    (tmp_path / name).write_text(text)
    with pytest.raises(DreamitateError, match=complaint):
        read_shots(tmp_path)
    with pytest.raises(DreamitateError, match="COLUMNSxROWS"):
        parse_board("large")
