"""A tool path: poses over the clip's time, twice differentiable, held to the task's height and tilt."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from dreamitate_core import se3
from dreamitate_core.trajectory import ToolTrajectory

from .refusal import PlanRefused, Reason
from .settings import PlanningSettings
from .smooth import Upright, smooth

Array = NDArray[np.float64]

STEEPEST_CLAMPED_RAD = 0.8
"""A tool that leans more than this, and more than the task allows, is not the tool that the task speaks of: the track
is wrong, not merely noisy."""

HELD_SIGMA = 0.5
"""Share of a held limit's half width that is taken for the standard deviation of what is held."""


class ToolPath:
    """A spline through poses: cubic for the tip, C2 for the rotation, then the task's clamp."""

    def __init__(self, time_s: Array, transform_tool_to_table: Array, tip: Array, settings: PlanningSettings) -> None:
        self.time_s = time_s
        self._tip = tip
        self._settings = settings
        tips = transform_tool_to_table[:, :3, :3] @ tip + transform_tool_to_table[:, :3, 3]
        self._tip_spline = CubicSpline(time_s, tips, bc_type="natural")
        self._rotation_spline = RotationSpline(time_s, Rotation.from_matrix(transform_tool_to_table[:, :3, :3]))

    def poses(self, time_s: ArrayLike) -> Array:
        """Return transform_tool_to_table (N, 4, 4) at times (N,)."""
        rotation = self._rotation_spline(np.asarray(time_s, float)).as_matrix()
        raw = se3.make_transform(rotation, self._tip_spline(time_s) - rotation @ self._tip)
        return clamp(raw, self._tip, self._settings) if self._settings.on_limit == "clamp" else raw


def smooth_path(
    track: ToolTrajectory, frames: NDArray[np.intp], tip: Array, settings: PlanningSettings
) -> tuple[ToolPath, Array]:
    """Return the path through the smoothed poses of a track's frames, and by how much they moved, (2,): m and rad.

    Where the task holds height and tilt, the poses are held first, and smoothed with the knowledge that they are held.
    """
    time_s, asked = track.time_s[frames], track.transform_tool_to_frame[frames]
    holds = settings.on_limit == "clamp"
    poses, moved = smooth(
        time_s,
        clamp(asked, tip, settings) if holds else asked,
        track.covariance[frames],
        settings.tool_acceleration_m_s2,
        settings.tool_acceleration_rad_s2,
        settings.deviation_limit_m,
        settings.deviation_limit_rad,
        _upright(tip, settings) if holds else None,
    )
    return ToolPath(time_s, poses, tip, settings), moved.max(axis=0)


def _upright(tip: Array, settings: PlanningSettings) -> Upright | None:
    lower, upper, tilt = settings.tip_height_lower_m, settings.tip_height_upper_m, settings.tilt_limit_rad
    if not np.isfinite([lower, upper, tilt]).all():
        return None
    return Upright(tip, 0.5 * (lower + upper), HELD_SIGMA * (upper - lower) / 2, HELD_SIGMA * tilt)


def clamp(transform_tool_to_table: Array, tip: Array, settings: PlanningSettings) -> Array:
    """Return poses (N, 4, 4) whose tilt and tip height lie within the task's limits; yaw and place stay."""
    rotation = transform_tool_to_table[:, :3, :3]
    if np.isfinite(settings.tilt_limit_rad):
        tilt, axis = tilt_of(rotation)
        held = _squash(tilt, -settings.tilt_limit_rad, settings.tilt_limit_rad)
        rotation = Rotation.from_rotvec((tilt - held)[:, None] * axis).as_matrix() @ rotation
    point = transform_tool_to_table[:, :3, :3] @ tip + transform_tool_to_table[:, :3, 3]
    point[:, 2] = _squash(point[:, 2], settings.tip_height_lower_m, settings.tip_height_upper_m)
    return se3.make_transform(rotation, point - rotation @ tip)


def tilt_of(rotation: Array) -> tuple[Array, Array]:
    """Return the angles (N,) between the tool's z axis and the table's, and the unit axes (N, 3) that undo them."""
    up = rotation[:, :, 2]
    axis = np.stack([up[:, 1], -up[:, 0], np.zeros(len(up))], axis=1)  # up x table z
    length = np.linalg.norm(axis, axis=1)
    tilt = np.arctan2(length, up[:, 2])
    safe = np.where(length < 1e-12, 1.0, length)
    return tilt, np.where((length < 1e-12)[:, None], (1.0, 0.0, 0.0), axis / safe[:, None])


def check_path(
    path: ToolPath, asked: Array, tip: Array, waypoints: NDArray[np.intp], settings: PlanningSettings
) -> list[str]:
    """Return notes on what was held. Raises PlanRefused for a pose outside the task's limits.

    asked: (M, 4, 4) the tracked poses; waypoints: (M,) their numbers in the track.
    """
    held, holds = path.poses(path.time_s), settings.on_limit == "clamp"
    tilt = tilt_of((asked if holds else held)[:, :3, :3])[0]
    steepest = max(STEEPEST_CLAMPED_RAD, settings.tilt_limit_rad) if holds else settings.tilt_limit_rad
    if np.isfinite(settings.tilt_limit_rad) and tilt.max() > steepest:
        at = int(np.argmax(tilt))
        text = f"the tool leans {tilt[at]:.2f} rad; at most {steepest:.2f} is allowed."
        raise PlanRefused(Reason.TILT, text, int(waypoints[at]), float(tilt[at]), steepest)
    asked_height = (asked[:, :3, :3] @ tip + asked[:, :3, 3])[:, 2]
    points = held[:, :3, :3] @ tip + held[:, :3, 3]
    lower, upper = settings.tip_height_lower_m, settings.tip_height_upper_m
    for at, height in enumerate(points[:, 2]):
        if not lower - 1e-9 <= height <= upper + 1e-9:
            raise PlanRefused(
                Reason.TIP_HEIGHT,
                f"the tip is {height:.3f} m above the table; {lower:.3f} to {upper:.3f} m is allowed.",
                int(waypoints[at]),
                float(height),
                lower if height < lower else upper,
            )
    _check_workspace(points, waypoints, settings)
    change = np.abs(points[:, 2] - asked_height).max()
    turned = np.abs(tilt - tilt_of(held[:, :3, :3])[0]).max()
    if holds and (change > 1e-3 or turned > 0.01):
        much = f"{change * 1e3:.1f} mm and {np.degrees(turned):.1f} degrees"
        return [f"Held to the task's height and tilt: moved by up to {much}."]
    return []


def _check_workspace(points: Array, waypoints: NDArray[np.intp], settings: PlanningSettings) -> None:
    lower, upper = settings.workspace_lower_m, settings.workspace_upper_m
    outside = np.maximum(lower - points, points - upper)
    if outside.max() > 0:
        at, axis = np.unravel_index(np.argmax(outside), outside.shape)
        limit = lower[axis] if points[at, axis] < lower[axis] else upper[axis]
        raise PlanRefused(
            Reason.OUTSIDE_WORKSPACE,
            f"the tip is at {'xyz'[axis]} = {points[at, axis]:.3f} m; the workspace ends at {limit:.3f} m.",
            int(waypoints[at]),
            float(points[at, axis]),
            float(limit),
        )


def _squash(value: Array, lower: float, upper: float) -> Array:
    """Return values within the limits, twice differentiable: near a limit they bend towards it, elsewhere they stay."""
    margin = min(0.25 * (upper - lower), 0.005)
    if np.isfinite(upper):
        value = np.minimum(value, upper - margin) + margin * np.tanh(np.maximum(value - upper + margin, 0.0) / margin)
    if np.isfinite(lower):
        value = np.maximum(value, lower + margin) - margin * np.tanh(np.maximum(lower + margin - value, 0.0) / margin)
    return value
