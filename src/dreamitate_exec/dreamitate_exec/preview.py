"""What a person should see of a plan before the arm moves, or of a track that was refused: measured, not drawn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import transform_base_to_table
from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

from .chain import Chain
from .inverse import load_inverse
from .settings import planning_settings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Preview:
    """A track, and the plan made of it where there is one. Lengths in metres, in the table frame.

    tracked_tip, tracked_axes: (M, 3), (M, 3, 3) the tool's tip and axes (columns) at the tracked poses;
    quality: (M,) 0..1, the tracker's score; status: (M,) of Status;
    reach: (M,) 0..1: how far within the arm's reach, 0 at its edge; NaN: out of reach;
    refused: the number of the pose that the planner refused, or -1.
    time_s: (N,) of the plan; tip: (N, 3) the planned tip; lowest_m: (N,) the height of the tool's lowest point;
    waypoint_time_s: (K,), waypoint_tip, waypoint_axes: where the planned tool meets the poses of the track that it can.
    height_limits_m: (2,) of the tip, infinite where the task has none; swept: whether a sample is on the tracked part.
    """

    tracked_tip: Array
    tracked_axes: Array
    quality: Array
    status: NDArray[np.int64]
    reach: Array
    refused: int
    time_s: Array
    tip: Array
    lowest_m: Array
    waypoint_time_s: Array
    waypoint_tip: Array
    waypoint_axes: Array
    height_limits_m: Array

    @property
    def swept(self) -> NDArray[np.bool_]:
        """(N,) whether a sample of the plan lies on the tracked part."""
        if not len(self.waypoint_time_s):
            return np.zeros(len(self.time_s), bool)
        first_s, last_s = float(self.waypoint_time_s[0]), float(self.waypoint_time_s[-1])
        return np.asarray((self.time_s >= first_s) & (self.time_s <= last_s))


def preview(
    track: ToolTrajectory,
    plan: Plan | None,
    task: Task,
    robot: Robot,
    tool: Tool,
    refused: int | None = None,
    base: Array | None = None,
) -> Preview:
    """Return the preview of a track in the frame `table`, and of its plan, None where it was refused.

    refused: the pose at fault; base: transform_base_to_table (4, 4), where it is not that of the task's `robots`.
    Raises DreamitateError where the task does not place the robot.
    """
    settings = planning_settings(task)
    poses = track.transform_tool_to_frame
    made = np.empty((0, 4, 4)) if plan is None else plan.transform_tool_to_table
    waypoints = np.empty((0, 4, 4)) if plan is None else plan.waypoint_transform_tool_to_table
    return Preview(
        tracked_tip=_tips(poses, tool),
        tracked_axes=poses[:, :3, :3],
        quality=np.clip(np.nan_to_num(track.score), 0.0, 1.0),
        status=np.asarray(track.status, np.int64),
        reach=_reach(poses, transform_base_to_table(task, robot) if base is None else base, robot, tool),
        refused=-1 if refused is None else refused,
        time_s=np.empty(0) if plan is None else plan.time_s,
        tip=_tips(made, tool),
        lowest_m=_lowest(made, tool),
        waypoint_time_s=np.empty(0) if plan is None else plan.waypoint_time_s,
        waypoint_tip=_tips(waypoints, tool),
        waypoint_axes=waypoints[:, :3, :3],
        height_limits_m=np.array([settings.tip_height_lower_m, settings.tip_height_upper_m]),
    )


def _tips(poses: Array, tool: Tool) -> Array:
    return se3.transform_points(poses, tool.tip[None])[:, 0]


def _lowest(poses: Array, tool: Tool) -> Array:
    """Return the height (N,) of the tool's lowest point at poses (N, 4, 4)."""
    corners = np.asarray(tool.mesh.convex_hull.vertices, float)
    heights = poses[:, 2, :3] @ corners.T + poses[:, 2, 3:]
    return np.asarray(heights.min(axis=1, initial=np.inf))


def _reach(poses: Array, base: Array, robot: Robot, tool: Tool) -> Array:
    """Return (M,) the share of the arm's span that a pose leaves, NaN where it is out of reach or not finite."""
    inverse = load_inverse(robot, Chain(robot))
    fine = np.asarray(np.isfinite(poses).all(axis=(1, 2)))
    transform_table_to_base = se3.inverse(base)
    safe = np.where(fine[:, None, None], poses, np.eye(4))
    spans, longest = inverse.reach(transform_table_to_base @ safe @ se3.inverse(tool.transform_tool_to_flange))
    left = np.asarray(1.0 - spans / longest)
    return np.asarray(np.where(fine & (left >= 0.0), left, np.nan))
