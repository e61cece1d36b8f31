"""The preview as markers, so that a person can look at it in RViz before the arm moves."""

from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from dreamitate_core.tool import Tool

from .preview import Preview

Array = NDArray[np.float64]

PER_ARM = 10
"""Marker numbers that one arm may use in each namespace."""
_AXIS_M = 0.04
_AXIS_COLOURS = ((1.0, 0.1, 0.1), (0.1, 0.8, 0.1), (0.2, 0.3, 1.0))
_PATH, _SWEPT, _REACHED, _NOT_REACHED = (0.1, 0.8, 1.0), (1.0, 0.75, 0.1), (0.9, 0.9, 0.9), (1.0, 0.1, 0.1)
_CURTAIN_STEPS = 120


def plan_markers(seen: Preview, tool: Tool, header: Header, number: int = 0) -> list[Marker]:
    """Return one arm's preview: the tip's path, the tool's axes, the swept height, and each tracked pose.

    Tracked poses are spheres from red to green by their score; a ring stands around those in reach, a cross on those
    that are not, and a text at the one that was refused. number: of the arm.
    """
    begin = number * PER_ARM
    path = _marker(header, begin, "path", Marker.LINE_STRIP, 0.003, _PATH)
    path.points = [_point(place) for place in seen.tip]
    swept = _marker(header, begin, "swept_height", Marker.LINE_LIST, 0.001, _SWEPT)
    for place, lowest in _curtain(seen):
        swept.points += [_point((place[0], place[1], 0.0)), _point((place[0], place[1], lowest))]
    tracked = _marker(header, begin, "tracking_quality", Marker.SPHERE_LIST, 0.010)
    tracked.scale.y = tracked.scale.z = 0.010
    for place, score in zip(seen.tracked_tip, seen.quality, strict=True):
        if np.isfinite(place).all():
            tracked.points.append(_point(place))
            tracked.colors.append(_colour((1.0 - float(score), float(score), 0.0)))
    found = [path, _axes(seen, header, begin), swept, tracked, _reach(seen, header, begin)]
    if 0 <= seen.refused < len(seen.tracked_tip) and np.isfinite(seen.tracked_tip[seen.refused]).all():
        text = _marker(header, begin, "refused", Marker.TEXT_VIEW_FACING, 0.0, _NOT_REACHED)
        text.scale.z, text.text = 0.03, f"{tool.name}: waypoint {seen.refused} refused"
        text.pose.position = _point(seen.tracked_tip[seen.refused] + (0.0, 0.0, 0.05))
        found.append(text)
    return found


def fresh(markers: Sequence[Marker], header: Header) -> MarkerArray:
    """Return the message that shows these markers and takes away what was shown before."""
    return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL), *markers])


def _axes(seen: Preview, header: Header, number: int) -> Marker:
    axes = _marker(header, number, "tool_axes", Marker.LINE_LIST, 0.002)
    for place, turned in zip(seen.waypoint_tip, seen.waypoint_axes, strict=True):
        for axis, colour in enumerate(_AXIS_COLOURS):
            axes.points += [_point(place), _point(place + _AXIS_M * turned[:, axis])]
            axes.colors += [_colour(colour)] * 2
    return axes


def _reach(seen: Preview, header: Header, number: int) -> Marker:
    """Return rings, small at the edge of the arm's reach, and crosses where a pose is out of reach."""
    lines = _marker(header, number, "reachability", Marker.LINE_LIST, 0.0015)
    turn = np.linspace(0.0, 2.0 * np.pi, 17)
    circle = np.stack([np.cos(turn), np.sin(turn), np.zeros_like(turn)], axis=1)
    for place, reach in zip(seen.tracked_tip, seen.reach, strict=True):
        if not np.isfinite(place).all():
            continue
        if np.isfinite(reach):
            ring = place + (0.008 + 0.012 * min(float(reach), 1.0)) * circle
            ends, colour = np.repeat(ring, 2, axis=0)[1:-1], _REACHED
        else:
            ends = place + 0.02 * np.array([(-1, -1, 0), (1, 1, 0), (-1, 1, 0), (1, -1, 0)])
            colour = _NOT_REACHED
        lines.points += [_point(end) for end in ends]
        lines.colors += [_colour(colour)] * len(ends)
    return lines


def _curtain(seen: Preview) -> list[tuple[Array, float]]:
    """Return places (3,) of the tip on the tracked part, evenly over it, with the tool's lowest height there."""
    swept = np.flatnonzero(seen.swept)
    kept = swept[np.unique(np.linspace(0, len(swept) - 1, _CURTAIN_STEPS).round().astype(int))] if len(swept) else swept
    return [(seen.tip[k], max(float(seen.lowest_m[k]), 0.0)) for k in kept]


def _marker(
    header: Header, number: int, space: str, kind: int, width_m: float, colour: Sequence[float] = (1.0, 1.0, 1.0)
) -> Marker:
    marker = Marker(header=header, ns=space, id=number, type=kind, action=Marker.ADD, lifetime=Duration())
    marker.pose.orientation.w = 1.0
    marker.scale.x, marker.color = width_m, _colour(colour)
    return marker


def _colour(colour: Sequence[float]) -> ColorRGBA:
    return ColorRGBA(r=float(colour[0]), g=float(colour[1]), b=float(colour[2]), a=1.0)


def _point(place: Sequence[float] | Array) -> Point:
    return Point(x=float(place[0]), y=float(place[1]), z=float(place[2]))
