"""The planned path as markers, so that a person can look at it in RViz before the arm moves."""

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from dreamitate_core.plan import Plan
from dreamitate_core.trajectory import ToolTrajectory

_AXIS_M = 0.04
_AXIS_COLOURS = ((1.0, 0.1, 0.1), (0.1, 0.8, 0.1), (0.2, 0.3, 1.0))


def plan_markers(plan: Plan, track: ToolTrajectory, header: Header) -> MarkerArray:
    """Return the tool's whole path, its axes at each waypoint, and the tracked poses coloured by their score."""
    path = _marker(header, 0, "path", Marker.LINE_STRIP, 0.003)
    path.points = [_point(position) for position in plan.transform_tool_to_table[:, :3, 3]]
    path.color = ColorRGBA(r=0.1, g=0.8, b=1.0, a=1.0)
    axes = _marker(header, 0, "waypoints", Marker.LINE_LIST, 0.002)
    for transform in plan.waypoint_transform_tool_to_table:
        for axis, colour in enumerate(_AXIS_COLOURS):
            ends = transform[:3, 3], transform[:3, 3] + _AXIS_M * transform[:3, axis]
            axes.points.extend(_point(end) for end in ends)
            axes.colors.extend(ColorRGBA(r=colour[0], g=colour[1], b=colour[2], a=1.0) for _ in ends)
    tracked = _marker(header, 0, "tracked", Marker.SPHERE_LIST, 0.010)
    tracked.scale.y = tracked.scale.z = 0.010
    for transform, score in zip(track.transform_tool_to_frame, track.score, strict=True):
        good = float(np.clip(score, 0.0, 1.0)) if np.isfinite(score) else 0.0
        tracked.points.append(_point(transform[:3, 3]))
        tracked.colors.append(ColorRGBA(r=1.0 - good, g=good, b=0.0, a=1.0))
    return MarkerArray(markers=[path, axes, tracked])


def _marker(header: Header, number: int, space: str, kind: int, width_m: float) -> Marker:
    marker = Marker(header=header, ns=space, id=number, type=kind, action=Marker.ADD, lifetime=Duration())
    marker.pose.orientation.w = 1.0
    marker.scale.x = width_m
    return marker


def _point(position: NDArray[np.float64]) -> Point:
    return Point(x=float(position[0]), y=float(position[1]), z=float(position[2]))
