"""Second step of a calibration: both cameras to each other, from pictures of the board at the same moments."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera

from .board import Board, Seen
from .bundle import Observation, RigFit, fit_rig, rms
from .calibrate_boards import CalibrationError, Found
from .shots import VIEWS

Array = NDArray[np.float64]

FEWEST_SHOTS = 8
SMALLEST_TILT_DEG = 15.0
LARGEST_RESIDUAL_PX = 1.0
LARGEST_SIGMA_M, LARGEST_SIGMA_DEG = 0.5e-3, 0.05
"""What two standard deviations of camera 2's place and direction may be."""
_AGREE_RAD, _AGREE_M = np.radians(5.0), 0.05
_BAD_TIMES, _BAD_PX = 3.0, 0.4
"""A shot is bad whose residual is so many times the middle one, and so large."""
_BAD_CORNER_TIMES, _BAD_CORNER_PX = 5.0, 0.2
"""The same of a single corner."""
_MOST_BAD = 0.3


@dataclass(frozen=True)
class Rig:
    """The result: the fit of the good shots, which are by moment; why the bad ones are bad; and notes for a person."""

    fit: RigFit
    observations: list[Observation]
    names: list[str]
    bad: dict[str, str]
    notes: list[str]
    tilt_deg: float

    def residuals_px(self, shot: int) -> dict[str, float]:
        """Return the residual of each view of a shot."""
        return {
            VIEWS[entry.view]: rms([error])
            for entry, error in zip(self.observations, self.fit.residuals, strict=True)
            if entry.shot == shot
        }


def calibrate_rig(found: Found, board: Board, given: dict[str, Camera]) -> Rig:
    """Return both cameras and the boards' poses. given: known intrinsics; without them, they are estimated.

    Raises CalibrationError with the reason and the number.
    """
    names = [name for name, views in sorted(found.seen.items()) if len(views) == 2]
    if len(names) < FEWEST_SHOTS:
        raise CalibrationError(
            f"Both cameras see the board in {len(names)} moments; at least {FEWEST_SHOTS} are needed, 20 are good. "
            + _worst(found)
        )
    observations = [
        _observe(shot, view, found.seen[name][view], board) for shot, name in enumerate(names) for view in (0, 1)
    ]
    estimate = len(given) < 2
    cameras = _start_cameras(found, observations, given)
    boards, two = _agree(observations, cameras, names)
    cameras = cameras[0], replace(cameras[1], transform_camera_to_reference=two)
    observations, fit, bad = _without_bad(observations, cameras, boards, estimate, names)
    tilt = normals_spread_deg(fit.transform_board_to_reference)
    if tilt < SMALLEST_TILT_DEG:
        raise CalibrationError(
            f"The board is at nearly one angle in all pictures: its tilts differ by {tilt:.1f} deg, "
            f"at least {SMALLEST_TILT_DEG:g} are needed. Tilt it by 20 to 40 deg to all sides."
        )
    residual = rms(fit.residuals)
    if residual > LARGEST_RESIDUAL_PX:
        raise CalibrationError(
            f"The pictures do not fit together: {residual:.2f} px are left, at most {LARGEST_RESIDUAL_PX:g} may be. "
            "Is the board flat, and did it stand still while both cameras took it?"
        )
    notes = [] if estimate else _check_intrinsics(observations, fit)
    _check_sigma(fit)
    return Rig(fit, observations, names, bad, notes, tilt)


def normals_spread_deg(boards: dict[int, Array]) -> float:
    """Return the largest angle between any two of the boards' normals."""
    normals = np.array([pose[:3, 2] for pose in boards.values()])
    return float(np.degrees(np.arccos(np.clip(normals @ normals.T, -1, 1)).max()))


def board_pose(points: Array, pixels: Array, camera: Camera) -> Array:
    """Return transform_board_to_camera (4, 4) from one picture: points (n, 3) in the board, pixels (n, 2)."""
    distortion = camera.distortion if camera.distortion.size else np.zeros(5)
    count, rotations, places, _ = cv2.solvePnPGeneric(points, pixels, camera.K, distortion, flags=cv2.SOLVEPNP_IPPE)
    best, least = np.eye(4), np.inf
    for k in range(count):
        rotation, place = cv2.solvePnPRefineLM(points, pixels, camera.K, distortion, rotations[k], places[k])
        mapped = cv2.projectPoints(points, rotation, place, camera.K, distortion)[0][:, 0]
        error = float(np.linalg.norm(mapped - pixels))
        if error < least:
            least, best = error, se3.make_transform(cv2.Rodrigues(rotation)[0], np.ravel(place))
    return best


def _observe(shot: int, view: int, seen: Seen, board: Board) -> Observation:
    return Observation(shot, view, board.corners[seen.ids], seen.pixels)


def _start_cameras(
    found: Found, observations: Sequence[Observation], given: dict[str, Camera]
) -> tuple[Camera, Camera]:
    """Return the cameras as given, or from each view alone."""
    cameras = []
    for view, name in enumerate(VIEWS):
        if name in given and len(given) == 2:
            cameras.append(replace(given[name], transform_camera_to_reference=np.eye(4)))
            continue
        own = [entry for entry in observations if entry.view == view]
        points = [entry.points.astype(np.float32) for entry in own]
        pixels = [entry.pixels.astype(np.float32) for entry in own]
        _, K, distortion, _, _ = cv2.calibrateCamera(points, pixels, found.sizes[view], None, None)
        cameras.append(Camera(*found.sizes[view], np.asarray(K, float), np.ravel(distortion).astype(float)[:5]))
    return cameras[0], cameras[1]


def _agree(
    observations: Sequence[Observation], cameras: tuple[Camera, Camera], names: list[str]
) -> tuple[dict[int, Array], Array]:
    """Return where the boards are by shot, and camera 2, as most shots have it."""
    poses = {(e.shot, e.view): board_pose(e.points, e.pixels, cameras[e.view]) for e in observations}
    count = len(names)
    ones, twos = (np.array([poses[shot, view] for shot in range(count)]) for view in (0, 1))
    two, agreeing = _consensus(ones @ se3.inverse(twos))
    if agreeing < count / 2:
        _, reversed_agreeing = _consensus(ones @ se3.inverse(twos[::-1]))
        if reversed_agreeing > 0.7 * count:
            raise CalibrationError(
                f"{VIEWS[1]}'s pictures are in the opposite order of {VIEWS[0]}'s: so, {reversed_agreeing} of {count} "
                "fit together, else none. Pictures of one moment must have one name."
            )
        raise CalibrationError(
            f"The two views do not fit together: only {agreeing} of {count} moments have the cameras in one place. "
            "Pictures of one moment must have one name, and the cameras must not move."
        )
    return dict(enumerate(ones)), two


def _consensus(candidates: Array) -> tuple[Array, int]:
    """Return the candidate (n, 4, 4) that most others are near to, and how many are."""
    turn = se3.rotation_distance_rad(candidates[:, None], candidates[None])
    way = np.linalg.norm(candidates[:, None, :3, 3] - candidates[None, :, :3, 3], axis=-1)
    near = (turn < _AGREE_RAD) & (way < _AGREE_M)
    best = int(np.argmin(np.median(turn / _AGREE_RAD + way / _AGREE_M, axis=1)))
    return candidates[best], int(near[best].sum())


def _without_bad(
    observations: list[Observation],
    cameras: tuple[Camera, Camera],
    boards: dict[int, Array],
    estimate: bool,
    names: list[str],
) -> tuple[list[Observation], RigFit, dict[str, str]]:
    """Return the good observations, their fit, and what was left out and why."""
    bad: dict[str, str] = {}
    while True:
        fit = fit_rig(observations, cameras, boards, estimate, robust=True)
        worst, of_worst, middle = worst_shot(observations, fit.residuals)
        if of_worst < max(_BAD_TIMES * middle, _BAD_PX):
            observations = _without_bad_corners(observations, fit.residuals)
            fit = fit_rig(observations, fit.cameras, fit.transform_board_to_reference, estimate, robust=False)
            return observations, fit, bad
        bad[names[worst]] = f"its residual is {of_worst:.2f} px, that of the middle picture {middle:.2f}"
        observations = [entry for entry in observations if entry.shot != worst]
        if len(bad) > _MOST_BAD * len(names):
            listed = "; ".join(f"{name}: {why}" for name, why in list(bad.items())[:3])
            raise CalibrationError(f"{len(bad)} of {len(names)} moments do not fit with the others: {listed}.")


def _without_bad_corners(observations: Sequence[Observation], residuals: Sequence[Array]) -> list[Observation]:
    """Return the observations without the few corners that were found far from where the others have them."""
    sizes = [np.linalg.norm(residual, axis=1) for residual in residuals]
    limit = max(_BAD_CORNER_TIMES * float(np.median(np.concatenate(sizes))), _BAD_CORNER_PX)
    return [
        replace(entry, points=entry.points[size <= limit], pixels=entry.pixels[size <= limit])
        for entry, size in zip(observations, sizes, strict=True)
    ]


def worst_shot(observations: Sequence[Observation], residuals: Sequence[Array]) -> tuple[int, float, float]:
    """Return the shot with the largest residual, that residual, and the middle one of all shots; pixels."""
    shots = sorted({entry.shot for entry in observations})
    sizes = [rms([r for e, r in zip(observations, residuals, strict=True) if e.shot == shot]) for shot in shots]
    return shots[int(np.argmax(sizes))], float(max(sizes)), float(np.median(sizes))


def _check_intrinsics(observations: list[Observation], fit: RigFit) -> list[str]:
    """Return how the given intrinsics compare with those that the pictures ask for. Raises CalibrationError."""
    free = fit_rig(observations, fit.cameras, fit.transform_board_to_reference, True, robust=False)
    given, best = rms(fit.residuals), rms(free.residuals)
    notes = []
    for view, (own, other) in enumerate(zip(fit.cameras, free.cameras, strict=True)):
        notes.append(f"{VIEWS[view]}: the pictures alone say {_centre(other)}, given is {_centre(own)}")
    if given > max(1.5 * best, best + 0.15):
        raise CalibrationError(
            f"The given intrinsics do not fit the pictures: {given:.2f} px are left, {best:.2f} with intrinsics of the "
            f"pictures' own ({'; '.join(notes)}). Leave K out of cameras.json to have them estimated."
        )
    return notes


def _check_sigma(fit: RigFit) -> None:
    place, turn = 2 * fit.sigma_m, np.degrees(2 * fit.sigma_rad)
    if place > LARGEST_SIGMA_M or turn > LARGEST_SIGMA_DEG:
        raise CalibrationError(
            f"These pictures leave camera 2 uncertain by {1e3 * place:.2f} mm and {turn:.3f} deg (two sigma); at most "
            f"{1e3 * LARGEST_SIGMA_M:g} mm and {LARGEST_SIGMA_DEG:g} deg are good enough. Take more pictures, with "
            "the board large, tilted to all sides, and in all corners of both views."
        )


def _centre(camera: Camera) -> str:
    return f"fx {camera.K[0, 0]:.1f}, cx {camera.K[0, 2]:.1f}, cy {camera.K[1, 2]:.1f} px"


def _worst(found: Found) -> str:
    listed = [f"{name}: {why}" for name, why in list(found.bad.items())[:3]]
    return f"Of no use: {'; '.join(listed)}." if listed else ""
