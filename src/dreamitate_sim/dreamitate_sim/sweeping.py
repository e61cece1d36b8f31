"""The sweeping task (paper section 4.4): any particle within 50 mm of the star."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .judge import Verdict
from .objects import ObjectKind, load_objects
from .observation import Observation
from .scene import Mark, Placed, Scene, SceneKind, ToolMotion, random_look, scene_kinds
from .sweep_route import Route, find_routes, sweep_motion

Array = NDArray[np.float64]

X_LIMIT_M, Y_LIMIT_M = 0.26, 0.20
DISTRACTORS = 5
STAR_COLOUR = (255, 225, 40)
TOUCHED_M = 0.003
EXEMPLARY_M = 0.025
SHORTEST_SWEEP_M, LONGEST_SWEEP_M = 0.12, 0.32
SCENE_TRIES, PLACE_TRIES = 200, 300


def make(task: Task, seed: int, split: str) -> Scene:
    """Return a scene in which at least one particle has a clear way to the star.

    Raises DreamitateError where no such scene was found in 200 tries.
    """
    random = np.random.default_rng([seed, 0 if split == "train" else 1, 7919])
    particles = load_objects(task.name, "particles", split)
    distractors = load_objects(task.name, "distractors", split, least=DISTRACTORS)
    for _ in range(SCENE_TRIES):
        scene = _try_scene(task, seed, split, particles, distractors, random)
        if scene is not None and _routes(scene):
            return scene
    raise DreamitateError(f"No clear sweeping scene was found for seed {seed} ({split}) in {SCENE_TRIES} tries.")


def ways(scene: Scene) -> list[ToolMotion]:
    """Return the sweeps that are clear by geometry, best first; gap and speed vary a little from way to way."""
    motions = []
    for index, route in enumerate(_routes(scene)):
        random = np.random.default_rng([scene.seed, index, 104729])
        motions.append(sweep_motion(route, scene.task.clip_duration_s, random))
    return motions


def judge(scene: Scene, seen: Observation) -> Verdict:
    """Return the verdict on where the objects are."""
    radius = scene.task.number("success", "radius_m")
    star = np.array([scene.marks[0].x, scene.marks[0].y])
    start = np.array([[placed.x, placed.y] for placed in scene.objects])
    is_particle = np.array([placed.role == "particle" for placed in scene.objects])
    distance = np.linalg.norm(seen.position[is_particle, :2] - star, axis=1)
    moved = np.linalg.norm(seen.position[~is_particle, :2] - start[~is_particle], axis=1)
    figures = {
        "closest_particle_m": float(distance.min()),
        "particles_on_star": float((distance <= radius).sum()),
        "obstacles_touched": float((moved > TOUCHED_M).sum()),
        "obstacles_moved_m": float(moved.max(initial=0.0)),
    }
    success = bool(distance.min() <= radius)
    inside, touched = int((distance <= radius).sum()), int((moved > TOUCHED_M).sum())
    text = (
        f"{inside} of {len(distance)} particles within {radius * 1e3:.0f} mm of the star"
        f" (closest {distance.min() * 1e3:.0f} mm), {touched} of {len(moved)} obstacles moved."
    )
    return Verdict(success, figures, text)


def is_exemplary(verdict: Verdict) -> bool:
    """Whether a particle came well within the star's radius and no obstacle was moved."""
    return verdict.figures["closest_particle_m"] <= EXEMPLARY_M and verdict.figures["obstacles_touched"] == 0.0


def _routes(scene: Scene) -> list[Route]:
    star = np.array([scene.marks[0].x, scene.marks[0].y])
    particles = np.array([[placed.x, placed.y] for placed in scene.with_role("particle")])
    distractors = scene.with_role("distractor")
    obstacles = np.array([[placed.x, placed.y, placed.kind.radius] for placed in distractors])
    return find_routes(particles, star, obstacles, np.random.default_rng([scene.seed, 15485863]))


def _try_scene(
    task: Task,
    seed: int,
    split: str,
    particle_kinds: list[ObjectKind],
    distractor_kinds: list[ObjectKind],
    random: np.random.Generator,
) -> Scene | None:
    """A random scene, or None where something found no room."""
    star = np.array([random.uniform(-0.20, 0.20), random.uniform(-0.15, 0.15)])
    taken = [np.array([*star, 0.055])]
    objects: list[Placed] = []
    particle_kind = particle_kinds[random.integers(len(particle_kinds))]
    for _ in range(random.integers(2, 5)):
        spot = _free_spot(random, taken, 0.012, star)
        if spot is None:
            return None
        taken.append(np.array([*spot, 0.012]))
        objects.append(Placed(particle_kind, "particle", *spot, random.uniform(-np.pi, np.pi)))
    for index in random.choice(len(distractor_kinds), DISTRACTORS, replace=False):
        kind = distractor_kinds[index]
        spot = _free_spot(random, taken, kind.radius, None)
        if spot is None:
            return None
        taken.append(np.array([*spot, kind.radius]))
        objects.append(Placed(kind, "distractor", *spot, random.uniform(-np.pi, np.pi)))
    mark = Mark(
        float(star[0]), float(star[1]), random.uniform(-np.pi, np.pi), random.uniform(0.032, 0.038), STAR_COLOUR
    )
    return Scene(task, seed, split, tuple(objects), (mark,), random_look(random))


def _free_spot(
    random: np.random.Generator, taken: list[Array], radius: float, star: Array | None
) -> tuple[float, float] | None:
    """A spot (x, y) that keeps 15 mm from everything taken; with a star: at a distance from it that can be swept."""
    circles = np.array(taken)
    for _ in range(PLACE_TRIES):
        spot = random.uniform((-X_LIMIT_M, -Y_LIMIT_M), (X_LIMIT_M, Y_LIMIT_M))
        if star is not None and not SHORTEST_SWEEP_M < np.linalg.norm(spot - star) < LONGEST_SWEEP_M:
            continue
        if (np.linalg.norm(circles[:, :2] - spot, axis=1) > circles[:, 2] + radius + 0.015).all():
            return float(spot[0]), float(spot[1])
    return None


scene_kinds.register("sweeping")(SceneKind(make, ways, judge, is_exemplary))
