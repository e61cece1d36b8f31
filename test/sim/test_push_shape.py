"""The push-shape task: its pieces, what a judge sees of them, and pushes that physics has tried."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest

from dreamitate_core.arms import load_arms
from dreamitate_core.clip import Clip
from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import colours_of, load_tool
from dreamitate_sim.demonstrations import demonstration
from dreamitate_sim.demonstrator import Demonstration, Sweep
from dreamitate_sim.gl import mujoco
from dreamitate_sim.objects import ObjectKind, load_objects
from dreamitate_sim.outline import hull, symmetry
from dreamitate_sim.push_route import Push, cheapest_around, find_pushes, push_motion, sides
from dreamitate_sim.push_search import Trial, by_length_where_near, equal_goals
from dreamitate_sim.renderer import Renderer
from dreamitate_sim.scene import Placed, Scene, ToolMotion, make_scene, scene_kind
from dreamitate_sim.silhouette import goal_masks, overlap, silhouette
from dreamitate_sim.table_simulation import TableSimulation
from dreamitate_sim.world import build_world, scene_rig

SEED, FAR_SEED = 1003, 1001
"""A scene in which one push reaches the goal, and one in which none does."""
TWO_PUSHES_SEED = 2
"""A scene to learn from in which it takes two."""


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("push_shape")


@pytest.fixture(scope="module")
def scene(task: Task) -> Scene:
    return make_scene(task, SEED, "test")


@pytest.fixture(scope="module")
def best(scene: Scene) -> Sweep:
    return next(Demonstration(scene).successes())


@pytest.fixture(scope="module")
def kinds() -> dict[str, dict[str, ObjectKind]]:
    return {split: {k.name: k for k in load_objects("push_shape", "pieces", split)} for split in ("train", "test")}


def test_letters_to_train_digits_and_polygons_to_test(kinds: dict[str, dict[str, ObjectKind]]) -> None:
    assert sorted(kinds["train"]) == [chr(letter) for letter in range(ord("A"), ord("Z") + 1)]
    assert len(kinds["test"]) == 8
    assert not set(kinds["train"]) & set(kinds["test"])
    assert not {kind.parts for kind in kinds["train"].values()} & {kind.parts for kind in kinds["test"].values()}


def test_pieces_are_as_large_as_said_and_have_no_colour_of_the_pusher(kinds: dict[str, dict[str, ObjectKind]]) -> None:
    tool = np.unique(colours_of(load_tool("pusher").mesh).vertex_colors[:, :3], axis=0) / 255.0
    hues = [colorsys.rgb_to_hsv(*colour)[0] for colour in tool]
    assert len(hues) == 3
    for kind in (*kinds["train"].values(), *kinds["test"].values()):
        corners = hull(kind)
        size_m = np.linalg.norm(corners[:, None] - corners[None], axis=-1).max()
        assert 0.09 <= size_m <= 0.141, kind.name
        assert kind.height == pytest.approx(0.025)
        for part in kind.parts:
            hue, saturation, value = colorsys.rgb_to_hsv(*(np.array(part.colour) / 255.0))
            if saturation * value > 0.2:
                assert min(abs((hue - other + 0.5) % 1.0 - 0.5) for other in hues) > 0.06, kind.name


@pytest.mark.parametrize(("name", "count"), [("L", 1), ("Z", 2), ("triangle", 3), ("square", 4), ("hexagon", 6)])
def test_symmetry(kinds: dict[str, dict[str, ObjectKind]], name: str, count: int) -> None:
    assert symmetry({**kinds["train"], **kinds["test"]}[name]) == count


def test_each_piece_comes_equally_often_in_trials(task: Task, kinds: dict[str, dict[str, ObjectKind]]) -> None:
    met = [make_scene(task, seed, "test").objects[0].kind.name for seed in range(32)]
    assert {name: met.count(name) for name in kinds["test"]} == dict.fromkeys(kinds["test"], 4)


def test_half_of_the_scenes_to_learn_from_and_none_to_test_begin_near_the_goal(task: Task) -> None:
    far = {}
    for split in ("train", "test"):
        scenes = [make_scene(task, seed, split) for seed in range(200)]
        pairs = [(scene.objects[0], scene.goal) for scene in scenes if scene.goal is not None]
        far[split] = np.array([np.hypot(goal.x - piece.x, goal.y - piece.y) for piece, goal in pairs])
        assert len(far[split]) == 200
        assert far[split].max() < 0.2
    assert 60 < (far["train"] < 0.08).sum() < 140
    assert 0.004 < far["train"].min() < 0.012
    assert (far["train"] < 0.02).sum() > 8
    assert far["test"].min() > 0.08


def test_the_silhouette_is_what_a_camera_sees(scene: Scene) -> None:
    rig = scene_rig(scene)
    model = build_world(scene, rig).compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, rig) as renderer:
        for index, camera in enumerate(rig.cropped_and_resized(768, 448).cameras, start=1):
            body = model.geom_bodyid[renderer.geoms(data, index, 768, 448)]
            seen = np.where(body == model.body("object_0").id, 255, 0).astype(np.uint8)
            assert overlap(seen, silhouette(scene.objects[0], rig, camera)) > 0.97


def lying_at(scene: Scene, x: float, y: float, yaw: float) -> dict[str, float]:
    """What the judge says of the piece at a place, with the tool far away."""
    away = np.tile(np.eye(4), (2, 1, 1))
    away[:, 2, 3] = 0.5
    there = replace(scene, objects=(replace(scene.objects[0], x=x, y=y, yaw=yaw),))
    sweep = Demonstration(there).follow(ToolMotion(np.array([0.0, 2.0]), away, "away"))
    return sweep.verdict.figures


def test_the_judge_counts_overlap_and_turn(scene: Scene) -> None:
    assert scene.goal is not None
    goal = scene.goal
    there = lying_at(scene, goal.x, goal.y, goal.yaw)
    assert there["iou"] > 0.99
    assert there["rotation_error_rad"] == pytest.approx(0.0, abs=1e-3)
    assert 0.7 < lying_at(scene, goal.x + 0.004, goal.y, goal.yaw)["iou"] < 0.95
    assert lying_at(scene, goal.x, goal.y, goal.yaw - 0.5)["rotation_error_rad"] == pytest.approx(0.5, abs=1e-3)
    assert lying_at(scene, goal.x, goal.y + 0.2, goal.yaw)["iou"] == 0.0


def test_the_judge_says_how_the_piece_lay_at_first(scene: Scene, best: Sweep) -> None:
    start = scene.objects[0]
    untouched, pushed = lying_at(scene, start.x, start.y, start.yaw), best.verdict.figures
    assert pushed["iou_at_first"] == pytest.approx(untouched["iou"], abs=1e-3)
    assert pushed["iou_at_first"] < pushed["iou"]
    first = pushed["rotation_error_at_first_rad"]
    assert first == pytest.approx(untouched["rotation_error_rad"], abs=1e-3)
    assert first > pushed["rotation_error_rad"]


def test_goals_that_look_alike_are_equal(task: Task, kinds: dict[str, dict[str, ObjectKind]], scene: Scene) -> None:
    square = kinds["test"]["square"]
    start, goal = Placed(square, "piece", 0.0, 0.0, 0.2), Placed(square, "goal", 0.1, 0.0, 0.2 + np.deg2rad(80.0))
    made = Scene(task, 0, "test", (start,), (), scene.look, goal)
    off = np.sort(np.rad2deg(equal_goals(made)[:, 2] - 0.2))
    np.testing.assert_allclose(off, (-100.0, -10.0, 80.0, 170.0))


def test_physics_takes_the_piece_to_its_goal(scene: Scene, best: Sweep) -> None:
    assert best.verdict.success
    assert best.verdict.figures["iou"] > 0.9
    air = best.motion.transform_tool_to_table.copy()
    air[:, 2, 3] += 0.1
    person = Demonstration(scene)
    assert not person.follow(ToolMotion(best.motion.time_s, air, "in the air")).verdict.success


def test_the_pusher_comes_from_beside_the_piece_and_ends_at_rest(scene: Scene, best: Sweep) -> None:
    np.testing.assert_allclose(best.states[1][:2], best.states[0][:2], atol=1e-4)
    assert np.linalg.norm(best.truth[0, -1, :3, 3] - best.truth[0, -2, :3, 3]) < 0.003
    np.testing.assert_allclose(best.states[-1][:2], best.states[-2][:2], atol=0.003)
    np.testing.assert_allclose(best.truth[0, :, 2, 3], 0.003, atol=1e-9)


def test_there_is_more_than_one_way(scene: Scene, best: Sweep) -> None:
    ways = scene_kind(load_task("push_shape")).ways(scene)
    assert len(ways) >= 3
    assert not np.allclose(ways[0].transform_tool_to_table[0], ways[1].transform_tool_to_table[0])


def test_a_far_turned_goal_is_reached_by_pushes_in_a_row(task: Task) -> None:
    scene, ious = make_scene(task, FAR_SEED, "test"), []
    for _ in range(task.attempts):
        sweep = next(Demonstration(scene).successes())
        ious.append(sweep.verdict.figures["iou"])
        scene = scene.as_seen(sweep.seen)
    assert ious[0] < 0.5
    assert max(ious) > 0.85


@pytest.mark.parametrize("turn", [-0.6, 0.0, 0.6])
def test_a_stable_push_leads_from_pose_to_pose(kinds: dict[str, dict[str, ObjectKind]], turn: float) -> None:
    """The tool keeps its place beside the piece: where the plan begins and ends, it stands at the side as planned."""
    found = sides(hull(kinds["test"]["square"]), np.zeros(2))
    assert len(found) == 4
    start, goal = np.array([-0.1, 0.0, 0.3]), np.array([0.05, 0.02, 0.3 + turn])
    random = np.random.default_rng(0)
    pushes = find_pushes(found, 0.05, start, goal[None], start[None] + 0.05, random)
    first = next(push for push in pushes if push.last)
    side = found[first.side]
    motion = push_motion(side, first, start, 2.0, random)
    end = motion.transform_tool_to_table[-1]
    heading = np.arctan2(end[1, 1], end[0, 1])
    assert (heading - side.heading - goal[2] + np.pi) % (2 * np.pi) - np.pi == pytest.approx(0.0, abs=1e-6)
    ahead = np.array([np.cos(heading), np.sin(heading)])
    assert (goal[:2] - end[:2, 3]) @ ahead == pytest.approx(side.depth, abs=1e-6)


def test_a_demonstration_to_learn_from_shows_where_the_piece_ended(task: Task) -> None:
    clip = demonstration(task, 3, "train", 192, 112)
    assert isinstance(clip, Clip)
    assert clip.goals is not None
    scene = make_scene(task, 3, "train")
    assert scene.goal is not None
    wanted = goal_masks(scene.goal, scene_rig(scene).cropped_and_resized(192, 112))
    assert overlap(clip.goals[0], wanted[0]) == pytest.approx(clip.info["iou"], abs=0.04)
    assert clip.info["iou"] > 0.7
    inside, frame = clip.goals[0] > 0, clip.video.view_1[0]
    np.testing.assert_array_equal(frame, clip.background_1)
    assert frame[inside].mean() > frame[~inside].mean() + 40


def test_a_demonstration_of_the_first_of_two_pushes_shows_where_the_piece_ends_after_the_second(task: Task) -> None:
    clip = demonstration(task, TWO_PUSHES_SEED, "train", 192, 112)
    assert clip is not None
    assert clip.goals is not None
    scene = make_scene(task, TWO_PUSHES_SEED, "train")
    assert scene.goal is not None
    first = next(Demonstration(scene).successes())
    assert first.motion.on_the_way
    assert first.verdict.figures["iou"] < 0.5
    assert not next(Demonstration(scene.as_seen(first.seen)).successes()).motion.on_the_way
    wanted = goal_masks(scene.goal, scene_rig(scene).cropped_and_resized(192, 112))
    assert overlap(clip.goals[0], wanted[0]) > 0.99


def test_the_way_on_costs_least_near_where_a_push_leads(kinds: dict[str, dict[str, ObjectKind]]) -> None:
    """Poses drawn anew lead to nearly the same place, which pushes drawn once do not."""
    found = sides(hull(kinds["test"]["square"]), np.zeros(2))
    start, goals = np.zeros(3), np.array([[0.02, 0.0, 0.7]])
    between = np.random.default_rng(0).uniform(-0.12, 0.12, (150, 3)) * (1.0, 1.0, 5.0)
    pushes = find_pushes(found, 0.05, start, goals, between, np.random.default_rng(0))
    push = next(push for push in pushes if not push.last)
    better = [cheapest_around(found, 0.05, start, goals, push, np.random.default_rng(seed)) for seed in range(6)]
    assert all(one.side == push.side and not one.last for one in better)
    assert all(one.cost < push.cost for one in better)
    apart_m = np.ptp([one.aim[:2] for one in better], axis=0).max()
    assert apart_m < 0.04


def test_the_table_says_how_things_lie_now(scene: Scene) -> None:
    moved = replace(scene, objects=(replace(scene.objects[0], x=0.1, y=-0.05, yaw=0.7),))
    simulation = TableSimulation(moved, load_arms(moved.task))
    simulation.step(0.1)
    now = replace(scene, objects=simulation.scene_now().objects).objects[0]
    np.testing.assert_allclose((now.x, now.y, now.yaw), (0.1, -0.05, 0.7), atol=1e-3)
    assert simulation.scene_now().goal == scene.goal


def test_of_pushes_that_come_near_the_shortest_is_best() -> None:
    still = ToolMotion(np.zeros(1), np.eye(4)[None], "")
    trials = [
        Trial(Push(side, 0.0, 0.4, (0.0, 0.0, 0.0), cost_m, True), still, miss_m)
        for side, (cost_m, miss_m) in enumerate([(0.1, 0.005), (0.3, 0.0005), (0.2, 0.0025), (0.4, 0.004)])
    ]
    assert [trial.push.side for trial in sorted(trials, key=by_length_where_near)] == [2, 1, 3, 0]
