"""The push-shape task (paper section 4.5): a foam piece at its goal, by its turn and the overlap that camera 1 sees."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.task import Task

from .judge import Verdict
from .objects import load_objects
from .observation import Observation
from .outline import symmetry
from .push_search import search_pushes
from .scene import Placed, Scene, SceneKind, ToolMotion, random_look, scene_kinds
from .silhouette import overlap, silhouette
from .world import scene_rig

Array = NDArray[np.float64]

X_LIMIT_M, Y_LIMIT_M = 0.19, 0.12
SHORTEST_PUSH_M, LONGEST_PUSH_M, LARGEST_TURN_RAD = 0.08, 0.20, 1.05
NEAR_SHARE, SHORTEST_NEAR_M = 0.5, 0.004
"""The share of training scenes that begin nearer to the goal than trials do, and how near: later attempts begin where a
push has ended."""
NEAR_TURN_RAD_M, LARGEST_NEAR_TURN_RAD = 7.0, 0.35
"""How far half of those are turned at most, for one push turns a piece little on a short way: radians per metre of way,
radians. The others are turned as far as trials are, which takes two pushes."""
MOVED_M = 0.002


def make(task: Task, seed: int, split: str) -> Scene:
    """Return a scene with one piece at a random place, and its goal a push or two away; to learn from, also nearer.

    In trials the pieces take turns, so that each comes equally often (paper: 8 shapes, 32 trials).
    """
    random = np.random.default_rng([seed, 0 if split == "train" else 1, 6700417])
    near = split == "train" and np.random.default_rng([seed, 2, 6700417]).random() < NEAR_SHARE
    pieces = load_objects(task.name, "pieces", split)
    drawn = random.integers(len(pieces))
    kind = pieces[drawn if split == "train" else seed % len(pieces)]
    start, goal, largest_turn = _start_and_goal_near(random) if near else _start_and_goal(random)
    yaw = random.uniform(-np.pi, np.pi)
    piece = Placed(kind, "piece", float(start[0]), float(start[1]), yaw)
    turn = random.uniform(-largest_turn, largest_turn)
    place = Placed(kind, "goal", float(goal[0]), float(goal[1]), yaw + turn)
    return Scene(task, seed, split, (piece,), (), random_look(random), place)


def _start_and_goal(random: np.random.Generator) -> tuple[Array, Array, float]:
    """Return where a piece's frame is first and shall be (2,), metres, and by how much it may have to turn, rad."""
    start, goal = (random.uniform((-X_LIMIT_M, -Y_LIMIT_M), (X_LIMIT_M, Y_LIMIT_M)) for _ in range(2))
    while not SHORTEST_PUSH_M < np.linalg.norm(goal - start) < LONGEST_PUSH_M:
        goal = random.uniform((-X_LIMIT_M, -Y_LIMIT_M), (X_LIMIT_M, Y_LIMIT_M))
    return start, goal, LARGEST_TURN_RAD


def _start_and_goal_near(random: np.random.Generator) -> tuple[Array, Array, float]:
    """Return the same of a piece that lies near its goal, all distances alike often."""
    limit = np.array([X_LIMIT_M, Y_LIMIT_M])
    start = random.uniform(-limit, limit)
    while True:
        distance, angle = random.uniform(SHORTEST_NEAR_M, SHORTEST_PUSH_M), random.uniform(-np.pi, np.pi)
        goal = start + distance * np.array([np.cos(angle), np.sin(angle)])
        if (np.abs(goal) < limit).all():
            break
    once = min(LARGEST_NEAR_TURN_RAD, NEAR_TURN_RAD_M * distance)
    return start, goal, once if random.random() < 0.5 else LARGEST_TURN_RAD


def ways(scene: Scene) -> list[ToolMotion]:
    """Return pushes that physics has tried, best first."""
    return search_pushes(scene)


def judge(scene: Scene, seen: Observation) -> Verdict:
    """Return the verdict: the overlap of the silhouettes that camera 1 sees, without arm or tool, and the turn that is
    missing, from the true pose; for a piece that looks the same after some turns, the smallest. Both of how it lay at
    first, too: what a policy that does nothing gets."""
    start, piece = scene.objects[0], scene.as_seen(seen).objects[0]
    (iou, turn), (iou_before, turn_before) = _how_well(scene, piece), _how_well(scene, start)
    moved = float(np.hypot(piece.x - start.x, piece.y - start.y))
    figures = {"iou": iou, "rotation_error_rad": turn, "moved_m": moved}
    figures |= {"iou_at_first": iou_before, "rotation_error_at_first_rad": turn_before}
    least, most = (scene.task.number("success", name) for name in ("iou", "rotation_rad"))
    success = iou >= least and turn <= most
    text = (
        f"IoU with the goal {iou:.2f} (at least {least:.2f}), {np.degrees(turn):.1f} degrees off"
        f" (at most {np.degrees(most):.0f})."
    )
    return Verdict(bool(success), figures, text)


def _how_well(scene: Scene, piece: Placed) -> tuple[float, float]:
    """Return the overlap with the goal, 0..1, and the smallest turn that is missing, rad."""
    assert scene.goal is not None
    rig = scene_rig(scene).cropped_and_resized(*scene.task.dream_size)
    alike = 2.0 * np.pi / symmetry(piece.kind)
    turn = abs((piece.yaw - scene.goal.yaw + alike / 2.0) % alike - alike / 2.0)
    return overlap(silhouette(piece, rig, rig.camera_1), silhouette(scene.goal, rig, rig.camera_1)), float(turn)


def is_exemplary(verdict: Verdict) -> bool:
    """Whether the piece was moved at all: where it ends is a demonstration's goal."""
    return verdict.figures["moved_m"] > MOVED_M


scene_kinds.register("push_shape")(SceneKind(make, ways, judge, is_exemplary))
