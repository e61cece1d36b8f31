"""The rotation task (paper section 4.2): both tools hold the object throughout and turn it by at least 25 degrees."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .grasps import Grasp, find_grasps, outline
from .judge import Verdict
from .objects import load_objects
from .observation import Observation, Touches
from .press import HEIGHT_M, Press, is_reachable, press_motion
from .scene import Placed, Scene, SceneKind, ToolMotion, random_look, scene_kinds

Array = NDArray[np.float64]

PLACE_LOWER_M, PLACE_UPPER_M = (-0.06, -0.02), (0.06, 0.07)
"""Where the object's middle lies: near the table's, a little towards the arms."""
PAD_M = 0.05
"""How high the tools' pads are."""
WIDTH_M = (0.048, 0.125)
"""Between the pads: nearer, two arms have no room; wider, and the tools leave the pictures."""
TURN_RAD = (np.deg2rad(36.0), np.deg2rad(45.0))
EXEMPLARY_RAD = np.deg2rad(30.0)
STRAIGHT_COST, WAY_NOISE = 1.0, 0.05
"""What a radian between the middle of the turn and the table's x axis costs, against chance."""
SEPARATE_RAD = np.deg2rad(12.0)
"""Ways differ by at least so much in where they press."""
MOST_WAYS = 6
SCENE_TRIES = 50


def make(task: Task, seed: int, split: str) -> Scene:
    """Return a scene with one object that can be pressed from both sides.

    Raises DreamitateError where no such scene was found in 50 tries.
    """
    random = np.random.default_rng([seed, 0 if split == "train" else 1, 6700417])
    kinds = load_objects(task.name, "objects", split)
    for _ in range(SCENE_TRIES):
        kind = kinds[random.integers(len(kinds))]
        x, y = random.uniform(PLACE_LOWER_M, PLACE_UPPER_M)
        placed = Placed(kind, "object", float(x), float(y), random.uniform(-np.pi, np.pi))
        scene = Scene(task, seed, split, (placed,), (), random_look(random))
        if _presses(scene):
            return scene
    raise DreamitateError(f"No rotation scene was found for seed {seed} ({split}) in {SCENE_TRIES} tries.")


def ways(scene: Scene) -> list[ToolMotion]:
    """Return the presses that are in reach, best first; gap, squeeze and times vary a little from way to way."""
    motions = []
    for index, press in enumerate(_presses(scene)):
        random = np.random.default_rng([scene.seed, index, 104729])
        motions.append(press_motion(press, scene.task.clip_duration_s, random))
    return motions


def judge(scene: Scene, seen: Observation) -> Verdict:
    """Return the verdict: how far the object turned while both tools held it, and whether they did so throughout."""
    slack_s, slack_rad, least = (
        scene.task.number("success", name) for name in ("slack_s", "slack_rad", "rotation_rad")
    )
    turned, kept = _turn(seen, slack_s, slack_rad)
    position = np.array([scene.objects[0].x, scene.objects[0].y])
    figures = {
        "rotation_rad": turned,
        "contact_kept": float(kept),
        "moved_m": float(np.linalg.norm(seen.position[0, :2] - position)),
    }
    text = (
        f"Turned by {np.rad2deg(turned):.0f} degrees counter-clockwise (at least {np.rad2deg(least):.0f}),"
        f" {'held by both tools throughout' if kept else 'not held by both tools throughout'}."
    )
    return Verdict(kept and turned >= least, figures, text)


def is_exemplary(verdict: Verdict) -> bool:
    """Whether the object was held throughout and turned well beyond what counts."""
    return verdict.success and verdict.figures["rotation_rad"] >= EXEMPLARY_RAD


def _turn(seen: Observation, slack_s: float, slack_rad: float) -> tuple[float, bool]:
    """Return by how much the object turned counter-clockwise since both tools first touched it, in rad, and whether
    both touched it until it was where it is now.

    slack_s: how long contact may break off; slack_rad: what the object may still turn once it is let go.
    """
    times, yaws = _held(seen.touches)
    if not len(times):
        return 0.0, False
    left = np.abs(_wrapped(seen.yaw[0] - yaws))
    turned = float(_wrapped(seen.yaw[0] - yaws[0]))
    if left.min() > slack_rad:
        return turned, False
    arrived = int(np.argmax(left <= slack_rad))
    return turned, bool((np.diff(times[: arrived + 1]) <= slack_s).all())


def _held(touches: Touches) -> tuple[Array, Array]:
    """Return the times (N,) at which every tool touched the object, and its heading (N,) then."""
    both = touches.touching[:, :, 0].all(axis=1)
    return touches.time_s[both], touches.yaw[both, 0]


def _wrapped(angle: Array) -> Array:
    return np.asarray((angle + np.pi) % (2.0 * np.pi) - np.pi)


def _presses(scene: Scene) -> list[Press]:
    """The presses that can be followed, best first, of which no two are alike."""
    random = np.random.default_rng([scene.seed, 15485863])
    found = []
    for grasp in _grasps(scene.objects[0]):
        press = Press(grasp, random.uniform(*TURN_RAD))
        cost = STRAIGHT_COST * abs(grasp.angle_rad + 0.5 * press.turn_rad) + random.uniform(0.0, WAY_NOISE)
        if WIDTH_M[0] <= grasp.width_m <= WIDTH_M[1] and is_reachable(press):
            found.append((cost, press))
    chosen: list[Press] = []
    for _, press in sorted(found, key=lambda each: each[0]):
        apart = [abs(press.grasp.angle_rad - other.grasp.angle_rad) for other in chosen]
        if min(apart, default=np.inf) >= SEPARATE_RAD and len(chosen) < MOST_WAYS:
            chosen.append(press)
    return chosen


def _grasps(placed: Placed) -> list[Grasp]:
    """The object's grasps in the table frame, of directions in [-pi / 2, pi / 2)."""
    turn = np.array([[np.cos(placed.yaw), -np.sin(placed.yaw)], [np.sin(placed.yaw), np.cos(placed.yaw)]])
    corners = outline(placed.kind, HEIGHT_M[1], HEIGHT_M[0] + PAD_M)
    return find_grasps(corners @ turn.T + (placed.x, placed.y))


scene_kinds.register("rotation")(SceneKind(make, ways, judge, is_exemplary))
