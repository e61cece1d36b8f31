"""Ways to sweep a particle to the star: paths of the brush around the obstacles, as direct as they allow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .scene import ToolMotion

Array = NDArray[np.float64]

HEAD_HALF_WIDTH_M, HEAD_FRONT_M, HEAD_BACK_M = 0.075, 0.0225, -0.036  # the last includes the leaning handle
CLEARANCE_M = 0.012
PARTICLE_CLEARANCE_M = 0.014
HELD_Y_M = 0.004  # where a held particle's centre lies in the tool frame
TOOL_HEIGHT_M = 0.003
GAP_M = (0.045, 0.065)  # from the brush's origin to the particle at the start
_BENDS = [float(np.deg2rad(angle)) for angle in (0, 15, -15, 30, -30, 45, -45, 60, -60)]
BEND_PAIRS = [(first, last) for first in _BENDS for last in _BENDS if first * last <= 0.0]
"""How far to the left of the straight line a path leaves and arrives; no obstacle calls for an S-shaped one."""
TURN_COST_M, BEND_COST_M = 0.06, 0.02
"""What a radian of turning is worth in metres of path, and what a radian of leaving or arriving askew."""
SMALLEST_TURN_RADIUS_M = 0.10
X_LIMIT_M, Y_LIMIT_M = 0.32, 0.25
ARM_BASE_Y_M, ARM_REACH_M = 0.52, 0.82
SAMPLES = 48
WAY_NOISE_M = 0.03


@dataclass(frozen=True)
class Route:
    """A path of the brush. points: (N, 2) metres of its origin on the table, heading: (N,) rad of the tool's y axis
    from the table's x axis, both evenly spaced along the path; run_in_m: the straight part before the particle."""

    particle: int
    points: Array
    heading: Array
    run_in_m: float
    cost: float

    @property
    def length_m(self) -> float:
        """Metres from start to end."""
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).sum())


def find_routes(particles: Array, star: Array, obstacles: Array, random: np.random.Generator) -> list[Route]:
    """Return the clear routes, best first: for each particle at most one straight, one leftward, one rightward.

    particles: (n, 2), star: (2,), obstacles: (m, 3) x, y, radius; metres in the table frame.
    """
    routes: list[Route] = []
    for index in range(len(particles)):
        gap = random.uniform(*GAP_M)
        noise = random.uniform(0.0, WAY_NOISE_M)
        best: dict[int, Route] = {}
        for first, last in BEND_PAIRS:
            side = int(np.sign(first - last))
            limit = best[side].cost if side in best else np.inf
            route = _route(particles, index, star, first, last, gap, noise, limit)
            if route is not None and _is_clear(route, particles, obstacles):
                best[side] = route
        routes += best.values()
    return sorted(routes, key=lambda route: route.cost)


def sweep_motion(route: Route, clip_duration_s: float, random: np.random.Generator) -> ToolMotion:
    """Return the motion along a route from t = 1 to t = 12 of the clip, at rest at both ends."""
    duration = clip_duration_s * 11.0 / 12.0
    time = np.linspace(0.0, duration, 1 + round(duration / 0.004))
    u = time / duration
    u = u + random.uniform(-0.15, 0.15) * np.sin(np.pi * u) ** 2 / np.pi  # a little early or late
    eager = random.uniform(0.3, 0.9)
    progress = eager * (3 * u**2 - 2 * u**3) + (1 - eager) * (10 * u**3 - 15 * u**4 + 6 * u**5)
    along = np.linspace(0.0, 1.0, len(route.points))
    x, y = (np.interp(progress, along, route.points[:, axis]) for axis in (0, 1))
    heading = np.interp(progress, along, route.heading)
    return ToolMotion(time, planar_transform(x, y, heading), f"particle {route.particle}")


def planar_transform(x: Array, y: Array, heading: Array) -> Array:
    """Return transform_tool_to_table (N, 4, 4) of a brush that stands at x, y and sweeps along heading."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    forward = np.stack([np.cos(heading), np.sin(heading), zero], axis=-1)
    across = np.stack([np.sin(heading), -np.cos(heading), zero], axis=-1)
    up = np.stack([zero, zero, one], axis=-1)
    return se3.make_transform(
        np.stack([across, forward, up], axis=-1), np.stack([x, y, np.full_like(x, TOOL_HEIGHT_M)], axis=-1)
    )


def _route(
    particles: Array, index: int, star: Array, first: float, last: float, gap: float, noise: float, limit: float
) -> Route | None:
    """A straight run-in to the particle, then a cubic Bezier curve that leaves it `first` rad to the left of the
    straight line and arrives `last` rad to the left of it; None where it costs `limit` or more, turns too tightly
    or leaves the table."""
    particle = particles[index]
    line = float(np.arctan2(*(star - particle)[::-1]))
    direction_first = np.array([np.cos(line + first), np.sin(line + first)])
    direction_last = np.array([np.cos(line + last), np.sin(line + last)])
    begin, end = particle - HELD_Y_M * direction_first, star - HELD_Y_M * direction_last
    distance_m = float(np.linalg.norm(end - begin))
    askew = BEND_COST_M * (abs(first) + abs(last)) + noise
    if distance_m + TURN_COST_M * abs(first - last) + askew >= limit:
        return None
    reach = 0.38 * distance_m
    t = np.linspace(0.0, 1.0, SAMPLES)[:, None]
    curve = (
        (1 - t) ** 3 * begin
        + 3 * (1 - t) ** 2 * t * (begin + reach * direction_first)
        + 3 * (1 - t) * t**2 * (end - reach * direction_last)
        + t**3 * end
    )
    velocity = np.gradient(curve, axis=0)
    heading = np.unwrap(np.arctan2(velocity[:, 1], velocity[:, 0]))
    step = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    turn = np.abs(np.diff(heading))
    if (turn * SMALLEST_TURN_RADIUS_M > step).any():
        return None
    run_in = gap - HELD_Y_M
    start = begin - run_in * direction_first
    distance = np.concatenate([[0.0, run_in], run_in + np.cumsum(step)])
    even = np.linspace(0.0, distance[-1], SAMPLES)
    points = np.stack([np.interp(even, distance, [start[axis], *curve[:, axis]]) for axis in (0, 1)], axis=-1)
    headings = np.interp(even, distance, [heading[0], *heading])
    if not _is_reachable(points, headings):
        return None
    cost = float(step.sum() + TURN_COST_M * turn.sum()) + askew
    return Route(index, points, headings, run_in, cost) if cost < limit else None


def _is_reachable(points: Array, heading: Array) -> bool:
    """Whether the brush stays in both cameras' view and its mount, behind it, within the arm's reach."""
    mount = points - 0.0587 * np.stack([np.cos(heading), np.sin(heading)], axis=-1)
    in_view = (np.abs(points) < (X_LIMIT_M, Y_LIMIT_M)).all()
    return bool(in_view and (np.hypot(mount[:, 0], mount[:, 1] - ARM_BASE_Y_M) < ARM_REACH_M).all())


def _is_clear(route: Route, particles: Array, obstacles: Array) -> bool:
    """Whether the swept band keeps off the obstacles, and no particle lies where the brush is set down."""
    if (_distance(route.points, route.heading, obstacles[:, :2]) < obstacles[:, 2] + CLEARANCE_M).any():
        return False
    at_start = _distance(route.points[:1], route.heading[:1], particles)[0]
    return bool((at_start > PARTICLE_CLEARANCE_M)[np.arange(len(particles)) != route.particle].all())


def _distance(points: Array, heading: Array, targets: Array) -> Array:
    """Distances (N, m) in metres from the head's rectangle at each pose to targets (m, 2)."""
    offset = targets[None] - points[:, None]
    forward = np.stack([np.cos(heading), np.sin(heading)], axis=-1)[:, None]
    y = (offset * forward).sum(axis=-1)
    x = offset[..., 0] * forward[..., 1] - offset[..., 1] * forward[..., 0]
    outside_x = np.maximum(np.abs(x) - HEAD_HALF_WIDTH_M, 0.0)
    outside_y = np.maximum(np.maximum(y - HEAD_FRONT_M, HEAD_BACK_M - y), 0.0)
    return np.hypot(outside_x, outside_y)
