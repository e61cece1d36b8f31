"""Bags of the recorder's own writer, from simulated demonstrations, are cut; damaged ones are refused in one line."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.typesys import Stores, get_typestore

from dreamitate.cli import main
from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, crop_and_resize
from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.goal import Images, blend
from dreamitate_core.task import Task, load_task
from dreamitate_data.bag import Bag
from dreamitate_data.bag_reader import BagReader
from dreamitate_data.clips import cut_clip, cut_clips, object_of, read_table, split_of
from dreamitate_data.moments import check_seen, choose
from dreamitate_data.watch import SMALL
from dreamitate_gen.photos import fitted_photos
from dreamitate_ros.frames import FrameTree
from dreamitate_ros.messages import OPTICAL_FRAMES, read_camera, read_image, stamp_ns
from dreamitate_ros.pairs import IMAGES, INFOS, PairMatcher
from dreamitate_sim.demonstrator import Demonstration, Sweep, demonstrate
from dreamitate_sim.gl import mujoco
from dreamitate_sim.renderer import Renderer
from dreamitate_sim.scene import Scene, make_scene
from dreamitate_sim.silhouette import goal_masks, overlap
from dreamitate_sim.world import build_world

STORE = get_typestore(Stores.ROS2_KILTED)
TYPES = STORE.types
BARE, PER_STEP, START_NS = 5, 3, 1_700_000_000_000_000_000
Change = Callable[[list[tuple[str, int, Any]]], list[tuple[str, int, Any]]]


@pytest.fixture(scope="module")
def task() -> Task:
    """The task with small pictures of another shape than the cameras', so that they are cropped."""
    task = load_task("sweeping")
    size = {**task.section("generator"), "width": 160, "height": 112}
    return replace(task, settings={**task.settings, "generator": size})


@pytest.fixture(scope="module")
def demonstration(task: Task) -> Clip:
    return demonstrate(make_scene(task, 1001, "test"), 0, 320, 180)


def header(stamp: int, frame: str) -> Any:
    return TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9)), frame)


def image(pixels: Any, stamp: int, view: int) -> Any:
    height, width = pixels.shape[:2]
    head = header(stamp, OPTICAL_FRAMES[view])
    return TYPES["sensor_msgs/msg/Image"](head, height, width, "rgb8", 0, width * 3, pixels.reshape(-1))


def camera_info(rig: StereoRig, stamp: int, view: int) -> Any:
    camera = rig.cameras[view]
    region = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    P = np.hstack([camera.K, np.zeros((3, 1))]).ravel()
    head, eye = header(stamp, OPTICAL_FRAMES[view]), np.eye(3).ravel()
    return TYPES["sensor_msgs/msg/CameraInfo"](
        head, camera.height, camera.width, "plumb_bob", np.zeros(5), camera.K.ravel(), eye, P, 0, 0, region
    )


def static_frames(rig: StereoRig) -> Any:
    assert rig.transform_reference_to_table is not None
    entries = []
    for view, camera in enumerate(rig.cameras):
        T = rig.transform_reference_to_table @ camera.transform_camera_to_reference
        pose = TYPES["geometry_msgs/msg/Transform"](
            TYPES["geometry_msgs/msg/Vector3"](*T[:3, 3]),
            TYPES["geometry_msgs/msg/Quaternion"](*se3.to_quaternion_xyzw(T)),
        )
        head = header(START_NS, "table")
        entries.append(TYPES["geometry_msgs/msg/TransformStamped"](head, OPTICAL_FRAMES[view], pose))
    return TYPES["tf2_msgs/msg/TFMessage"](entries)


@pytest.fixture(scope="module")
def messages(demonstration: Clip) -> list[tuple[str, int, Any]]:
    """What two cameras send (topic, time received, message): the bare table for a while, then the demonstration."""
    views = (demonstration.video.view_1, np.concatenate([demonstration.background_2[None], demonstration.video.view_2]))
    return sent(views, demonstration.rig)


def sent(views: tuple[Any, Any], rig: StereoRig) -> list[tuple[str, int, Any]]:
    """What cameras send (topic, time received, message) that see pictures (N, H, W, 3): the first for a while."""
    messages: list[tuple[str, int, Any]] = [("/tf_static", START_NS, static_frames(rig))]
    last = len(views[0]) - 1
    for k in range(BARE + last * PER_STEP + PER_STEP):
        step = min(max(k - BARE + PER_STEP, 0) // PER_STEP, last)
        for view in (0, 1):
            stamp = START_NS + round(k * 1e9 / (4.0 * PER_STEP)) + view * 3_000_000
            messages.append(("/" + IMAGES[view], stamp + 1000, image(views[view][step], stamp, view)))
            messages.append(("/" + INFOS[view], stamp + 2000, camera_info(rig, stamp, view)))
    return messages


def write_bag(folder: Path, messages: list[tuple[str, int, Any]], notes: dict[str, str] | None = None) -> Path:
    with Bag(folder, notes or {"task": "sweeping", "note": "object:bean morning"}) as bag:
        for topic, log_ns, message in messages:
            kind = message.__msgtype__
            bag.write(topic, kind, log_ns, bytes(STORE.serialize_cdr(message, kind)))
    return folder


@pytest.fixture(scope="module")
def bag(messages: list[tuple[str, int, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bag(tmp_path_factory.mktemp("bags") / "first", messages)


def test_a_goal_is_where_the_demonstration_leaves_the_object(tmp_path: Path) -> None:
    task = load_task("push_shape")
    task = replace(
        task, settings={**task.settings, "generator": {**task.section("generator"), "width": 384, "height": 224}}
    )
    scene = make_scene(task, 1011, "test")
    person = Demonstration(scene)
    first, second = islice(person.successes(), 2)
    clip = person.film(first, 768, 448)
    one, two, left = recorded(person, first, clip)
    cut, _ = cut_clip(write_bag(tmp_path / "pushed", sent((one, two), clip.rig), {"task": "push_shape"}), task)
    assert shows(cut, left)
    assert cut.goals is not None
    small = crop_and_resize(clip.background_1, 384, 224)
    np.testing.assert_array_equal(cut.background_1, blend(small, cut.goals[0]))
    np.testing.assert_array_equal(cut.video.view_1[0], cut.background_1)
    with pytest.raises(DreamitateError, match="the tool is still in view 1 of the last pair"):
        cut_clip(write_bag(tmp_path / "held", sent((one[:-1], two[:-1]), clip.rig), {"task": "push_shape"}), task)
    notes = {"task": "push_shape", "note": "object:two goal:last"}
    bag = write_bag(tmp_path / "on_the_way", sent((one, two), clip.rig), notes)
    with pytest.raises(DreamitateError, match="last"):
        cut_clip(bag, task)
    *views, elsewhere = recorded(person, second, person.film(second, 768, 448))
    write_bag(tmp_path / "last", sent((views[0], views[1]), clip.rig), {"task": "push_shape"})
    cut, _ = cut_clip(bag, task)
    assert shows(cut, elsewhere)
    assert not shows(cut, left)


def recorded(person: Demonstration, sweep: Sweep, clip: Clip) -> tuple[Images, Images, Scene]:
    """What both cameras saw of a demonstration and, last, after it, and how things lie then."""
    left = person.scene.as_seen(sweep.seen)
    model = build_world(left, person.rig).compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    with Renderer(model, person.rig) as renderer:
        ends = [renderer.render(data, index, clip.video.width, clip.video.height)[None] for index in (1, 2)]
    views = clip.video.view_1, np.concatenate([clip.background_2[None], clip.video.view_2])
    one, two = (np.concatenate([view, end]) for view, end in zip(views, ends, strict=True))
    return one, two, left


def shows(cut: Clip, left: Scene) -> bool:
    """Whether a clip's goal is where the object lies."""
    assert cut.goals is not None
    pairs = zip(cut.goals, goal_masks(left.objects[0], cut.rig), strict=True)
    return all(overlap(mask, true) > 0.8 for mask, true in pairs)


def test_frames_equal_those_that_the_generator_takes_live(
    bag: Path, messages: list[tuple[str, int, Any]], task: Task, demonstration: Clip
) -> None:
    clip, start_s = cut_clip(bag, task)
    matcher, frames, live = PairMatcher(0.02), FrameTree(), {}
    for topic, log_ns, message in messages:
        if topic == "/tf_static":
            frames.take(message)
            continue
        matcher.add(topic.lstrip("/"), stamp_ns(message.header), message, log_ns / 1e9)
        pair = matcher.newest()
        if pair is not None:
            live[pair.stamp_ns] = pair
    start_ns = min(live) + round(start_s * 1e9)
    for step in range(13):
        stamp = max(s for s in live if s <= start_ns + step * 250_000_000 + 1000)
        pair = live[stamp]
        cameras = (
            read_camera(pair.infos[0], np.eye(4)),
            read_camera(pair.infos[1], frames.transform(*OPTICAL_FRAMES[::-1])),
        )
        rig = StereoRig(*cameras, frames.transform(OPTICAL_FRAMES[0], "table"))
        one, two, small_rig = fitted_photos(read_image(pair.images[0]), read_image(pair.images[1]), rig, 160, 112)
        np.testing.assert_array_equal(clip.video.view_1[step], one)
        np.testing.assert_array_equal(clip.video.view_2[step - 1] if step else clip.background_2, two)
    assert clip.video.fps == task.fps
    for own, node, true in zip(clip.rig.cameras, small_rig.cameras, demonstration.rig.cameras, strict=True):
        np.testing.assert_array_equal(own.K, node.K)
        np.testing.assert_array_equal(own.transform_camera_to_reference, node.transform_camera_to_reference)
        np.testing.assert_allclose(own.K, true.cropped_and_resized(160, 112).K)
        np.testing.assert_allclose(own.transform_camera_to_reference, true.transform_camera_to_reference, atol=1e-9)
    distinct = {frame.tobytes() for frame in clip.video.view_1}
    assert len(distinct) >= 12


def test_the_command_writes_clips_sheets_and_a_table(
    bag: Path, tmp_path: Path, task: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "second"
    shutil.copytree(bag, broken)
    (broken / "first.mcap").write_bytes((broken / "first.mcap").read_bytes()[:5000])
    out = tmp_path / "clips"
    rows = cut_clips([bag, broken], task, out, ["bean"])
    assert [bool(row.clip) for row in rows] == [True, False]
    assert read_clip(out / "test" / "first").info["object"] == "bean"
    assert (out / "sheets" / "first.png").is_file()
    assert read_table(out / "clips.csv") == rows
    assert "earlier run" in cut_clips([bag], task, out, ["other"])[0].reason
    assert [row.bag for row in read_table(out / "clips.csv")] == ["second", "first"]
    assert main(["clips", str(broken), "--task", "sweeping", "--out", str(tmp_path / "none")]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("dreamitate:")]
    assert len(said) == 1
    assert "second" in said[0]
    with pytest.raises(DreamitateError, match="Two bags are called first"):
        cut_clips([bag, bag], task, out)


def test_objects_not_clips_are_split() -> None:
    names = [f"object {k}" for k in range(200)]
    share = sum(split_of(name) == "test" for name in names) / len(names)
    assert 0.1 < share < 0.3
    assert split_of("bean", ["bean"]) == "test"
    assert split_of("oat", ["bean"]) == "train"
    assert object_of({"note": "warm object:oat"}) == object_of({"object": "oat"}) == "oat"
    assert object_of({}) == "unnamed"


def test_a_first_frame_that_is_not_bare_is_refused(demonstration: Clip) -> None:
    views = (demonstration.video.view_1, np.concatenate([demonstration.background_2[None], demonstration.video.view_2]))
    small = np.array([[cv2.resize(view[t], SMALL, interpolation=cv2.INTER_AREA) for view in views] for t in range(13)])
    check_seen(small, demonstration.tools)
    with pytest.raises(DreamitateError, match=r"hand is seen in view 1|tool is seen in view 1|must be bare"):
        check_seen(np.concatenate([small[6:7], np.repeat(small[:1], 12, axis=0)]), demonstration.tools)
    lying = small.copy()
    moved = (cv2.absdiff(small[1], small[0]).max(axis=-1) > 25)[..., None]
    lying[0] = np.where(np.roll(moved, (20, -40), (1, 2)), np.roll(small[1], (20, -40), (1, 2)), small[0])
    with pytest.raises(DreamitateError, match="tool lies in view 1 of the first frame"):
        check_seen(lying, demonstration.tools)
    time_s = np.arange(45) / 12
    with pytest.raises(DreamitateError, match="from the first pair on"):
        choose(time_s, np.concatenate([small[[0, 6, 0]], np.repeat(small[6:7], 42, axis=0)]), 3.0)
    with pytest.raises(DreamitateError, match="nothing ever moves"):
        choose(time_s, np.repeat(small[:1], 45, axis=0), 3.0)
    whole = np.repeat(small, 4, axis=0)
    with pytest.raises(DreamitateError, match="are left after"):
        choose(np.arange(52) / 40, whole, 3.0)
    gap = np.arange(52) / 12 + (np.arange(52) >= 20) * 0.5
    with pytest.raises(DreamitateError, match="no pair for"):
        choose(gap, whole, 3.0)


def _without(name: str) -> Change:
    return lambda messages: [entry for entry in messages if entry[0] != name]


def _half_rate(topic: str) -> Change:
    def change(messages: list[tuple[str, int, Any]]) -> list[tuple[str, int, Any]]:
        number = 0
        kept = []
        for entry in messages:
            number += entry[0] == topic
            if entry[0] != topic or number % 2:
                kept.append(entry)
        return kept

    return change


def _stamps_jump_back(topic: str, number: int) -> Change:
    def change(messages: list[tuple[str, int, Any]]) -> list[tuple[str, int, Any]]:
        places = [k for k, entry in enumerate(messages) if entry[0] == topic]
        first, second = places[number], places[number + 5]
        swapped = list(messages)
        swapped[first], swapped[second] = (
            (topic, messages[first][1], messages[second][2]),
            (topic, messages[second][1], messages[first][2]),
        )
        return swapped

    return change


def _exchanged(messages: list[tuple[str, int, Any]]) -> list[tuple[str, int, Any]]:
    """The cameras' images under each other's names."""
    changed, first = list[tuple[str, int, Any]](), dict[int, int]()
    for entry in messages:
        if entry[0] == TOPICS[0]:
            first[entry[1]] = len(changed)
        changed.append(entry)
        if entry[0] == TOPICS[1]:
            one = first[entry[1] - 3_000_000]
            picture, other = changed[one][2], entry[2]
            changed[one] = (*changed[one][:2], replace(picture, data=other.data))
            changed[-1] = (*entry[:2], replace(other, data=picture.data))
    return changed


TOPICS = ["/" + name for name in IMAGES + INFOS]
CHANGES: dict[str, Change] = {
    **{f"without {name}": _without(name) for name in [*TOPICS, "/tf_static"]},
    **{f"half rate {name}": _half_rate(name) for name in TOPICS[:2]},
    **{f"jump back {name} {n}": _stamps_jump_back(name, n) for name in TOPICS[:2] for n in (3, 20)},
    "exchanged": _exchanged,
    "cut short": lambda messages: messages[: len(messages) // 2],
    "only bare": lambda messages: messages[: 1 + 4 * 4],
}


def assert_refused(bag: Path, task: Task, out: Path) -> None:
    """One line, and nothing in the splits."""
    (row,) = cut_clips([bag], task, out)
    assert not row.clip
    assert bag.name in row.reason
    assert "\n" not in row.reason
    assert not list(out.glob("t*/*"))


@pytest.mark.parametrize("name", CHANGES)
def test_damaged_recordings_are_refused_in_one_line(
    name: str, messages: list[tuple[str, int, Any]], task: Task, tmp_path: Path
) -> None:
    bag = write_bag(tmp_path / "damaged", CHANGES[name](messages))
    assert_refused(bag, task, tmp_path / "out")


@pytest.mark.parametrize("seed", range(1000, 1045))
def test_truncated_files_are_refused_in_one_line(seed: int, bag: Path, task: Task, tmp_path: Path) -> None:
    copy = tmp_path / "damaged"
    shutil.copytree(bag, copy)
    file = copy / ("metadata.yaml" if seed % 5 == 0 else "first.mcap")
    data = file.read_bytes()
    file.write_bytes(data[: int(np.random.default_rng(seed).integers(len(data) - 40))])
    assert_refused(copy, task, tmp_path / "out")


def test_other_inputs_are_refused(bag: Path, task: Task, tmp_path: Path, messages: list[tuple[str, int, Any]]) -> None:
    with pytest.raises(DreamitateError, match="is no bag"):
        BagReader(tmp_path)
    other = write_bag(tmp_path / "other", messages[:1], {"task": "rotation"})
    assert_refused(other, task, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(DreamitateError, match="cannot be written"):
        cut_clips([bag], task, tmp_path / "file")
