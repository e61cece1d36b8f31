"""Ways to push a piece with the pusher's flat front: stable pushes, in which the piece stays flush with the front.

A piece is pushed at a side of its convex hull and goes like a car: its middle follows a curve, and it turns with it. It
stays flush where the force that this takes passes between the ends of the side (Lynch and Mason, Stable Pushing, IJRR
1996). A pose here is (x, y, yaw): where the piece's middle is, metres, and how it is turned, rad, in the table frame.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .scene import ToolMotion

Array = NDArray[np.float64]

FRONT_HALF_WIDTH_M = 0.06
TOOL_HEIGHT_M = 0.003
SHORTEST_SIDE_M = 0.02
SIDE_MARGIN_M = 0.004
"""How far inside a side's ends the force is to pass."""
ASKEW_RAD = (0.0, 0.15, -0.15, 0.3, -0.3)
"""By how much to the left of the side's normal the piece goes; friction holds it up to about 0.46."""
REACHES = (0.25, 0.4, 0.55)
"""Lengths of a curve's tangents, as shares of the distance."""
SAMPLES = 16
AROUND, SPREADS_M, SPREADS_RAD = 60, (0.03, 0.012), (0.25, 0.1)
"""Poses that are tried around one that may be gone through, and how far around, first and then."""
TURN_COST_M, ASKEW_COST_M, SLIP_COST = 0.03, 0.05, 15.0
"""In metres of path: a radian of turning, a radian of going askew, a metre by which a force is too far out."""
FAR_COST_M = 100.0
SECOND_PUSH_COST_M = 0.05
"""What it costs besides, in metres of path, that another push has to follow."""
X_LIMIT_M, Y_LIMIT_M = 0.32, 0.25
ARM_BASE_Y_M, ARM_NEAREST_M, ARM_REACH_M = 0.52, 0.25, 0.82
PATH_SAMPLES = 64


@dataclass(frozen=True)
class Side:
    """A side of the hull, in the piece's frame, from its middle.

    heading: rad, the way in which it is pushed, square to it; contact: (x, y) metres, where the front's middle comes to
    lie; low, high: metres to the left of the line through the piece's middle, between which the front is touched;
    depth: metres from the side to the middle.
    """

    heading: float
    contact: tuple[float, float]
    low: float
    high: float
    depth: float


@dataclass(frozen=True)
class Push:
    """One push. side: at which side; askew: rad; reach: share; aim: (3,) the pose to which it takes the piece; cost:
    metres of path, and what else counts as such, all the way to the goal; last: whether it ends at the goal."""

    side: int
    askew: float
    reach: float
    aim: tuple[float, float, float]
    cost: float
    last: bool


def sides(corners: Array, middle: Array) -> list[Side]:
    """Return the sides of a convex hull (N, 2), counter-clockwise, on which a push can lie; middle: (2,)."""
    found = []
    for a, b in zip(corners - middle, np.roll(corners, -1, axis=0) - middle, strict=True):
        along = b - a
        if np.linalg.norm(along) < SHORTEST_SIDE_M:
            continue
        heading = float(np.arctan2(along[0], -along[1]))  # a quarter turn to the left of `along`: inwards
        forward, left = _axes(np.array(heading))
        low, high = sorted((float(a @ left), float(b @ left)))
        at = (low + high) / 2.0
        low, high = max(low, at - FRONT_HALF_WIDTH_M), min(high, at + FRONT_HALF_WIDTH_M)
        depth = -float(a @ forward)
        x, y = at * left - depth * forward
        found.append(Side(heading, (float(x), float(y)), low, high, depth))
    return found


def find_pushes(
    piece: list[Side], grip_m: float, start: Array, goals: Array, between: Array, random: np.random.Generator
) -> list[Push]:
    """Return pushes, cheapest first, at most one per side and kind: to a goal at once, or to where one can be had next.

    grip_m: the radius at which friction under the piece resists turning; start: (3,), goals: (G, 3) poses of equal
    worth; between: (N, 3) poses that may be gone through.
    """
    at_once = [_one_leg(piece, grip_m, start[None], goal[None]) for goal in goals]
    found = []
    for goal, (cost, choice) in zip(goals, at_once, strict=True):
        found += [_push(choice[0], side, goal, cost[0, side], True) for side in range(len(piece))]
    first_cost, first = _one_leg(piece, grip_m, np.tile(start, (len(between), 1)), between)
    rest = _rest(piece, grip_m, between, goals)
    for side in range(len(piece)):
        total = first_cost[:, side] + rest + random.uniform(0.0, 0.02, len(between))
        best = int(total.argmin())
        found.append(_push(first[best], side, between[best], total[best] + SECOND_PUSH_COST_M, False))
    found.sort(key=lambda push: push.cost)
    kept: dict[tuple[int, bool], Push] = {}
    for push in found:
        kept.setdefault((push.side, push.last), push)
    return list(kept.values())


def cheapest_around(
    piece: list[Side], grip_m: float, start: Array, goals: Array, push: Push, random: np.random.Generator
) -> Push:
    """Return a push at the same side to where the way on costs least, near where the given one leads: poses that are
    drawn at random cost more than need be, each time others. push: on the way; other arguments: as of `find_pushes`."""
    for spread_m, spread_rad in zip(SPREADS_M, SPREADS_RAD, strict=True):
        spread = np.array([spread_m, spread_m, spread_rad])
        poses = push.aim + spread * np.vstack([np.zeros(3), random.normal(size=(AROUND, 3))])
        first_cost, first = _one_leg(piece, grip_m, np.tile(start, (len(poses), 1)), poses)
        total = first_cost[:, push.side] + _rest(piece, grip_m, poses, goals)
        best = int(total.argmin())
        push = _push(first[best], push.side, poses[best], total[best] + SECOND_PUSH_COST_M, False)
    return push


def _rest(piece: list[Side], grip_m: float, poses: Array, goals: Array) -> Array:
    """Costs (N,) of the cheapest push from poses (N, 3) to any of the goals (G, 3)."""
    return np.min([_one_leg(piece, grip_m, poses, np.tile(g, (len(poses), 1)))[0].min(axis=1) for g in goals], 0)


def push_motion(
    side: Side, push: Push, start: Array, clip_duration_s: float, random: np.random.Generator
) -> ToolMotion:
    """Return the tool's motion of a push from t = 1 to t = 12 of the clip: up to the side, along the curve, to rest.

    start: (3,) the piece's pose.
    """
    middles, tangent = _curve(start, np.array(push.aim), np.array(side.heading + push.askew), push.reach, PATH_SAMPLES)
    heading = np.unwrap(tangent - push.askew)
    tool = middles + _turned_each(side.contact, heading - side.heading)
    gap = random.uniform(0.02, 0.035)
    tool = np.vstack([tool[0] - gap * np.array([np.cos(heading[0]), np.sin(heading[0])]), tool])
    heading = np.append(heading[0], heading)
    step = np.linalg.norm(np.diff(tool, axis=0), axis=1) + TURN_COST_M * np.abs(np.diff(heading))
    travelled = np.append(0.0, np.cumsum(step))
    duration_s = clip_duration_s * 11.0 / 12.0
    time_s = np.linspace(0.0, duration_s, 1 + round(duration_s / 0.004))
    at = travelled[-1] * _progress(time_s / duration_s, random)
    x, y, angle = (np.interp(at, travelled, values) for values in (tool[:, 0], tool[:, 1], heading))
    text = f"side {push.side}, askew {push.askew:+.2f} rad"
    return ToolMotion(time_s, _planar_transform(x, y, angle), text, not push.last)


def _progress(u: Array, random: np.random.Generator) -> Array:
    """From 0 to 1, at rest at both ends and a little before the last; u: 0..1."""
    u = np.minimum(u / random.uniform(0.88, 0.96), 1.0)
    eager = random.uniform(0.3, 0.9)
    return np.asarray(eager * (3 * u**2 - 2 * u**3) + (1 - eager) * (10 * u**3 - 15 * u**4 + 6 * u**5))


def _push(choice: Array, side: int, aim: Array, cost: float, last: bool) -> Push:
    x, y, yaw = (float(value) for value in aim)
    askew, reach = choice[side]
    return Push(side, float(askew), float(reach), (x, y, yaw), float(cost), last)


def _one_leg(piece: list[Side], grip_m: float, starts: Array, goals: Array) -> tuple[Array, Array]:
    """Costs (N, sides) of pushing from starts (N, 3) to goals (N, 3), and the best askew and reach (N, sides, 2)."""
    options = np.array([(askew, reach) for askew in ASKEW_RAD for reach in REACHES])
    costs = np.empty((len(starts), len(piece), len(options)))
    for k, side in enumerate(piece):
        for j, (askew, reach) in enumerate(options):
            costs[:, k, j] = _cost(side, grip_m, starts, goals, askew, reach)
    best = costs.argmin(axis=2)
    return costs.min(axis=2), options[best]


def _cost(side: Side, grip_m: float, starts: Array, goals: Array, askew: float, reach: float) -> Array:
    """Costs (N,) in metres of one kind of push."""
    middles, tangent = _curve(starts, goals, np.array(side.heading + askew), reach, SAMPLES)
    step = np.linalg.norm(np.diff(middles, axis=-2), axis=-1)
    turn = np.diff(np.unwrap(tangent, axis=-1), axis=-1)
    curvature = turn / np.maximum(step, 1e-5)
    # The force acts along the way that the middle goes; this far to its left it has to pass, and this far it can.
    wanted = -curvature * grip_m**2
    low = side.depth * np.sin(askew) + side.low * np.cos(askew) + SIDE_MARGIN_M
    high = side.depth * np.sin(askew) + side.high * np.cos(askew) - SIDE_MARGIN_M
    outside = np.maximum(np.maximum(low - wanted, wanted - high), 0.0).max(axis=-1)
    cost = step.sum(axis=-1) + TURN_COST_M * np.abs(turn).sum(axis=-1) + ASKEW_COST_M * abs(askew) + SLIP_COST * outside
    heading = tangent - askew
    tool = middles + _turned_each(side.contact, heading - side.heading)
    return np.where(_reachable(tool).all(axis=-1), cost, FAR_COST_M)


def _turned_each(point: tuple[float, float], angle: Array) -> Array:
    """Return a point (2,) turned by each of the angles (...,) rad: (..., 2)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine * point[0] - sine * point[1], sine * point[0] + cosine * point[1]], axis=-1)


def _curve(start: Array, goal: Array, heading: Array, reach: float, samples: int) -> tuple[Array, Array]:
    """Cubic Bezier curves of the piece's middle (..., samples, 2), and their tangents' angles (..., samples).

    The curve leaves along start's yaw plus `heading`, and arrives along goal's yaw plus `heading`.
    """
    distance = np.linalg.norm(goal[..., :2] - start[..., :2], axis=-1)[..., None]
    leaving, arriving = _axes(start[..., 2] + heading)[0], _axes(goal[..., 2] + heading)[0]
    a, d = start[..., :2], goal[..., :2]
    b, c = a + reach * distance * leaving, d - reach * distance * arriving
    t = np.linspace(0.0, 1.0, samples)[:, None]
    a, b, c, d = (point[..., None, :] for point in (a, b, c, d))
    points = (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
    slope = (1 - t) ** 2 * (b - a) + 2 * (1 - t) * t * (c - b) + t**2 * (d - c)
    return points, np.arctan2(slope[..., 1], slope[..., 0])


def _axes(angle: Array) -> tuple[Array, Array]:
    """Forward and left (..., 2) of a heading (...,)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([cosine, sine], axis=-1), np.stack([-sine, cosine], axis=-1)


def _reachable(tool: Array) -> NDArray[np.bool_]:
    """Whether the tool at (..., 2) is in both cameras' view and within the arm's reach."""
    in_view = (np.abs(tool) < (X_LIMIT_M, Y_LIMIT_M)).all(axis=-1)
    distance = np.hypot(tool[..., 0], tool[..., 1] - ARM_BASE_Y_M)
    return np.asarray(in_view & (distance > ARM_NEAREST_M) & (distance < ARM_REACH_M))


def _planar_transform(x: Array, y: Array, heading: Array) -> Array:
    """transform_tool_to_table (N, 4, 4) of a pusher whose front's middle is at x, y and that pushes along heading."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    forward, left = _axes(heading)
    across, along = np.pad(-left, ((0, 0), (0, 1))), np.pad(forward, ((0, 0), (0, 1)))
    up = np.stack([zero, zero, one], axis=-1)
    place = np.stack([x, y, np.full_like(x, TOOL_HEIGHT_M)], axis=-1)
    return se3.make_transform(np.stack([across, along, up], axis=-1), place)
