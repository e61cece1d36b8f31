"""Are plans safe? Looked at again every millisecond: kinematics by the arms' public models, collisions by MuJoCo."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial import cKDTree

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.plan import Plan
from dreamitate_core.task import Task
from dreamitate_exec.settings import planning_settings

from .plan_model import Contacts
from .public_arms import PublicArm

Array = NDArray[np.float64]

STEP_S = 0.001
ROUNDING = 1e-6
"""Share of a limit by which floating-point numbers may pass it."""
HEIGHT_ROUNDING_M = 1e-4
TURN_WEIGHT_M = 0.07
"""When the nearest pose is looked for, a turn by a radian counts like 0.1 m."""


@dataclass(frozen=True)
class Found:
    """How often (samples of a millisecond) plans break a rule, and how well they follow.

    not_in_step: the arms' times differ; deviation_m, deviation_rad: a tool's largest distance from the asked path;
    jerk_rad_s3: of the joints, largest.
    """

    over_position: int
    over_speed: int
    over_acceleration: int
    collisions: int
    over_height: int
    not_in_step: int
    deviation_m: float
    deviation_rad: float
    acceleration_rad_s2: float
    jerk_rad_s3: float

    @property
    def violations(self) -> int:
        """Samples that break a rule."""
        return (
            self.over_position
            + self.over_speed
            + self.over_acceleration
            + self.collisions
            + self.over_height
            + self.not_in_step
        )


class Auditor:
    """A second opinion on plans of one task's arms."""

    def __init__(self, task: Task, arms: Sequence[ArmSetup]) -> None:
        self._arms = arms
        self._settings = planning_settings(task)
        self._contacts = Contacts(task, arms)
        self._public = [PublicArm(arm.robot.name) for arm in arms]

    def audit(self, plans: Sequence[Plan], paths: Sequence[Array]) -> Found:
        """Return what is found of plans, one per arm, that were asked to follow paths of tool poses (N, 4, 4)."""
        splines = [_spline(plan) for plan in plans]
        time = np.arange(plans[0].time_s[0], plans[0].time_s[-1], STEP_S)
        found = [
            self._follow(arm, public, plan, spline, path, time)
            for arm, public, plan, spline, path in zip(self._arms, self._public, plans, splines, paths, strict=True)
        ]
        apart = any(not np.array_equal(plan.time_s, plans[0].time_s) for plan in plans[1:])
        counts: dict[str, Any] = {key: int(sum(each[key] for each in found)) for key in found[0] if "over_" in key}
        largest: dict[str, Any] = {key: max(each[key] for each in found) for key in found[0] if "over_" not in key}
        positions = np.concatenate([spline(time) for spline in splines], axis=1)
        return Found(**counts, **largest, collisions=self._contacts.count(positions), not_in_step=int(apart))

    def _follow(
        self, arm: ArmSetup, public: PublicArm, plan: Plan, spline: CubicHermiteSpline, path: Array, time: Array
    ) -> dict[str, float]:
        position, velocity, acceleration = spline(time), spline(time, 1), spline(time, 2)
        robot = arm.robot
        tracked = (time >= plan.waypoint_time_s[0]) & (time <= plan.waypoint_time_s[-1])
        tool = _tool_poses(arm, public, position[tracked])
        far, turned = _deviation(tool, path, arm.tool.tip, self._settings.free_axis)
        height = (tool[:, :3, :3] @ arm.tool.tip + tool[:, :3, 3])[:, 2:]
        lower = self._settings.tip_height_lower_m - HEIGHT_ROUNDING_M
        upper = self._settings.tip_height_upper_m + HEIGHT_ROUNDING_M
        return {
            "over_position": _count(position < robot.position_lower, position > robot.position_upper),
            "over_speed": _count(np.abs(velocity) > (1 + ROUNDING) * robot.velocity_limit),
            "over_acceleration": _count(np.abs(acceleration) > (1 + ROUNDING) * robot.acceleration_limit),
            "over_height": _count(height < lower, height > upper),
            "deviation_m": far,
            "deviation_rad": turned,
            "acceleration_rad_s2": float(np.abs(acceleration[tracked]).max()),
            "jerk_rad_s3": float(np.abs(np.diff(acceleration[tracked], axis=0)).max() / STEP_S),
        }

    def tool_error_m(self, plans: Sequence[Plan], truths: Sequence[Array]) -> float:
        """Return the rms distance of the tools' tips from true poses (M, 4, 4) when the plans meet them."""
        squares = []
        for arm, public, plan, truth in zip(self._arms, self._public, plans, truths, strict=True):
            poses = _tool_poses(arm, public, _spline(plan)(plan.waypoint_time_s))
            tips = [se3.transform_points(transforms, arm.tool.tip[None])[:, 0] for transforms in (poses, truth)]
            squares.append(((tips[0] - tips[1]) ** 2).sum(axis=1).mean())
        return float(np.sqrt(np.mean(squares)))


def _spline(plan: Plan) -> CubicHermiteSpline:
    """Return the joints over time as trajectory controllers do."""
    return CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)


def _tool_poses(arm: ArmSetup, public: PublicArm, position: Array) -> Array:
    return arm.transform_base_to_table @ public.flange(position) @ arm.tool.transform_tool_to_flange


def _deviation(poses: Array, path: Array, tip: Array, free_axis: Array | None) -> tuple[float, float]:
    """Return the largest distance and turn of poses from the nearest pose of a densely sampled path.

    With a free axis through the tip, the distance of the tips, and the angle between the axes.
    """
    nearest = path[cKDTree(_places(path, tip, free_axis)).query(_places(poses, tip, free_axis))[1]]
    if free_axis is None:
        distance = np.linalg.norm(poses[:, :3, 3] - nearest[:, :3, 3], axis=1)
        return float(distance.max()), float(se3.rotation_distance_rad(poses, nearest).max())
    off = _places(poses, tip, free_axis) - _places(nearest, tip, free_axis)
    chord = np.linalg.norm(off[:, 3:], axis=1) / TURN_WEIGHT_M
    return float(np.linalg.norm(off[:, :3], axis=1).max()), float(2.0 * np.arcsin(chord / 2.0).max())


def _places(poses: Array, tip: Array, free_axis: Array | None) -> Array:
    """Return points (N, 12), or (N, 6) where the turn about an axis is free: places and weighted directions."""
    if free_axis is None:
        return np.concatenate([poses[:, :3, 3], TURN_WEIGHT_M * poses[:, :3, :3].reshape(-1, 9)], axis=1)
    tips = poses[:, :3, :3] @ tip + poses[:, :3, 3]
    axes = poses[:, :3, :3] @ (free_axis / np.linalg.norm(free_axis))
    return np.concatenate([tips, TURN_WEIGHT_M * axes], axis=1)


def _count(*broken: NDArray[np.bool_]) -> int:
    return int(np.logical_or.reduce(broken).any(axis=1).sum())
