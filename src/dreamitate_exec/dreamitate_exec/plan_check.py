"""The last look at a plan before it is sent, whoever made it: nothing goes to an arm that has not passed this."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import transform_base_to_table
from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool

from .chain import Chain
from .collision import CollisionWorld
from .refusal import PlanRefused, Reason
from .settings import planning_settings

Array = NDArray[np.float64]

SLACK = 1e-3
"""Share of a limit that rounding may be over it."""
STEP_RAD = 0.012
"""Largest sum of all joints' steps between two configurations that are looked at for contacts: about 1 cm."""
REST_RAD_S = 1e-3
POSE_M, POSE_RAD = 5e-4, 4e-3
"""How far the poses that a plan claims may be from where its joints take the tool."""
WAYPOINT_M, WAYPOINT_RAD = 2e-3, 1e-2
"""How far the tool may pass from a pose that the plan aims at, when its time has come."""
HEIGHT_M = 1e-3
"""How far the tip may be over or under the task's limits of height: what a controller makes of the samples."""


class PlanCheck:
    """One task, arm and tool."""

    def __init__(self, task: Task, robot: Robot, tool: Tool, base: Array | None = None) -> None:
        """base: transform_base_to_table (4, 4), where it is not that of the task's section `robots`."""
        self._robot, self._tool, self._settings = robot, tool, planning_settings(task)
        self._chain = Chain(robot)
        self._transform_base_to_table = transform_base_to_table(task, robot) if base is None else base
        self._world = _Touching(robot, tool, self._transform_base_to_table, load_rig(task.rig))

    def check(self, plan: Plan) -> None:
        """Raise PlanRefused or DreamitateError, with number and limit, for a plan that must not be carried out."""
        self._check_form(plan)
        self._check_limits(plan)
        self._check_poses(plan)
        self._check_contacts(plan)

    def _check_form(self, plan: Plan) -> None:
        robot, shape = self._robot, (len(plan.time_s), self._robot.dof)
        if list(plan.joint_names) != robot.joint_names:
            raise DreamitateError(
                f"The plan moves {', '.join(plan.joint_names)}; the arm has {', '.join(robot.joint_names)}."
            )
        tables = {name: getattr(plan, name) for name in ("position", "velocity", "acceleration")}
        for name, table in tables.items():
            if table.shape != shape or len(plan.time_s) < 2 or not np.isfinite(table).all():
                raise DreamitateError(f"The plan's {name} must be {shape} finite numbers; it is {table.shape}.")
        steps = np.diff(plan.time_s)
        if not np.isfinite(plan.time_s).all() or (steps <= 0).any():
            raise DreamitateError(f"The plan's times must increase; they do not after point {int(np.argmin(steps))}.")
        for index, name in ((0, "start"), (-1, "end")):
            speed = float(np.abs(plan.velocity[index]).max())
            if speed > REST_RAD_S:
                raise DreamitateError(f"The plan must {name} at rest; a joint moves at {speed:.4f} rad/s.")

    def _check_limits(self, plan: Plan) -> None:
        robot, steps = self._robot, np.diff(plan.time_s)[:, None]
        mean = np.diff(plan.position, axis=0) / steps
        between = 1.5 * mean - 0.25 * (plan.velocity[1:] + plan.velocity[:-1])  # of the cubic, half way
        pushes = np.diff(plan.velocity, axis=0) / steps
        middle = 0.5 * (robot.position_upper + robot.position_lower)
        half = 0.5 * (robot.position_upper - robot.position_lower)
        self._hold(plan, "position", plan.position - middle, half, "rad from the middle of its range")
        self._hold(plan, "speed", plan.velocity, robot.velocity_limit, "rad/s")
        self._hold(plan, "speed between two points", between, robot.velocity_limit, "rad/s")
        self._hold(plan, "acceleration", plan.acceleration, robot.acceleration_limit, "rad/s^2")
        self._hold(plan, "acceleration between two points", pushes, robot.acceleration_limit, "rad/s^2")

    def _hold(self, plan: Plan, what: str, values: Array, limit: Array, unit: str) -> None:
        """Raise PlanRefused where values (N, dof) are over a limit (dof,)."""
        over = np.abs(values) / limit
        if over.max() <= 1.0 + SLACK:
            return
        at, joint = np.unravel_index(int(np.argmax(over)), over.shape)
        value = float(np.abs(values[at, joint]))
        text = f"{self._robot.joint_names[joint]} would have the {what} {value:.3f} {unit} at {plan.time_s[at]:.2f} s"
        text += f"; its limit is {limit[joint]:.3f}."
        raise PlanRefused(Reason.JOINT_LIMIT, text, None, value, float(limit[joint]))

    def _check_poses(self, plan: Plan) -> None:
        mount = self._tool.transform_tool_to_flange
        real = self._transform_base_to_table @ self._chain.flange(plan.position) @ mount
        self._compare(real, plan.transform_tool_to_table, plan.time_s, POSE_M, POSE_RAD, "the pose that is claimed")
        nearest = np.clip(np.searchsorted(plan.time_s, plan.waypoint_time_s), 1, len(plan.time_s) - 1)
        before = plan.time_s[nearest - 1]
        share = (plan.waypoint_time_s - before) / (plan.time_s[nearest] - before)
        passed = se3.interpolate(real[nearest - 1], real[nearest], np.clip(share, 0.0, 1.0))
        free = self._settings.free_axis
        aims = plan.waypoint_transform_tool_to_table
        self._compare(passed, aims, plan.waypoint_time_s, WAYPOINT_M, WAYPOINT_RAD, "the pose that is aimed at", free)
        inside = (plan.time_s >= plan.waypoint_time_s[0]) & (plan.time_s <= plan.waypoint_time_s[-1])
        height = se3.transform_points(real[inside], self._tool.tip[None])[:, 0, 2]
        lower, upper = self._settings.tip_height_lower_m, self._settings.tip_height_upper_m
        off = np.maximum(lower - height, height - upper)
        if off.max() > HEIGHT_M:
            at = int(np.argmax(off))
            text = f"the tip would be {height[at]:.4f} m above the table at {plan.time_s[inside][at]:.2f} s; "
            text += f"{lower:.4f} to {upper:.4f} m is allowed."
            raise PlanRefused(Reason.TIP_HEIGHT, text, None, float(height[at]), upper if height[at] > upper else lower)

    def _compare(
        self,
        real: Array,
        wanted: Array,
        time_s: Array,
        limit_m: float,
        limit_rad: float,
        what: str,
        axis: Array | None = None,
    ) -> None:
        """Raise DreamitateError where poses are apart. axis: the tool's own, about which it may turn as it likes."""
        if real.shape != wanted.shape or not np.isfinite(wanted).all():
            raise DreamitateError(f"The plan has {wanted.shape} finite numbers for {what}; {real.shape} are needed.")
        off_m = np.linalg.norm(self._tips(real) - self._tips(wanted), axis=1)
        off_rad = se3.rotation_distance_rad(real, wanted) if axis is None else _lean(real, wanted, axis)
        over = np.maximum(off_m / limit_m, off_rad / limit_rad)
        at = int(np.argmax(over))
        if over[at] > 1.0:
            raise DreamitateError(
                f"The plan's joints take the tool {off_m[at] * 1e3:.2f} mm and {off_rad[at]:.4f} rad from {what}, at "
                f"{time_s[at]:.2f} s; at most {limit_m * 1e3:g} mm and {limit_rad:g} rad is allowed."
            )

    def _tips(self, poses: Array) -> Array:
        return se3.transform_points(poses, self._tool.tip[None])[:, 0]

    def _check_contacts(self, plan: Plan) -> None:
        way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(plan.position, axis=0)).sum(axis=1))])
        number = int(np.ceil(way[-1] / STEP_RAD)) + 1
        time_s = np.interp(np.linspace(0.0, way[-1], number), way, plan.time_s)
        position = np.stack([np.interp(time_s, plan.time_s, column) for column in plan.position.T], axis=1)
        contact = self._world.first_contact(position)
        if contact is not None:
            text = f"{contact.text} at {time_s[contact.index]:.2f} s of the plan."
            raise PlanRefused(Reason.COLLISION, text)


def _lean(real: Array, wanted: Array, axis: Array) -> Array:
    """Return the angles (N,) between a tool's axis at two poses (N, 4, 4) each."""
    one, other = (poses[:, :3, :3] @ (axis / np.linalg.norm(axis)) for poses in (real, wanted))
    return np.arctan2(np.linalg.norm(np.cross(one, other), axis=1), np.einsum("ij,ij->i", one, other))


class _Touching(CollisionWorld):
    """The planner's world without its clearances: what is found here really touches."""

    def __init__(self, *what: object) -> None:
        super().__init__(*what)  # type: ignore[arg-type]
        for request, clearance in zip(self._geometry_data.collisionRequests, self._clearance, strict=True):
            request.security_margin = min(clearance, 0.0)
