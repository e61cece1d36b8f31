"""Third step of a calibration: where the arm's base is, from a board on its flange or corners that it touched."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .board import Board
from .bundle import ArmFit, Observation, fit_arm, rms
from .calibrate_boards import CalibrationError
from .calibrate_rig import Rig, worst_shot
from .hand_eye import fit_points, robot_world, rotation_about_two_axes_rad

Array = NDArray[np.float64]

FEWEST_POSES, FEWEST_TOUCHES = 8, 4
SMALLEST_TURN_DEG = 10.0
LARGEST_SCALE_ERROR = 0.01
LARGEST_RESIDUAL_M = 1e-3
LARGEST_SIGMA_M, LARGEST_SIGMA_DEG = 1e-3, 0.1
"""What two standard deviations of the base's place and direction may be."""
_BAD_TIMES, _BAD_PX, _MOST_BAD = 3.0, 1.0, 0.3


@dataclass(frozen=True)
class Arm:
    """The result. method: flange or touch; residual_m: what is left, at the board's distance; bad: moments left out."""

    method: str
    transform_base_to_reference: Array
    transform_board_to_flange: Array | None
    residual_m: float
    sigma_m: float
    sigma_rad: float
    bad: dict[str, str]


def arm_from_flange(rig: Rig, board: Board, transform_flange_to_base: dict[str, Array]) -> Arm:
    """Return where the base is; the board is fixed to the flange. Raises CalibrationError."""
    boards = rig.fit.transform_board_to_reference
    shots = [shot for shot in sorted(boards) if rig.names[shot] in transform_flange_to_base]
    if len(shots) < FEWEST_POSES:
        raise CalibrationError(
            f"arm.csv has the arm's pose for {len(shots)} of {len(boards)} good pictures; {FEWEST_POSES} are needed."
        )
    flanges = {shot: transform_flange_to_base[rig.names[shot]] for shot in shots}
    turn = np.degrees(rotation_about_two_axes_rad(list(flanges.values())))
    if turn < SMALLEST_TURN_DEG:
        raise CalibrationError(
            f"The flange is at nearly one angle in all pictures, or turns about one axis only: about the second axis "
            f"it turns by {turn:.1f} deg, at least {SMALLEST_TURN_DEG:g} are needed."
        )
    base, on_flange, scale = _start(flanges, boards, shots)
    _check_scale(scale, board)
    observations = [entry for entry in rig.observations if entry.shot in flanges]
    fit, bad = _without_bad(observations, rig, flanges, base, on_flange)
    residual_m = rms(fit.residuals) * _metres_per_pixel(rig)
    if residual_m > LARGEST_RESIDUAL_M:
        raise CalibrationError(
            f"The arm's poses do not fit the pictures: {1e3 * residual_m:.2f} mm are left, at most "
            f"{1e3 * LARGEST_RESIDUAL_M:g} may be. Is the board tight on the flange, and the arm still at each picture?"
        )
    _check_sigma(fit.sigma_m, fit.sigma_rad)
    return Arm(
        "flange",
        fit.transform_base_to_reference,
        fit.transform_board_to_flange,
        residual_m,
        fit.sigma_m,
        fit.sigma_rad,
        bad,
    )


def arm_from_touches(transform_board_to_reference: Array, board: Board, touches: dict[int, Array]) -> Arm:
    """Return where the base is; the tool's tip touched corners of the board that lay there. Raises CalibrationError.

    touches: by corner, where the tip was: (3,) in the base, metres.
    """
    unknown = sorted(set(touches) - set(range(len(board.corners))))
    if unknown:
        raise CalibrationError(f"touches.csv names the corner {unknown[0]}; the board has 0..{len(board.corners) - 1}.")
    ids = sorted(touches)
    source, target = board.corners[ids], np.array([touches[k] for k in ids]).reshape(-1, 3)
    spread = np.linalg.svd(source - source.mean(axis=0), compute_uv=False) if len(ids) else np.zeros(2)
    if len(ids) < FEWEST_TOUCHES or spread[1] < 2 * board.square_m:
        raise CalibrationError(
            f"{len(ids)} corners were touched; at least {FEWEST_TOUCHES} that do not lie in one line are needed. "
            "Touch the four outer ones."
        )
    lengths = [np.linalg.norm(points - points.mean(axis=0)) for points in (target, source)]
    transform_board_to_base = fit_points(source, target)
    errors = np.linalg.norm(se3.transform_points(transform_board_to_base, source) - target, axis=1)
    residual_m = float(np.sqrt((errors**2).mean()))
    _check_scale(float(lengths[0] / lengths[1]), board)
    if transform_board_to_base[2, 2] > 0.0:
        raise CalibrationError(
            "The touched corners are in mirrored order: with them, the board lies face down. "
            "Corner 0 is the one at the top left of the printed board, and numbers run to the right."
        )
    if residual_m > LARGEST_RESIDUAL_M:
        worst = int(np.argmax(errors))
        raise CalibrationError(
            f"The touched corners do not fit the board: {1e3 * residual_m:.2f} mm are left, at most "
            f"{1e3 * LARGEST_RESIDUAL_M:g} may be; the worst is corner {ids[worst]} with {1e3 * errors[worst]:.2f} mm."
        )
    sigma_m = residual_m / np.sqrt(max(len(ids) - 2, 1))
    base = transform_board_to_reference @ se3.inverse(transform_board_to_base)
    return Arm("touch", base, None, residual_m, float(sigma_m), float(sigma_m / spread[1] * np.sqrt(len(ids))), {})


def _start(flanges: dict[int, Array], boards: dict[int, Array], shots: list[int]) -> tuple[Array, Array, float]:
    """Return the closed form of the poses that agree, or say in which way they would."""
    own, seen = [flanges[k] for k in shots], [boards[k] for k in shots]
    straight = robot_world(*_agreeing(own, seen))
    misfit = _misfit(own, seen, straight)
    if misfit > 0.02:
        others = {
            "arm.csv holds the base in the flange, not the flange in the base: the inverse poses fit": list(
                se3.inverse(np.array(own))
            ),
            "arm.csv's poses are in the opposite order of the pictures: so they fit": own[::-1],
        }
        for reason, changed in others.items():
            if _misfit(changed, seen, robot_world(*_agreeing(changed, seen))) < 0.25 * misfit:
                raise CalibrationError(f"{reason}.")
    return straight


def _agreeing(flanges: Sequence[Array], boards: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """Return the moments whose turns agree best: the angle between two moments is the same for flange and board."""
    f, b = np.array(flanges), np.array(boards)
    angles = [se3.rotation_distance_rad(m[:, None], m[None]) for m in (f, b)]
    error = np.median(np.abs(angles[0] - angles[1]), axis=1)
    good = error <= max(3 * float(np.median(error)), np.radians(0.2))
    return list(f[good]), list(b[good])


def _misfit(flanges: Sequence[Array], boards: Sequence[Array], found: tuple[Array, Array, float]) -> float:
    """Return by how far, in the middle, the board is elsewhere than seen: metres."""
    base, on_flange, _ = found
    there = base @ np.array(flanges) @ on_flange
    return float(np.median(np.linalg.norm(there[:, :3, 3] - np.array(boards)[:, :3, 3], axis=1)))


def _without_bad(
    observations: list[Observation], rig: Rig, flanges: dict[int, Array], base: Array, on_flange: Array
) -> tuple[ArmFit, dict[str, str]]:
    bad: dict[str, str] = {}
    while True:
        fit = fit_arm(observations, rig.fit.cameras, flanges, base, on_flange, robust=True)
        worst, of_worst, middle = worst_shot(observations, fit.residuals)
        if of_worst < max(_BAD_TIMES * middle, _BAD_PX):
            base, on_flange = fit.transform_base_to_reference, fit.transform_board_to_flange
            return fit_arm(observations, rig.fit.cameras, flanges, base, on_flange, robust=False), bad
        bad[rig.names[worst]] = f"the arm's pose is {of_worst:.1f} px off, that of the middle picture {middle:.2f}"
        observations = [entry for entry in observations if entry.shot != worst]
        if len(bad) > _MOST_BAD * len(flanges):
            listed = "; ".join(f"{name}: {why}" for name, why in list(bad.items())[:3])
            raise CalibrationError(f"{len(bad)} of {len(flanges)} arm poses do not fit with the others: {listed}.")


def _metres_per_pixel(rig: Rig) -> float:
    """Return what a pixel is at the boards' mean distance."""
    distance = np.mean([np.linalg.norm(pose[:3, 3]) for pose in rig.fit.transform_board_to_reference.values()])
    return float(distance / rig.fit.cameras[0].K[0, 0])


def _check_scale(scale: float, board: Board) -> None:
    """scale: by how much the arm's ways are larger than the board says."""
    if abs(scale - 1.0) > LARGEST_SCALE_ERROR:
        raise CalibrationError(
            f"By the arm's own motion the board's squares are {1e3 * board.square_m * scale:.2f} mm wide, not "
            f"{1e3 * board.square_m:g}. Measure the printed board and give its true size."
        )


def _check_sigma(sigma_m: float, sigma_rad: float) -> None:
    place, turn = 2 * sigma_m, np.degrees(2 * sigma_rad)
    if place > LARGEST_SIGMA_M or turn > LARGEST_SIGMA_DEG:
        raise CalibrationError(
            f"These pictures leave the arm's base uncertain by {1e3 * place:.2f} mm and {turn:.3f} deg (two sigma); at "
            f"most {1e3 * LARGEST_SIGMA_M:g} mm and {LARGEST_SIGMA_DEG:g} deg are good enough. Take more, "
            "with the flange turned about two axes."
        )
