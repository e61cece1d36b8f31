"""`dreamitate calibrate`: from a folder of pictures to a calibration, step by step, or to the reason why not."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.progress import Progress, quiet

from .board import Board
from .bundle import rms
from .calibrate_arm import Arm, arm_from_flange, arm_from_touches
from .calibrate_boards import CalibrationError, Found, find_boards
from .calibrate_rig import LARGEST_RESIDUAL_PX, Rig, board_pose, calibrate_rig
from .calibration import Calibration, now, table_from_board
from .shots import VIEWS, Shots

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

_CELLS = 8, 5
_BASELINE_SHARE = 0.02
_UNCHECKED_SIZE = "the scale rests on the board's size as said: measure a square, and check by --baseline-mm or an arm"


def calibrate(
    shots: Shots,
    board: Board,
    base_to_table: Array | None = None,
    baseline_m: float | None = None,
    table_shot: str = "",
    progress: Progress = quiet,
) -> tuple[Calibration, Image]:
    """Return the calibration and a picture of how the corners cover both views, (H, W, 3).

    base_to_table: transform_base_to_table (4, 4) of the arm; baseline_m: what a ruler says is between the cameras;
    table_shot: the moment in which the board lies on the table. Raises CalibrationError.
    """
    found = find_boards(shots, board, progress)
    progress("cameras", 0.0)
    rig = calibrate_rig(found, board, shots.cameras)
    _check_baseline(rig, baseline_m)
    progress("arm", 0.0)
    arm = _arm(shots, rig, board)
    one, two = rig.fit.cameras
    stereo = StereoRig(one, two, _table(rig, arm, base_to_table, table_shot))
    residuals = list(zip(rig.observations, rig.fit.residuals, strict=True))
    calibration = Calibration(
        stereo,
        now(),
        board.to_dict(),
        shots.serials,
        {name: rms([r for e, r in residuals if e.view == view]) for view, name in enumerate(VIEWS)},
        LARGEST_RESIDUAL_PX,
        {"place_m": rig.fit.sigma_m, "turn_deg": float(np.degrees(rig.fit.sigma_rad))},
        float(np.median([_drift_px(found, name, board, stereo) for name in _used(rig)])),
        _images(found, rig, arm),
        {name: _coverage(rig, view) for view, name in enumerate(VIEWS)},
        arm.transform_base_to_reference if arm else None,
        _arm_data(arm),
        {},
        [*rig.notes, *([] if arm or baseline_m else [_UNCHECKED_SIZE])],
    )
    return calibration, draw_coverage(rig)


def drift_px(rig: StereoRig, board: Board, picture_1: Image, picture_2: Image) -> float:
    """Return by how many pixels, in the root mean square, one view has the board elsewhere than the other says.

    Raises CalibrationError where a view does not show the board, or has another resolution than the rig.
    """
    seen = {}
    for view, (camera, picture) in enumerate(zip(rig.cameras, (picture_1, picture_2), strict=True)):
        if picture.shape[:2] != (camera.height, camera.width):
            raise CalibrationError(
                f"{VIEWS[view]}'s picture has {picture.shape[1]}x{picture.shape[0]} pixels, the calibration is for "
                f"{camera.width}x{camera.height}."
            )
        corners = board.find(picture)
        if corners is None:
            raise CalibrationError(
                f"{VIEWS[view]} does not see the board ({board.text}). {board.complaint(picture)}".strip()
            )
        seen[view] = corners
    found = Found({"now": seen})
    return _drift_px(found, "now", board, rig)


def draw_coverage(rig: Rig) -> Image:
    """Return both views side by side with every corner, green where it fits to 0.1 px, red from 1 px on: (H, W, 3)."""
    views = []
    for view, camera in enumerate(rig.fit.cameras):
        canvas = np.full((camera.height, camera.width, 3), 245, np.uint8)
        for entry, error in zip(rig.observations, rig.fit.residuals, strict=True):
            if entry.view != view:
                continue
            for pixel, size in zip(entry.pixels, np.linalg.norm(error, axis=1), strict=True):
                share = float(np.clip((np.log10(max(size, 1e-3)) + 1.0), 0.0, 1.0))
                colour = (int(40 + 190 * share), int(160 - 120 * share), 60)
                cv2.circle(canvas, (round(pixel[0]), round(pixel[1])), 5, colour, -1, cv2.LINE_AA)
        label = f"{VIEWS[view]}: {_coverage(rig, view):.0%} covered"
        cv2.putText(canvas, label, (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (40, 40, 40), 2, cv2.LINE_AA)
        views.append(canvas)
    height = max(view.shape[0] for view in views)
    views = [np.pad(view, ((0, height - view.shape[0]), (0, 8), (0, 0)), constant_values=255) for view in views]
    return np.concatenate(views, axis=1)


def _drift_px(found: Found, name: str, board: Board, rig: StereoRig) -> float:
    """Return the mean of both directions: the board's pose from one view alone, seen from the other."""
    errors = []
    for own, other in ((0, 1), (1, 0)):
        mine, theirs = found.seen[name][own], found.seen[name][other]
        camera, second = rig.cameras[own], rig.cameras[other]
        pose = camera.transform_camera_to_reference @ board_pose(board.corners[mine.ids], mine.pixels, camera)
        pixels, _ = second.project(se3.transform_points(pose, board.corners[theirs.ids]))
        errors.append(rms([pixels - theirs.pixels]))
    return float(np.mean(errors))


def _arm(shots: Shots, rig: Rig, board: Board) -> Arm | None:
    if shots.transform_flange_to_base:
        return arm_from_flange(rig, board, shots.transform_flange_to_base)
    for name, touches in shots.touches.items():
        shot = rig.names.index(name) if name in rig.names else -1
        if shot not in rig.fit.transform_board_to_reference:
            raise CalibrationError(
                f"touches.csv is about the board in {name!r}, which is no good picture of both views. "
                f"Known: {', '.join(_used(rig))}."
            )
        return arm_from_touches(rig.fit.transform_board_to_reference[shot], board, touches)
    return None


def _table(rig: Rig, arm: Arm | None, base_to_table: Array | None, table_shot: str) -> Array | None:
    """Return transform_reference_to_table, None where nothing tells it."""
    if arm and base_to_table is not None:
        return base_to_table @ se3.inverse(arm.transform_base_to_reference)
    if not table_shot:
        return None
    shot = rig.names.index(table_shot) if table_shot in rig.names else -1
    if shot not in rig.fit.transform_board_to_reference:
        raise CalibrationError(
            f"There is no good moment {table_shot!r} with the board on the table. Known: {', '.join(_used(rig))}."
        )
    return table_from_board(rig.fit.transform_board_to_reference[shot], StereoRig(*rig.fit.cameras))


def _check_baseline(rig: Rig, baseline_m: float | None) -> None:
    found = float(np.linalg.norm(rig.fit.cameras[1].transform_camera_to_reference[:3, 3]))
    if baseline_m is not None and abs(found / baseline_m - 1.0) > _BASELINE_SHARE:
        raise CalibrationError(
            f"The cameras are {1e3 * found:.1f} mm apart by the board's size, {1e3 * baseline_m:.1f} mm by the "
            f"ruler; at most {_BASELINE_SHARE:.0%} may be between them. Is the board's square size right? It would "
            f"have to be {baseline_m / found:.4f} times as large."
        )


def _used(rig: Rig) -> list[str]:
    return [rig.names[shot] for shot in sorted(rig.fit.transform_board_to_reference)]


def _images(found: Found, rig: Rig, arm: Arm | None) -> dict[str, dict[str, Any]]:
    """Return, of each moment, the residuals, or why it was left out."""
    images: dict[str, dict[str, Any]] = {}
    for shot in sorted(rig.fit.transform_board_to_reference):
        images[rig.names[shot]] = {view: round(size, 4) for view, size in rig.residuals_px(shot).items()}
    for name, why in rig.bad.items():
        images[name] = {"left_out": why}
    for name, why in (arm.bad if arm else {}).items():
        images[name]["left_out_of_arm"] = why
    for picture, why in found.bad.items():
        name = picture.partition("/")[2]
        images.setdefault(name, {"left_out": f"{picture}: {why}"})
    return dict(sorted(images.items()))


def _arm_data(arm: Arm | None) -> dict[str, Any]:
    if arm is None:
        return {}
    return {
        "method": arm.method,
        "residual_m": round(arm.residual_m, 7),
        "place_m": round(arm.sigma_m, 7),
        "turn_deg": round(float(np.degrees(arm.sigma_rad)), 7),
        "transform_board_to_flange": None
        if arm.transform_board_to_flange is None
        else arm.transform_board_to_flange.tolist(),
    }


def _coverage(rig: Rig, view: int) -> float:
    """Return the share of a view's cells (8x5) with a corner in them."""
    camera = rig.fit.cameras[view]
    pixels = np.concatenate([entry.pixels for entry in rig.observations if entry.view == view])
    cells = np.floor(pixels / (camera.width, camera.height) * _CELLS).astype(int)
    inside = ((cells >= 0) & (cells < _CELLS)).all(axis=1)
    return len(np.unique(cells[inside], axis=0)) / (_CELLS[0] * _CELLS[1])
