"""Search for good pushes: planned by geometry, tried in MuJoCo, aimed anew until the piece ends where it shall."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .demonstrator import Demonstration, Sweep
from .outline import centre, hull, polygons, symmetry, turned
from .push_route import Push, Side, find_pushes, push_motion, sides
from .scene import Placed, Scene, ToolMotion

Array = NDArray[np.float64]

TRIED = 4
"""Pushes that are tried, the most promising first."""
AIMED = 3
"""How often a push is aimed anew by what it missed."""
CLOSE_M, ARM_LENGTH_M = 0.0015, 0.05
"""A push that misses by less is good; a radian counts as much as this times a metre."""
BETWEEN = 150
MARGIN_M = 0.12


def search_pushes(scene: Scene) -> list[ToolMotion]:
    """Return motions by which the scene's first object comes to its goal, or to where it can be pushed there next.

    Best first, by how near they came in MuJoCo to what they aim at.
    """
    random = np.random.default_rng([scene.seed, 15485863])
    piece = scene.objects[0]
    middle = np.array(centre(piece.kind))
    hand = Demonstration(scene)
    found = sides(hull(piece.kind), middle)
    start, goals = pose_of(piece), equal_goals(scene)
    pushes = find_pushes(found, _grip(piece, middle), start, goals, _between(start, goals[0], random), random)
    ended = []
    for push in pushes[:TRIED]:
        sweep, miss_m = min(_aimed(hand, found[push.side], push, start, random), key=lambda trial: trial[1])
        ended.append((not push.last, miss_m if push.last else push.cost + miss_m, sweep))
    ended.sort(key=lambda trial: trial[:2])
    return [sweep.motion for *_, sweep in ended]


def pose_of(placed: Placed) -> Array:
    """Return where an object's middle is and how it is turned: (x, y, yaw)."""
    x, y = turned(np.array(centre(placed.kind)), placed.yaw) + (placed.x, placed.y)
    return np.array([x, y, placed.yaw])


def equal_goals(scene: Scene) -> Array:
    """Return the poses (G, 3) that show the goal's silhouette, with yaws within half a turn of the object's."""
    assert scene.goal is not None
    goal, count = pose_of(scene.goal), symmetry(scene.goal.kind)
    poses = np.tile(goal, (count, 1))
    off = goal[2] + 2.0 * np.pi * np.arange(count) / count - scene.objects[0].yaw
    poses[:, 2] = scene.objects[0].yaw + (off + np.pi) % (2.0 * np.pi) - np.pi
    return poses


def _aimed(
    hand: Demonstration, side: Side, push: Push, start: Array, random: np.random.Generator
) -> Iterator[tuple[Sweep, float]]:
    """Push, look by how much the piece missed, push again so much further; yield each push and its miss in metres."""
    aim = wanted = np.array(push.aim)
    state = random.bit_generator.state
    for _ in range(AIMED):
        random.bit_generator.state = state  # the same gap and pace each time
        again = Push(push.side, push.askew, push.reach, (float(aim[0]), float(aim[1]), float(aim[2])), 0.0, push.last)
        sweep = hand.follow(push_motion(side, again, start, hand.scene.task.clip_duration_s, random))
        ended = pose_of(hand.scene.as_seen(sweep.seen).objects[0])
        off = wanted - ended
        off[2] = (off[2] + np.pi) % (2.0 * np.pi) - np.pi
        miss_m = float(np.hypot(np.hypot(*off[:2]), ARM_LENGTH_M * off[2]))
        yield sweep, miss_m
        if miss_m < CLOSE_M or not push.last:
            return
        aim = aim + off


def _grip(placed: Placed, middle: Array) -> float:
    """The mean distance in metres of where the piece stands from its middle: friction resists turning that far out."""
    return float(np.linalg.norm(np.concatenate(polygons(placed.kind)) - middle, axis=1).mean())


def _between(start: Array, goal: Array, random: np.random.Generator) -> Array:
    """Poses (N, 3) around start and goal."""
    low, high = np.minimum(start, goal), np.maximum(start, goal)
    margin = np.array([MARGIN_M, MARGIN_M, 0.5])
    return np.asarray(random.uniform(low - margin, high + margin, (BETWEEN, 3)))
