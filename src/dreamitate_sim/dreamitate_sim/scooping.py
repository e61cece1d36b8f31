"""The scooping task (paper section 4.3): any bead out of the full bowl in the empty one."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .judge import Verdict
from .objects import ObjectKind, load_objects
from .observation import Observation
from .scene import Placed, Scene, SceneKind, ToolMotion, random_look, scene_kinds
from .scoop_path import Basin, Knots, find_paths, scoop_motion
from .settle import settled

Array = NDArray[np.float64]

X_LIMIT_M, Y_LIMITS_M = 0.20, (-0.10, 0.10)
"""Where the bowls' middles are."""
BOWLS_APART_M = (0.155, 0.215)
LINE_LIMIT_RAD = float(np.deg2rad(40.0))
"""The line between the bowls lies this far from the table's x axis at most."""
DISTRACTORS = {"train": 1, "test": 5}
DISTRACTOR_LIMITS_M = (0.32, 0.23)
CLEARANCE_M = 0.015
FEWEST_BEADS, MOST_BEADS = 40, 70
FILLED, PACKED = 0.55, 0.6
"""How high a full bowl is filled, as a share of its height, and how much of that volume is beads."""
TOUCHED_M = 0.003
EXEMPLARY_BEADS = 4
MOST_WAYS = 8
SCENE_TRIES, PLACE_TRIES = 200, 300


def make(task: Task, seed: int, split: str) -> Scene:
    """Return a scene whose beads lie at rest in the full bowl, and which has a way that an arm can follow.

    Raises DreamitateError where no such scene was found in 200 tries.
    """
    random = np.random.default_rng([seed, 0 if split == "train" else 1, 7927])
    least = {"bowls": 2, "beads": 1, "distractors": DISTRACTORS.get(split, 0)}
    kinds = {role: load_objects(task.name, role, split, count) for role, count in least.items()}
    for _ in range(SCENE_TRIES):
        scene = _try_scene(task, seed, split, kinds, random)
        if scene is not None and _paths(scene):
            return settled(scene, "bead")
    raise DreamitateError(f"No scooping scene was found for seed {seed} ({split}) in {SCENE_TRIES} tries.")


def ways(scene: Scene) -> list[ToolMotion]:
    """Return the motions that an arm can follow by geometry, best first."""
    return [scoop_motion(path, scene.task.clip_duration_s) for path in _paths(scene)[:MOST_WAYS]]


def judge(scene: Scene, seen: Observation) -> Verdict:
    """Return the verdict on the objects as they are now.

    A bead is in a bowl where its middle is within the bowl's wall, wherever that has got to, and below its rim; the
    scoop's cup keeps above the rim when it is tipped.
    """
    positions = seen.position
    roles = np.array([placed.role for placed in scene.objects])
    start = np.array([[placed.x, placed.y] for placed in scene.objects])
    moved = np.linalg.norm(positions[:, :2] - start, axis=1)
    beads = positions[roles == "bead"]
    inside, kept = (
        _inside(beads, placed.kind, positions[index])
        for role in ("empty_bowl", "full_bowl")
        for index, placed in enumerate(scene.objects)
        if placed.role == role
    )
    spilled = ~inside & ~kept & (beads[:, 2] < min(bowl.kind.height for bowl in _bowls(scene)))
    touched = moved[roles == "distractor"] > TOUCHED_M
    figures = {
        "beads_in_bowl": float(inside.sum()),
        "beads_spilled": float(spilled.sum()),
        "obstacles_touched": float(touched.sum()),
        "bowls_moved_m": float(moved[np.isin(roles, ("empty_bowl", "full_bowl"))].max()),
    }
    text = (
        f"{inside.sum()} of {len(beads)} beads in the empty bowl, {spilled.sum()} spilled,"
        f" {touched.sum()} of {len(touched)} obstacles moved."
    )
    return Verdict(bool(inside.sum() >= scene.task.number("success", "beads")), figures, text)


def is_exemplary(verdict: Verdict) -> bool:
    """Whether several beads were brought over, few were spilled, and neither a bowl nor an obstacle was moved."""
    figures = verdict.figures
    return (
        figures["beads_in_bowl"] >= EXEMPLARY_BEADS
        and figures["beads_spilled"] <= figures["beads_in_bowl"] / 3.0
        and figures["obstacles_touched"] == 0.0
        and figures["bowls_moved_m"] <= TOUCHED_M
    )


def _inside(beads: Array, bowl: ObjectKind, middle: Array) -> NDArray[np.bool_]:
    """Which beads (n, 3) are in the bowl whose middle is at (3,): within its wall, which leans outwards, at their
    height, and below its rim."""
    below, above, _, height = bowl.parts[0].size
    rise = (beads[:, 2] - middle[2]) / height + 0.5
    wall_radius = (below + (above - below) * np.clip(rise, 0.0, 1.0)) / 2.0
    within = np.linalg.norm(beads[:, :2] - middle[:2], axis=1) < wall_radius
    return np.asarray(within & (rise < 1.0))


def _bowls(scene: Scene) -> tuple[Placed, Placed]:
    """The full and the empty one."""
    return scene.with_role("full_bowl")[0], scene.with_role("empty_bowl")[0]


def _paths(scene: Scene) -> list[Knots]:
    full, empty = (_basin(bowl) for bowl in _bowls(scene))
    return find_paths(full, empty, np.random.default_rng([scene.seed, 15485867]))


def _basin(bowl: Placed) -> Basin:
    below, above, thickness, height = bowl.kind.parts[0].size
    return Basin(
        middle=np.array([bowl.x, bowl.y]),
        floor=thickness,
        rim=height,
        floor_radius=below / 2.0 - thickness,
        rim_radius=above / 2.0 - thickness,
    )


def _try_scene(
    task: Task, seed: int, split: str, kinds: dict[str, list[ObjectKind]], random: np.random.Generator
) -> Scene | None:
    """A random scene with the beads above the full bowl, or None where something found no room."""
    full_kind, empty_kind = (kinds["bowls"][k] for k in random.choice(len(kinds["bowls"]), 2, replace=False))
    apart = random.uniform(*BOWLS_APART_M)
    line = random.uniform(-LINE_LIMIT_RAD, LINE_LIMIT_RAD) + (np.pi if random.random() < 0.5 else 0.0)
    half = 0.5 * apart * np.array([np.cos(line), np.sin(line)])
    between = random.uniform((-X_LIMIT_M, Y_LIMITS_M[0]), (X_LIMIT_M, Y_LIMITS_M[1]))
    bowls = []
    for kind, role, middle in ((full_kind, "full_bowl", between - half), (empty_kind, "empty_bowl", between + half)):
        if abs(middle[0]) > X_LIMIT_M or not Y_LIMITS_M[0] <= middle[1] <= Y_LIMITS_M[1]:
            return None
        bowls.append(Placed(kind, role, float(middle[0]), float(middle[1]), random.uniform(-np.pi, np.pi)))
    if apart < full_kind.radius + empty_kind.radius + CLEARANCE_M:
        return None
    objects = [*bowls]
    for index in random.choice(len(kinds["distractors"]), DISTRACTORS[split], replace=False):
        kind = kinds["distractors"][index]
        spot = _free_spot(random, objects, kind.radius)
        if spot is None:
            return None
        objects.append(Placed(kind, "distractor", *spot, random.uniform(-np.pi, np.pi)))
    bead = kinds["beads"][random.integers(len(kinds["beads"]))]
    objects += _stacked(bowls[0], bead, random)
    return Scene(task, seed, split, tuple(objects), (), random_look(random))


def _free_spot(random: np.random.Generator, taken: list[Placed], radius: float) -> tuple[float, float] | None:
    """A spot (x, y) that keeps clear of everything that stands there."""
    for _ in range(PLACE_TRIES):
        x, y = random.uniform(-np.array(DISTRACTOR_LIMITS_M), DISTRACTOR_LIMITS_M)
        if all(np.hypot(x - one.x, y - one.y) > one.kind.radius + radius + CLEARANCE_M for one in taken):
            return float(x), float(y)
    return None


def _stacked(bowl: Placed, bead: ObjectKind, random: np.random.Generator) -> list[Placed]:
    """As many beads as fill the bowl, in layers above its floor, from which they fall into place."""
    basin = _basin(bowl)
    filled = FILLED * basin.rim
    mean_radius = basin.floor_radius + FILLED / 2.0 * (basin.rim_radius - basin.floor_radius)
    beads = PACKED * np.pi * mean_radius**2 * filled / (4.0 / 3.0 * np.pi * bead.radius**3)
    count = int(np.clip(round(beads), FEWEST_BEADS, MOST_BEADS))
    pitch = 2.0 * bead.radius + 0.0006
    rows = np.arange(-6, 7)
    grid = np.array([((i + 0.5 * (j % 2)) * pitch, j * 0.87 * pitch) for i in rows for j in rows])
    layer = grid[np.hypot(*grid.T) < basin.floor_radius - bead.radius]
    spots = []
    for index in range(count):
        shift = random.uniform(-0.0002, 0.0002, 2)
        x, y = layer[index % len(layer)] + shift + (bowl.x, bowl.y)
        z = basin.floor + 0.0005 + pitch * (index // len(layer))
        spots.append(Placed(bead, "bead", float(x), float(y), 0.0, float(z)))
    return spots


scene_kinds.register("scooping")(SceneKind(make, ways, judge, is_exemplary))
