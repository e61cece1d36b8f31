"""What must hold of a track before anything is planned on it."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.trajectory import Status, ToolTrajectory

from .refusal import PlanRefused, Reason
from .settings import PlanningSettings

UNSEEN = (Status.NOT_VISIBLE, Status.LOST)
FEWEST_POSES = 4
"""A path of fewer poses says too little of how the tool moves."""


def usable_frames(track: ToolTrajectory, settings: PlanningSettings) -> tuple[NDArray[np.intp], list[str]]:
    """Return the indices of the frames to plan on, and notes on those left out.

    Frames that are not seen are left out at either end and bridged inside. Raises PlanRefused where the track is in
    another frame than `table`, holds bad numbers, jumps, or is lost or doubtful.
    """
    if track.frame != "table":
        raise PlanRefused(Reason.WRONG_FRAME, f"the track is in the frame {track.frame!r}, not 'table'.")
    _check_time(track)
    seen = np.flatnonzero(~np.isin(track.status, UNSEEN))
    _check_numbers(track, seen)
    if len(seen) < FEWEST_POSES:
        raise PlanRefused(
            Reason.LOST_TRACK,
            f"the tool is seen in {len(seen)} of {len(track.status)} frames; at least {FEWEST_POSES} are needed.",
            number=len(seen),
            limit=FEWEST_POSES,
        )
    _check_gaps(track, seen, settings)
    score = float(track.score[seen].mean())
    if score < settings.score_lower:
        raise PlanRefused(
            Reason.LOW_SCORE,
            f"the track's mean score is {score:.2f}; at least {settings.score_lower:.2f} is needed.",
            int(seen[np.argmin(track.score[seen])]),
            score,
            settings.score_lower,
        )
    _check_jumps(track, seen, settings)
    return seen, _notes(track, seen)


def _check_time(track: ToolTrajectory) -> None:
    if len(track.time_s) < FEWEST_POSES:
        n = len(track.time_s)
        raise PlanRefused(
            Reason.TOO_FEW_POSES, f"the track has {n} poses; at least {FEWEST_POSES} are needed.", None, n, FEWEST_POSES
        )
    if not np.isfinite(track.time_s).all():
        raise PlanRefused(Reason.NOT_FINITE, "its time is not finite.", int(np.argmin(np.isfinite(track.time_s))))
    steps = np.diff(track.time_s)
    if np.any(steps <= 0):
        at = int(np.argmax(steps <= 0))
        raise PlanRefused(
            Reason.TIME_NOT_INCREASING, f"its time is {steps[at]:+.3g} s after the one before.", at + 1, steps[at], 0.0
        )


def _check_numbers(track: ToolTrajectory, seen: NDArray[np.intp]) -> None:
    for name in ("transform_tool_to_frame", "covariance", "score"):
        values = getattr(track, name)[seen]
        finite = np.isfinite(values).all(axis=tuple(range(1, values.ndim)))
        if not finite.all():
            raise PlanRefused(Reason.NOT_FINITE, f"its {name} is not finite.", int(seen[np.argmin(finite)]))
    rotation = track.transform_tool_to_frame[seen, :3, :3]
    error = np.abs(np.swapaxes(rotation, 1, 2) @ rotation - np.eye(3)).max(axis=(1, 2))
    bad = (error > 1e-4) | (np.linalg.det(rotation) < 0)
    if bad.any():
        at = int(np.argmax(bad))
        raise PlanRefused(
            Reason.NOT_FINITE, f"its pose is no rigid motion (off by {error[at]:.2g}).", int(seen[at]), error[at], 1e-4
        )


def _check_gaps(track: ToolTrajectory, seen: NDArray[np.intp], settings: PlanningSettings) -> None:
    edges = np.concatenate([[-1], seen, [len(track.status)]])
    gaps = np.diff(edges) - 1
    if gaps.max() > settings.bridged_frames:
        at = int(np.argmax(gaps))
        raise PlanRefused(
            Reason.LOST_TRACK,
            f"the tool is lost for {gaps[at]} frames; at most {settings.bridged_frames} are bridged.",
            int(edges[at] + 1),
            int(gaps[at]),
            settings.bridged_frames,
        )


def _check_jumps(track: ToolTrajectory, seen: NDArray[np.intp], settings: PlanningSettings) -> None:
    poses, step_s = track.transform_tool_to_frame[seen], np.diff(track.time_s[seen])
    speed = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1) / step_s
    turn = se3.rotation_distance_rad(poses[:-1], poses[1:]) / step_s
    limits = ((speed, settings.tool_speed_limit_m_s, "m/s"), (turn, settings.tool_turn_limit_rad_s, "rad/s"))
    for number, limit, unit in limits:
        if number.max() > limit:
            at = int(np.argmax(number))
            raise PlanRefused(
                Reason.TOOL_JUMP,
                f"the tool moves at {number[at]:.2f} {unit} from the one before; at most {limit:.2f} is believed.",
                int(seen[at + 1]),
                number[at],
                limit,
            )


def _notes(track: ToolTrajectory, seen: NDArray[np.intp]) -> list[str]:
    notes = []
    before, after = seen[0], len(track.status) - 1 - seen[-1]
    inside = seen[-1] - seen[0] + 1 - len(seen)
    if before or after:
        notes.append(f"Left out {before} unseen frames at the start and {after} at the end.")
    if inside:
        notes.append(f"Bridged {inside} lost frames.")
    return notes
