"""Scenes of the sweeping task and the routes through them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import load_tool
from dreamitate_sim.cloth import cloth_texture
from dreamitate_sim.objects import load_objects
from dreamitate_sim.observation import Observation
from dreamitate_sim.scene import make_scene, scene_kind
from dreamitate_sim.sweep_route import find_routes, planar_transform, sweep_motion

SEEDS = range(1000, 1006)


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("sweeping")


@pytest.mark.parametrize("split", ["train", "test"])
def test_scenes_are_as_in_the_paper(task: Task, split: str) -> None:
    names = {kind.name for role in ("particles", "distractors") for kind in load_objects("sweeping", role, split)}
    for seed in SEEDS:
        scene = make_scene(task, seed, split)
        particles, distractors = scene.with_role("particle"), scene.with_role("distractor")
        assert 2 <= len(particles) <= 4
        assert len({placed.kind.name for placed in particles}) == 1
        assert len({placed.kind.name for placed in distractors}) == 5
        assert {placed.kind.name for placed in scene.objects} <= names
        for index, one in enumerate(scene.objects):
            assert abs(one.x) <= 0.26
            assert abs(one.y) <= 0.20
            for other in scene.objects[:index]:
                assert np.hypot(one.x - other.x, one.y - other.y) > one.kind.radius + other.kind.radius
        star = scene.marks[0]
        assert min(np.hypot(p.x - star.x, p.y - star.y) for p in particles) > 2 * 0.05


@pytest.mark.parametrize("split", ["train", "test"])
def test_light_and_cloth_differ_from_scene_to_scene(split: str) -> None:
    looks = [make_scene(load_task(name), seed, split).look for name in ("sweeping", "push_shape") for seed in range(8)]
    for name in ("light_direction", "light_colour", "ambient", "cloth_seed", "cloth_grey", "wrinkle", "sheen"):
        values = [np.ravel(getattr(look, name))[0] for look in looks]
        assert len(set(values)) == len(values), name
    first, second = (cloth_texture(look) for look in looks[:2])
    assert np.abs(first.astype(float) - second).mean() > 1.0


def test_the_seed_alone_decides(task: Task) -> None:
    assert make_scene(task, 1000, "test") == make_scene(task, 1000, "test")
    assert make_scene(task, 1000, "test") != make_scene(task, 1001, "test")
    assert make_scene(task, 1000, "test").objects != make_scene(task, 1000, "train").objects


def test_unknown_split(task: Task) -> None:
    with pytest.raises(DreamitateError, match="Known: test, train"):
        make_scene(task, 1000, "exam")


def test_judge_tells_success_and_touched_obstacles(task: Task) -> None:
    scene = make_scene(task, 1000, "test")
    judge = scene_kind(load_task("sweeping")).judge
    positions = np.array([[placed.x, placed.y, 0.01] for placed in scene.objects])
    seen = Observation(positions, np.array([placed.yaw for placed in scene.objects]))
    verdict = judge(scene, seen)
    assert not verdict.success
    assert verdict.figures["obstacles_touched"] == 0
    star = scene.marks[0]
    positions[0, :2] = star.x + 0.049, star.y
    positions[-1, 0] += 0.004
    verdict = judge(scene, seen)
    assert verdict.success
    assert verdict.figures["particles_on_star"] == 1
    assert verdict.figures["obstacles_touched"] == 1
    positions[0, 0] = star.x + 0.051
    assert not judge(scene, seen).success


def test_a_free_table_is_swept_straight() -> None:
    particle, star = np.array([[-0.12, 0.05]]), np.array([0.1, -0.02])
    route = find_routes(particle, star, np.zeros((0, 3)), np.random.default_rng(0))[0]
    assert np.ptp(route.heading) < 1e-9
    forward = (star - particle[0]) / np.linalg.norm(star - particle[0])
    np.testing.assert_allclose([np.cos(route.heading[0]), np.sin(route.heading[0])], forward, atol=1e-9)


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_an_obstacle_beside_the_line_is_passed_on_its_far_side(side: float) -> None:
    particle, star = np.array([[-0.15, 0.0]]), np.array([0.16, 0.0])
    obstacle = np.array([[0.0, side * 0.06, 0.03]])
    routes = find_routes(particle, star, obstacle, np.random.default_rng(0))
    assert routes
    for route in routes:
        assert np.sign(route.points[len(route.points) // 2, 1]) == -side


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_the_head_never_comes_near_an_obstacle(seed: int) -> None:
    random = np.random.default_rng(seed)
    particles = random.uniform((-0.2, -0.15), (0.2, 0.15), (2, 2))
    star = random.uniform((-0.2, -0.15), (0.2, 0.15))
    obstacles = np.column_stack([random.uniform((-0.25, -0.2), (0.25, 0.2), (4, 2)), random.uniform(0.02, 0.035, 4)])
    mesh = load_tool("brush").mesh
    head = mesh.vertices[mesh.vertices[:, 2] < 0.033]
    for route in find_routes(particles, star, obstacles, random):
        motion = sweep_motion(route, 3.0, random)
        for transform in motion.transform_tool_to_table[::20]:
            corners = head @ transform[:3, :3].T + transform[:3, 3]
            distance = np.linalg.norm(corners[:, None, :2] - obstacles[None, :, :2], axis=2)
            assert (distance > obstacles[:, 2] + 0.010).all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_a_mirrored_table_has_the_mirrored_routes(seed: int) -> None:
    random = np.random.default_rng(seed)
    particles, star = random.uniform(-0.15, 0.15, (2, 2)), random.uniform(-0.15, 0.15, 2)
    obstacles = np.column_stack([random.uniform(-0.2, 0.2, (3, 2)), random.uniform(0.02, 0.035, 3)])
    flip2, flip3 = np.array([-1.0, 1.0]), np.array([-1.0, 1.0, 1.0])
    costs = [
        [route.cost for route in find_routes(p, s, o, np.random.default_rng(1))]
        for p, s, o in ((particles, star, obstacles), (particles * flip2, star * flip2, obstacles * flip3))
    ]
    np.testing.assert_allclose(costs[0], costs[1], atol=1e-9)


def test_motion_is_smooth_and_rests_at_both_ends() -> None:
    route = find_routes(np.array([[-0.1, 0.0]]), np.array([0.1, 0.05]), np.zeros((0, 3)), np.random.default_rng(0))[0]
    for seed in range(20):
        motion = sweep_motion(route, 3.0, np.random.default_rng(seed))
        assert motion.time_s[-1] == pytest.approx(2.75)
        step = np.linalg.norm(np.diff(motion.transform_tool_to_table[:, :2, 3], axis=0), axis=1) / np.diff(
            motion.time_s
        )
        assert max(step[0], step[-1]) < 0.01
        assert step.max() < 0.35
        assert step.sum() * 0.004 == pytest.approx(route.length_m, rel=0.01)


def test_the_tool_faces_its_heading() -> None:
    transform = planar_transform(np.array([0.1]), np.array([0.2]), np.array([0.3]))[0]
    np.testing.assert_allclose(transform[:3, 1], (np.cos(0.3), np.sin(0.3), 0.0), atol=1e-12)
    np.testing.assert_allclose(transform[:3, 2], (0.0, 0.0, 1.0), atol=1e-12)
    assert np.linalg.det(transform[:3, :3]) == pytest.approx(1.0)
