"""Search for good pushes: planned by geometry, tried in MuJoCo, aimed anew until the piece ends where it shall."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .demonstrator import Demonstration
from .outline import centre, hull, polygons, symmetry, turned
from .push_route import Push, Side, cheapest_around, find_pushes, push_motion, sides
from .scene import Placed, Scene, ToolMotion

Array = NDArray[np.float64]

TRIED = 5
"""Pushes of each kind, to the goal at once and on the way there, that are tried, the most promising first."""
AIMED = 4
"""How often a push is aimed anew by what it missed."""
CLOSE_M, NEAR_M, GOOD_M, ARM_LENGTH_M = 0.001, 0.003, 0.006, 0.05
"""A miss with which no more is aimed, one with which the shorter push is the better one, as to a person, and one with
which a push to the goal is better than going there by way of another pose; a radian counts as much as this times a
metre."""
BETWEEN = 150
MARGIN_M = 0.12


@dataclass(frozen=True)
class Trial:
    """A push as it was tried. miss_m: by how much the piece missed the pose that the push aims at."""

    push: Push
    motion: ToolMotion
    miss_m: float


def search_pushes(scene: Scene) -> list[ToolMotion]:
    """Return motions by which the scene's first object comes to its goal, or to where it can be pushed there next.

    Best first: the shortest of those that came very near in MuJoCo to what they aim at, then by how near they came;
    where none leads to the goal, those first that lead to where the rest of the way is short.
    """
    random = np.random.default_rng([scene.seed, 15485863])
    piece = scene.objects[0]
    middle = np.array(centre(piece.kind))
    hand = Demonstration(scene)
    found = sides(hull(piece.kind), middle)
    start, goals = pose_of(piece), equal_goals(scene)
    grip = _grip(piece, middle)
    pushes = find_pushes(found, grip, start, goals, _between(start, goals[0], random), random)
    at_once = [_tried(hand, found, push, start, random) for push in [p for p in pushes if p.last][:TRIED]]
    good = sorted((trial for trial in at_once if trial.miss_m < GOOD_M), key=by_length_where_near)
    near_by = np.random.default_rng([scene.seed, 86028121])
    promising = [push for push in pushes if not push.last][:TRIED]
    if not good:
        promising = [cheapest_around(found, grip, start, goals, push, near_by) for push in promising]
    on_the_way = [_tried(hand, found, push, start, random) for push in promising]
    poor = sorted((trial for trial in at_once if trial.miss_m >= GOOD_M), key=lambda trial: trial.miss_m)
    on_the_way.sort(key=lambda trial: trial.push.cost + trial.miss_m)
    return [trial.motion for trial in (*good, *on_the_way, *poor)]


def by_length_where_near(trial: Trial) -> tuple[bool, float]:
    """Return what orders pushes to a goal, the best lowest: those that came near by their cost in metres, and after
    them the others by how much they missed."""
    is_near = trial.miss_m < NEAR_M
    return not is_near, trial.push.cost if is_near else trial.miss_m


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


def _tried(hand: Demonstration, found: list[Side], push: Push, start: Array, random: np.random.Generator) -> Trial:
    """Push, look by how much the piece missed, push again so much further; return the best of it."""
    aim = wanted = np.array(push.aim)
    state = random.bit_generator.state
    trials: list[Trial] = []
    for _ in range(AIMED if push.last else 1):
        random.bit_generator.state = state  # the same gap and pace each time
        again = replace(push, aim=(float(aim[0]), float(aim[1]), float(aim[2])))
        motion = push_motion(found[push.side], again, start, hand.scene.task.clip_duration_s, random)
        ended = pose_of(hand.scene.as_seen(hand.follow(motion).seen).objects[0])
        off = wanted - ended
        off[2] = (off[2] + np.pi) % (2.0 * np.pi) - np.pi
        trials.append(Trial(push, motion, float(np.linalg.norm(off * (1.0, 1.0, ARM_LENGTH_M)))))
        if trials[-1].miss_m < CLOSE_M:
            break
        aim = aim + off
    return min(trials, key=lambda trial: trial.miss_m)


def _grip(placed: Placed, middle: Array) -> float:
    """The mean distance in metres of where the piece stands from its middle: friction resists turning that far out."""
    return float(np.linalg.norm(np.concatenate(polygons(placed.kind)) - middle, axis=1).mean())


def _between(start: Array, goal: Array, random: np.random.Generator) -> Array:
    """Poses (N, 3) around start and goal."""
    low, high = np.minimum(start, goal), np.maximum(start, goal)
    margin = np.array([MARGIN_M, MARGIN_M, 0.5])
    return np.asarray(random.uniform(low - margin, high + margin, (BETWEEN, 3)))
