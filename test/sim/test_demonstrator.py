"""Demonstrations: real sweeps by physics, filmed with the tool's true poses, resumable on disk."""

from pathlib import Path

import numpy as np
import pytest

from dreamitate_core.clip import Clip, read_clip, write_clip
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.task import Task, load_task
from dreamitate_sim.demonstrations import demonstration, write_demonstrations
from dreamitate_sim.demonstrator import Demonstration, demonstrate
from dreamitate_sim.scene import Scene, ToolMotion, make_scene

BRUSH_COLOURS = np.array([[235, 30, 165], [25, 190, 75]])


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("sweeping")


@pytest.fixture(scope="module")
def scene(task: Task) -> Scene:
    return make_scene(task, 1002, "test")


@pytest.fixture(scope="module")
def clip(scene: Scene) -> Clip:
    return demonstrate(scene, 0, 384, 224)


def test_the_clip_is_whole(clip: Clip) -> None:
    assert clip.video.view_1.shape == (13, 224, 384, 3)
    assert clip.video.fps == 4.0
    assert clip.truth is not None
    assert clip.truth["brush"].shape == (12, 4, 4)
    assert [tool.name for tool in clip.tools] == ["brush"]
    np.testing.assert_array_equal(clip.video.view_1[0], clip.background_1)
    assert clip.info["closest_particle_m"] <= 0.025
    assert clip.info["obstacles_touched"] == 0


def test_the_brush_is_seen_where_the_truth_says(clip: Clip) -> None:
    """Pixels of the head's own colours lie within the projected outline of the head, and fill most of it."""
    assert clip.truth is not None
    vertices = clip.tools[0].mesh.vertices
    head = vertices[vertices[:, 2] < 0.033]
    for t in (1, 6, 12):
        transform = clip.truth["brush"][t - 1]
        for camera, frames in ((clip.rig.camera_1, clip.video.view_1[1:]), (clip.rig.camera_2, clip.video.view_2)):
            pixels, _ = camera.project(head @ transform[:3, :3].T + transform[:3, 3])
            low, high = pixels.min(axis=0), pixels.max(axis=0)
            frame = frames[t - 1].astype(float)
            direction = frame / np.maximum(np.linalg.norm(frame, axis=-1, keepdims=True), 40.0)
            wanted = BRUSH_COLOURS / np.linalg.norm(BRUSH_COLOURS, axis=1, keepdims=True)
            v, u = np.nonzero((direction @ wanted.T).max(axis=-1) > 0.97)
            seen_low, seen_high = np.array([u.min(), v.min()]), np.array([u.max(), v.max()])
            assert (seen_low >= low - 1.0).all()
            assert (seen_high <= high + 1.0).all()
            assert (seen_high - seen_low).max() > 0.5 * (high - low).max()


def test_the_truth_stands_on_the_table_and_rests_at_the_ends(clip: Clip) -> None:
    assert clip.truth is not None
    assert clip.rig.transform_reference_to_table is not None
    poses = clip.rig.transform_reference_to_table @ clip.truth["brush"]
    np.testing.assert_allclose(poses[:, 2, 3], 0.003, atol=1e-9)
    np.testing.assert_allclose(poses[:, :3, 2], np.tile((0.0, 0.0, 1.0), (12, 1)), atol=1e-9)
    step = np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)
    assert step.argmax() not in (0, 10)
    assert (np.einsum("ni,ni->n", np.diff(poses[:, :3, 3], axis=0), poses[1:, :3, 1]) > 0.0).all()


def test_the_same_call_gives_the_same_clip(scene: Scene, clip: Clip) -> None:
    again = demonstrate(scene, 0, 384, 224)
    np.testing.assert_array_equal(again.video.frames(), clip.video.frames())


def test_ways_differ_and_end(scene: Scene) -> None:
    ways = list(Demonstration(scene).successes())
    assert len(ways) >= 2
    assert not np.allclose(ways[0].truth, ways[1].truth)
    with pytest.raises(DreamitateError, match=f"has {len(ways)} ways that succeed; way 50"):
        demonstrate(scene, 50, 192, 112)


def test_physics_decides(scene: Scene) -> None:
    """The same way at a place where nothing lies does not succeed."""
    person = Demonstration(scene)
    way = next(person.successes()).motion
    elsewhere = way.transform_tool_to_table.copy()
    elsewhere[:, 2, 3] += 0.1
    assert person.follow(way).verdict.success
    assert not person.follow(ToolMotion(way.time_s, elsewhere, "in the air")).verdict.success


def test_progress_is_told_and_can_cancel(scene: Scene) -> None:
    told: list[tuple[str, float]] = []

    def stop(stage: str, fraction: float) -> None:
        told.append((stage, fraction))
        if stage == "film":
            raise Cancelled

    with pytest.raises(Cancelled):
        demonstrate(scene, 0, 96, 56, stop)
    assert told[-1][0] == "film"


def test_folders_are_written_resumed_and_equal_those_in_memory(task: Task, tmp_path: Path) -> None:
    first = demonstration(task, 77, "train", 96, 56)
    assert first is not None
    write_clip(tmp_path / "sweeping-000077", first)
    before = (tmp_path / "sweeping-000077" / "clip.json").stat().st_mtime_ns
    folders = write_demonstrations(task, 2, 77, tmp_path, 96, 56, workers=1)
    assert [folder.name for folder in folders] == ["sweeping-000077", "sweeping-000078"]
    assert (folders[0] / "clip.json").stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sweeping-000077", "sweeping-000078"]
    memory = demonstration(task, 78, "train", 96, 56)
    assert memory is not None
    np.testing.assert_array_equal(read_clip(folders[1]).video.frames(), memory.video.frames())
    with pytest.raises(DreamitateError, match=r"holds a clip of 96x56; 192x112 is asked for"):
        write_demonstrations(task, 1, 77, tmp_path, 192, 112, workers=1)
