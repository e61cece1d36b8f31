"""The rotation task: objects, grasps, scenes, the judge, and two hands that turn an object by physics."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dreamitate_core.task import Task, load_task
from dreamitate_core.tool import colours_of, load_tool
from dreamitate_sim.demonstrator import Demonstration, Sweep
from dreamitate_sim.grasps import find_grasps, outline
from dreamitate_sim.objects import SPLITS, ObjectKind, Part, load_objects
from dreamitate_sim.observation import Observation, Touches
from dreamitate_sim.press import WIDEST_RAD
from dreamitate_sim.rotation import WIDTH_M
from dreamitate_sim.scene import Scene, ToolMotion, make_scene, scene_kind

Array = NDArray[np.float64]

KIND = scene_kind(load_task("rotation"))
GREY = (128, 128, 128)


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("rotation")


@pytest.fixture(scope="module")
def scene(task: Task) -> Scene:
    return make_scene(task, 1001, "test")


@pytest.fixture(scope="module")
def person(scene: Scene) -> Demonstration:
    return Demonstration(scene)


@pytest.fixture(scope="module")
def turned(person: Demonstration) -> Sweep:
    return next(person.successes())


def test_the_paper_s_numbers_of_objects_which_are_disjoint() -> None:
    train, test = (load_objects("rotation", "objects", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (31, 10)
    assert len({kind.name for kind in train + test}) == 41
    assert not {kind.parts for kind in train} & {kind.parts for kind in test}
    looks = [{tuple((part.shape, part.colour) for part in kind.parts) for kind in kinds} for kinds in (train, test)]
    assert not looks[0] & looks[1]


@pytest.mark.parametrize("split", SPLITS)
def test_objects_can_be_pressed_and_have_no_colour_of_the_tools(split: str) -> None:
    colours = np.concatenate(
        [colours_of(load_tool(name).mesh).vertex_colors[:, :3] for name in ("box_left", "box_right")]
    )
    shades = [colorsys.rgb_to_hsv(*colour) for colour in np.unique(colours, axis=0) / 255.0]
    vivid = [hue for hue, saturation, value in shades if saturation * value > 0.4]
    assert len(vivid) == 3
    for kind in load_objects("rotation", "objects", split):
        widths = [grasp.width_m for grasp in find_grasps(outline(kind, 0.017, 0.06))]
        assert any(WIDTH_M[0] <= width <= WIDTH_M[1] for width in widths), (kind.name, widths)
        assert 0.034 <= kind.height <= 0.085, kind.name
        for part in kind.parts:
            hue, saturation, value = colorsys.rgb_to_hsv(*(np.array(part.colour) / 255.0))
            if saturation * value > 0.2:
                assert min(abs((hue - other + 0.5) % 1.0 - 0.5) for other in vivid) > 0.06, kind.name


def test_a_box_is_pressed_on_its_faces_through_its_middle() -> None:
    box = ObjectKind("box", 0.1, (Part("box", (0.10, 0.06, 0.05), (0.01, 0.02, 0.0), GREY),))
    grasps = find_grasps(outline(box, 0.01, 0.04))
    assert [(round(grasp.angle_rad, 3), round(grasp.width_m, 3)) for grasp in grasps] == [(-1.571, 0.06), (0.0, 0.1)]
    for grasp in grasps:
        np.testing.assert_allclose(grasp.middle, (0.01, 0.02), atol=1e-9)


def test_a_disc_is_pressed_anywhere_and_a_hexagon_on_its_faces() -> None:
    disc = ObjectKind("disc", 0.1, (Part("cylinder", (0.08, 0.05), (0.0, 0.0, 0.0), GREY),))
    angles = sorted(grasp.angle_rad for grasp in find_grasps(outline(disc, 0.01, 0.04)))
    assert np.diff([*angles, angles[0] + np.pi]).max() < np.deg2rad(6.0)
    nut = ObjectKind("nut", 0.1, (Part("prism", (6.0, 0.08, 0.08, 0.05), (0.0, 0.0, 0.0), GREY),))
    grasps = find_grasps(outline(nut, 0.01, 0.04))
    np.testing.assert_allclose(np.rad2deg([grasp.angle_rad for grasp in grasps]), (-90.0, -30.0, 30.0), atol=0.01)
    np.testing.assert_allclose([grasp.width_m for grasp in grasps], 0.08 * np.cos(np.pi / 6), atol=1e-6)


def test_parts_out_of_the_pads_height_are_not_pressed() -> None:
    parts = (
        Part("box", (0.06, 0.06, 0.04), (0.0, 0.0, 0.0), GREY),
        Part("box", (0.20, 0.20, 0.02), (0.0, 0.0, 0.07), GREY),
    )
    assert np.abs(outline(ObjectKind("table", 0.1, parts), 0.02, 0.06)).max() == pytest.approx(0.03)


@pytest.mark.parametrize("split", SPLITS)
def test_scenes_have_one_object_near_the_middle_that_both_arms_reach(task: Task, split: str) -> None:
    names = {kind.name for kind in load_objects("rotation", "objects", split)}
    seen = set()
    for seed in range(1000, 1020):
        scene = make_scene(task, seed, split)
        (placed,) = scene.objects
        assert placed.kind.name in names
        assert abs(placed.x) <= 0.06
        assert -0.02 <= placed.y <= 0.07
        for motion in KIND.ways(scene):
            left, right = motion.transform_tool_to_table
            between = right[:, :2, 3] - left[:, :2, 3]
            angle = np.arctan2(between[:, 1], between[:, 0])
            assert np.abs(angle).max() <= WIDEST_RAD + 1e-6
            assert angle[-1] - angle[0] > np.deg2rad(35.0)
            assert np.linalg.norm(between, axis=1).min() > 0.025
        seen.add(placed.kind.name)
    assert len(seen) > 3
    assert make_scene(task, 1000, split) == make_scene(task, 1000, split)


def observed(yaw_deg: Array, touching: NDArray[np.bool_], end_deg: float) -> Observation:
    """What a judge sees of an object whose heading and contacts were so, every 10 ms."""
    number = len(yaw_deg)
    touches = Touches(np.arange(number) / 100.0, touching[:, :, None], np.deg2rad(yaw_deg)[:, None])
    some = touching.any(axis=1)
    kept = Touches(touches.time_s[some], touches.touching[some], touches.yaw[some])
    return Observation(np.zeros((1, 3)), np.deg2rad([end_deg]), kept)


@pytest.mark.parametrize(
    ("end_deg", "lost", "success", "rotation_deg"),
    [
        (40.0, slice(0, 0), True, 40.0),
        (24.0, slice(0, 0), False, 24.0),
        (-40.0, slice(0, 0), False, -40.0),
        (40.0, slice(50, 53), True, 40.0),  # chatter
        (40.0, slice(50, 60), False, 40.0),  # one tool lost it on the way
        (40.0, slice(96, 100), True, 40.0),  # it is there already
        (40.0, slice(80, 100), False, 40.0),  # it went on turning without the right tool
        (40.0, slice(0, 50), False, 20.0),  # the left tool alone began
    ],
)
def test_the_judge_wants_both_tools_throughout(
    scene: Scene, end_deg: float, lost: slice, success: bool, rotation_deg: float
) -> None:
    yaw = 170.0 + np.linspace(0.0, end_deg, 100)
    touching = np.ones((100, 2), bool)
    touching[lost, 1] = False
    verdict = KIND.judge(scene, observed((yaw + 180.0) % 360.0 - 180.0, touching, 170.0 + end_deg))
    assert verdict.success == success, verdict.text
    assert np.rad2deg(verdict.figures["rotation_rad"]) == pytest.approx(rotation_deg, abs=0.5)


def test_the_judge_of_an_untouched_object(scene: Scene) -> None:
    verdict = KIND.judge(scene, observed(np.zeros(1), np.zeros((1, 2), bool), 90.0))
    assert (verdict.success, verdict.figures["rotation_rad"], verdict.figures["contact_kept"]) == (False, 0.0, 0.0)


def test_two_hands_turn_it_by_physics(person: Demonstration, turned: Sweep) -> None:
    assert turned.verdict.success
    assert np.deg2rad(30.0) <= turned.verdict.figures["rotation_rad"] <= np.deg2rad(46.0)
    assert turned.states.shape[0] == 13
    assert turned.truth.shape == (2, 12, 4, 4)


def test_one_hand_alone_or_a_loose_grip_does_not(person: Demonstration, turned: Sweep) -> None:
    motion = turned.motion
    for tools in ((0,), (0, 1)):
        poses = motion.transform_tool_to_table.copy()
        for tool in tools:
            poses[tool, :, :3, 3] += (-0.03, 0.03)[tool] * poses[tool, :, :3, 0]
        verdict = person.follow(ToolMotion(motion.time_s, poses, "loose")).verdict
        assert not verdict.success, tools


def test_the_clip_shows_both_tools_where_the_truth_says(person: Demonstration, turned: Sweep) -> None:
    clip = person.film(turned, 384, 224)
    assert clip.truth is not None
    assert [tool.name for tool in clip.tools] == ["box_left", "box_right"]
    colours = [{tuple(colour) for colour in colours_of(tool.mesh).vertex_colors[:, :3].tolist()} for tool in clip.tools]
    for tool, (own,) in zip(clip.tools, (colours[0] - colours[1], colours[1] - colours[0]), strict=True):
        corners = tool.mesh.bounding_box.vertices
        for camera, frames in ((clip.rig.camera_1, clip.video.view_1[1:]), (clip.rig.camera_2, clip.video.view_2)):
            pose = clip.truth[tool.name][7]
            pixels, _ = camera.project(corners @ pose[:3, :3].T + pose[:3, 3])
            frame = frames[7].astype(float)
            alike = frame @ np.array(own) / np.linalg.norm(own) / np.maximum(np.linalg.norm(frame, axis=-1), 60.0)
            v, u = np.nonzero(alike > 0.97)
            assert len(u) > 30
            assert (pixels.min(axis=0) - 1.0 <= (u.min(), v.min())).all()
            assert (pixels.max(axis=0) + 1.0 >= (u.max(), v.max())).all()


def test_the_seed_s_person_holds_one_tool_in_each_hand(person: Demonstration, turned: Sweep) -> None:
    from dreamitate_sim.hand import random_people

    left, right = random_people(np.random.default_rng(3), turned.truth)
    assert (left.side, right.side) == (-1, 1)
    assert left.elbow[0] == -right.elbow[0]
    assert replace(left, side=1, elbow=right.elbow) == right
