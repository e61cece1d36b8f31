"""The scooping task: objects as in the paper, beads at rest in a hollow bowl, scooped over by physics, judged."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest

from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import colours_of, load_tool
from dreamitate_sim.demonstrator import Demonstration, Sweep
from dreamitate_sim.gl import mujoco
from dreamitate_sim.judge import Verdict
from dreamitate_sim.objects import ObjectKind, load_objects
from dreamitate_sim.observation import Observation, Witness
from dreamitate_sim.scene import Scene, ToolMotion, make_scene, scene_kind
from dreamitate_sim.scoop_path import scoop_transform
from dreamitate_sim.world import build_world, scene_rig

SEED = 1002
COUNTS = {("bowls", "train"): 17, ("bowls", "test"): 8, ("beads", "train"): 8, ("beads", "test"): 4}
ROLES = ("bowls", "beads", "distractors")
KIND = scene_kind(load_task("scooping"))


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("scooping")


@pytest.fixture(scope="module")
def scene(task: Task) -> Scene:
    return make_scene(task, SEED, "test")


def verdict_on(scene: Scene, positions: np.ndarray) -> Verdict:
    return KIND.judge(scene, Observation(positions, np.zeros(len(positions))))


@pytest.fixture(scope="module")
def positions(scene: Scene) -> np.ndarray:
    """The objects' middles half a second after the scene's start, with nobody there."""
    model = build_world(scene, scene_rig(scene)).compile()
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, nstep=125)
    return Witness(model, data, scene.heights_m, []).observation().position


@pytest.fixture(scope="module")
def done(scene: Scene) -> Sweep:
    return Demonstration(scene).follow(KIND.ways(scene)[0])


def middles(scene: Scene) -> np.ndarray:
    return np.array([[one.x, one.y, one.z + one.kind.height / 2.0] for one in scene.objects])


def of_role(scene: Scene, role: str) -> np.ndarray:
    return np.array([placed.role == role for placed in scene.objects])


def test_the_paper_s_numbers() -> None:
    assert {key: len(load_objects("scooping", *key)) for key in COUNTS} == COUNTS


@pytest.mark.parametrize("role", ROLES)
def test_splits_are_disjoint(role: str) -> None:
    train, test = load_objects("scooping", role, "train"), load_objects("scooping", role, "test")
    assert len({kind.name for kind in train + test}) == len(train) + len(test)

    def looks(kinds: list[ObjectKind]) -> set:
        return {tuple((part.shape, part.colour) for part in kind.parts) for kind in kinds}

    def shapes(kinds: list[ObjectKind]) -> set:
        return {tuple((part.shape, part.size) for part in kind.parts) for kind in kinds}

    assert not looks(train) & looks(test)
    assert not shapes(train) & shapes(test)


def test_no_object_has_a_colour_of_the_handle() -> None:
    colours = np.unique(colours_of(load_tool("scoop").mesh).vertex_colors[:, :3], axis=0) / 255.0
    handle = [hue for hue, saturation, value in (colorsys.rgb_to_hsv(*c) for c in colours) if saturation * value > 0.4]
    assert len(handle) == 3
    kinds = [kind for role in ROLES for split in ("train", "test") for kind in load_objects("scooping", role, split)]
    for colour in {part.colour for kind in kinds for part in kind.parts}:
        hue, saturation, value = colorsys.rgb_to_hsv(*(np.array(colour) / 255.0))
        if saturation * value > 0.2:
            assert min(abs((hue - other + 0.5) % 1.0 - 0.5) for other in handle) > 0.06, colour


@pytest.mark.parametrize(("split", "distractors"), [("train", 1), ("test", 5)])
def test_scenes_are_as_in_the_paper(task: Task, split: str, distractors: int) -> None:
    made = make_scene(task, SEED, split)
    names = {kind.name for role in ROLES for kind in load_objects("scooping", role, split)}
    assert {placed.kind.name for placed in made.objects} <= names
    assert len(made.with_role("distractor")) == distractors
    assert len(made.with_role("full_bowl")) == len(made.with_role("empty_bowl")) == 1
    assert 40 <= len(made.with_role("bead")) <= 70
    assert len({placed.kind.name for placed in made.with_role("bead")}) == 1
    standing = [placed for placed in made.objects if placed.role != "bead"]
    for index, one in enumerate(standing):
        for other in standing[:index]:
            assert np.hypot(one.x - other.x, one.y - other.y) > one.kind.radius + other.kind.radius


def test_the_seed_alone_decides(task: Task, scene: Scene) -> None:
    assert make_scene(task, SEED, "test") == scene
    assert make_scene(task, SEED + 1, "test").objects != scene.objects


def test_beads_lie_at_rest_in_the_full_bowl(scene: Scene, positions: np.ndarray) -> None:
    beads = of_role(scene, "bead")
    bowl = scene.with_role("full_bowl")[0]
    at_start = middles(scene)[beads]
    assert (np.linalg.norm(at_start[:, :2] - (bowl.x, bowl.y), axis=1) < bowl.kind.radius).all()
    assert (at_start[:, 2] < bowl.kind.height).all()
    assert np.linalg.norm(positions[beads] - at_start, axis=1).max() < 0.004
    gaps = np.linalg.norm(positions[beads][:, None] - positions[beads][None], axis=2) + np.eye(beads.sum())
    assert gaps.min() > 0.9 * 2.0 * scene.with_role("bead")[0].kind.radius
    assert not verdict_on(scene, positions).success


def test_a_hand_brings_beads_over_by_physics(scene: Scene, done: Sweep) -> None:
    assert done.verdict.success
    assert KIND.is_exemplary(done.verdict)
    assert done.verdict.figures["beads_in_bowl"] >= 4
    assert done.verdict.figures["obstacles_touched"] == 0
    assert done.truth.shape == (1, 12, 4, 4)


def test_a_scoop_in_the_air_brings_nothing(scene: Scene, done: Sweep) -> None:
    above = done.motion.transform_tool_to_table.copy()
    above[:, 2, 3] += 0.06
    verdict = Demonstration(scene).follow(ToolMotion(done.motion.time_s, above, "in the air")).verdict
    assert not verdict.success
    assert verdict.figures["beads_in_bowl"] == 0


def test_ways_differ_start_and_end_at_rest_and_stay_over_the_rim(scene: Scene) -> None:
    motions = KIND.ways(scene)
    assert len(motions) >= 3
    assert len({motion.text for motion in motions}) == len(motions)
    rim = scene.with_role("empty_bowl")[0].kind.height
    for motion in motions:
        lip = motion.transform_tool_to_table[:, :3, 3]
        speed = np.linalg.norm(np.diff(lip, axis=0), axis=1) / np.diff(motion.time_s)
        assert max(speed[0], speed[-1]) < 0.02
        assert speed.max() < 0.8
        assert (lip[motion.time_s > 2.0, 2] > rim + 0.01).all()


def test_heading_and_pitch_of_the_scoop() -> None:
    level = scoop_transform(np.zeros((1, 3)), np.array([0.3]), np.array([0.0]))[0]
    np.testing.assert_allclose(level[:3, 1], (np.cos(0.3), np.sin(0.3), 0.0), atol=1e-12)
    down = scoop_transform(np.zeros((1, 3)), np.array([0.3]), np.array([np.pi / 2]))[0]
    np.testing.assert_allclose(down[:3, 1], (0.0, 0.0, -1.0), atol=1e-12)
    np.testing.assert_allclose(down[:3, 0], level[:3, 0], atol=1e-12)
    assert np.linalg.det(down[:3, :3]) == pytest.approx(1.0)


def test_judge_counts_beads_in_the_bowl_below_its_rim(scene: Scene, positions: np.ndarray) -> None:
    bowl = scene.with_role("empty_bowl")[0]
    first, second = np.flatnonzero(of_role(scene, "bead"))[:2]
    inside = positions.copy()
    inside[first] = bowl.x, bowl.y, bowl.kind.height - 0.001
    assert verdict_on(scene, inside).figures["beads_in_bowl"] == 1
    assert verdict_on(scene, inside).success
    inside[first, 2] = bowl.kind.height + 0.001
    inside[second] = bowl.x, bowl.y + bowl.kind.radius + 0.001, 0.01
    verdict = verdict_on(scene, inside)
    assert not verdict.success
    assert verdict.figures["beads_spilled"] == 1


def test_a_bead_under_the_bowls_leaning_wall_is_not_in_it(scene: Scene, positions: np.ndarray) -> None:
    bowl, bead = scene.with_role("empty_bowl")[0], scene.with_role("bead")[0].kind
    below, above, _, height = bowl.kind.parts[0].size
    slope = (above - below) / 2.0 / height
    outside = below / 2.0 + slope * bead.radius + bead.radius * np.hypot(1.0, slope)  # it touches wall and table
    assert outside < bowl.kind.radius
    positions = positions.copy()
    positions[np.flatnonzero(of_role(scene, "bead"))[0]] = bowl.x + outside, bowl.y, bead.radius
    figures = verdict_on(scene, positions).figures
    assert (figures["beads_in_bowl"], figures["beads_spilled"]) == (0, 1)


def test_judge_tells_touched_obstacles_and_moved_bowls(scene: Scene, positions: np.ndarray) -> None:
    moved = positions.copy()
    moved[np.flatnonzero(of_role(scene, "distractor"))[0], 0] += 0.004
    moved[np.flatnonzero(of_role(scene, "full_bowl"))[0], 0] += 0.002
    figures = verdict_on(scene, moved).figures
    assert figures["obstacles_touched"] == 1
    assert figures["bowls_moved_m"] == pytest.approx(0.002, abs=5e-4)
    good = replace(verdict_on(scene, moved), figures={**figures, "beads_in_bowl": 6.0, "obstacles_touched": 0.0})
    assert KIND.is_exemplary(good)
    assert not KIND.is_exemplary(replace(good, figures={**good.figures, "bowls_moved_m": 0.004}))
    assert not KIND.is_exemplary(replace(good, figures={**good.figures, "obstacles_touched": 1.0}))
