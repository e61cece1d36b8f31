"""One episode without ROS, in the real simulator with the real planner; dream and track are given as true."""

import html
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamitate import pipeline
from dreamitate.glimpses import SIZE, Glimpse
from dreamitate.motion import Moved, move
from dreamitate.run_folder import CANCELED, COMPLETED, FAILED, RunFolder, read_json
from dreamitate_core.camera import Image, load_rig
from dreamitate_core.clip import Clip, read_clip
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task, load_task
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_sim.demonstrator import Demonstration, demonstrate
from dreamitate_sim.scene import make_scene

SEED = 1000
Tracker = Callable[[Clip, str, Progress], dict[str, ToolTrajectory]]


class _Replay:
    """A generator that shows the demonstrator's clip."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def dreams(self, *_: object) -> list[Clip]:
        return [read_clip(self._folder)]


def true_tracks(clip: Clip, backend: str = "region", progress: Progress = quiet) -> dict[str, ToolTrajectory]:
    """A tracker that is always right."""
    assert clip.truth is not None
    progress("track", 0.5)
    covariance = np.tile(1e-6 * np.eye(6), (12, 1, 1))
    (tool,) = clip.truth
    poses, times = clip.truth[tool], clip.video.time_s
    return {tool: ToolTrajectory(tool, "reference", times, poses, covariance, np.ones(12), np.full(12, 2))}


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Callable[[Tracker], None]:
    """Stand-ins for generator and tracker, and small pictures; the call sets another tracker."""

    def small(name: str) -> Task:
        task = load_task(name)
        return replace(task, settings={**task.settings, "generator": {"width": 96, "height": 56}})

    def module(name: str, **contents: Any) -> None:
        made = types.ModuleType(name)
        made.__dict__.update(contents)
        monkeypatch.setitem(sys.modules, name, made)

    monkeypatch.setattr(pipeline, "load_task", small)
    module("dreamitate_gen.registry", load_generator=lambda name, task, model, replay: _Replay(replay))
    module("dreamitate_track.overlay", draw_overlay=lambda clip, tracks: clip.video)

    def set_tracker(tracker: Tracker) -> None:
        module("dreamitate_track.track", track=tracker)

    set_tracker(true_tracks)
    return set_tracker


@pytest.fixture
def small_film(monkeypatch: pytest.MonkeyPatch) -> None:
    """A film of the motion that is quickly drawn."""
    monkeypatch.setattr("dreamitate.motion.FILM_FPS", 1)
    monkeypatch.setattr("dreamitate.motion.FILM_SIZE", (96, 56))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, {"task": "sweeping", "seed": SEED, "robot": "ur5"})


@pytest.mark.usefixtures("small_film")
def test_whole_episode(stages: object, folder: RunFolder) -> None:
    said: list[tuple[str, float]] = []
    result = pipeline.run_episode(
        "sweeping", SEED, "replay", folder=folder, progress=lambda stage, fraction: said.append((stage, fraction))
    )
    assert result.success, result
    assert (result.failed_stage, result.reason) == (None, "")
    assert result.figures["closest_particle_m"] <= 0.05
    assert result.figures["following_error_m"] < 0.003
    order = ["photos", "dream", "track", "plan", "execute", "judge"]
    assert list(result.timings) == order
    assert list(dict.fromkeys(stage for stage, _ in said)) == order
    assert all(0.0 <= fraction <= 1.0 for _, fraction in said)
    verdict = read_json(folder.path / "verdict.json")
    assert (verdict["ended"], verdict["success"], verdict["failed_stage"]) == (COMPLETED, True, None)
    assert verdict["figures"] == pytest.approx(result.figures)
    for name in ("photo_1.png", "dream.mp4", "tracked.mp4", "path_3d.png", "joints.png", "execution.mp4", "index.html"):
        assert (folder.path / name).is_file(), name
    assert read_json(folder.path / "timings.json").keys() == result.timings.keys()


@pytest.mark.usefixtures("small_film")
def test_the_best_of_several_attempts(stages: Callable[[Tracker], None], tmp_path: Path) -> None:
    """The first two tracks end too early, so that the piece is left on its way; the third one is true."""
    looks: list[str] = []

    def late(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        track = true_tracks(clip)["pusher"]
        looks.append(clip.info["way"])
        poses = track.transform_tool_to_frame.copy()
        if len(looks) < 3:
            poses[6:] = poses[6]
        return {"pusher": replace(track, transform_tool_to_frame=poses)}

    stages(late)
    folder = RunFolder.create(tmp_path, {"task": "push_shape", "seed": 1003, "robot": "ur5"})
    result = pipeline.run_episode("push_shape", 1003, "replay", folder=folder)
    assert len(looks) >= 3
    assert result.figures["attempts"] == len(looks)
    assert result.figures["iou"] > 0.8
    assert (folder.path / "attempt_1" / "plan.npz").is_file()
    judged = (folder.path / "attempt_1" / "judged.txt").read_text().strip()
    assert judged.startswith("IoU")
    assert html.escape(judged) in (folder.path / "index.html").read_text()
    assert (folder.path / "plan.npz").is_file()
    assert not (folder.path / f"attempt_{result.figures['attempt']:.0f}").exists()
    assert (read_clip(folder.path / "dream").goals or ()) != ()


def test_why_a_later_attempt_was_stopped_is_said(
    stages: Callable[[Tracker], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first push ends early and counts, for the arm stops in the second one."""
    moves = 0

    def short(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        track = true_tracks(clip)["pusher"]
        poses = track.transform_tool_to_frame.copy()
        poses[6:] = poses[6]
        return {"pusher": replace(track, transform_tool_to_frame=poses)}

    def stopped_at_last(*given: Any, **named: Any) -> Moved:
        nonlocal moves
        moves += 1
        moved = move(*given, **named)
        return replace(moved, problem="The tip is off its path.") if moves == 2 else moved

    stages(short)
    monkeypatch.setattr(pipeline, "move", stopped_at_last)
    result = pipeline.run_episode("push_shape", 1003, "replay")
    assert not result.success
    assert result.figures["attempt"] == 1.0
    assert moves == result.figures["attempts"] == 2.0
    assert result.reason.endswith("; attempt 2 was not carried through (execute: The tip is off its path.)")
    assert not result.defect
    assert result.failed_stage is not None
    assert not result.reason.startswith(";")


@pytest.mark.usefixtures("small_film")
def test_a_refused_dream_is_followed_by_another(
    stages: Callable[[Tracker], None], folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first dream's track is far away; nothing moves, and the second one, of the same scene, is carried out."""
    seeds: list[int] = []

    class Dreamer:
        def dreams(self, *given: Any) -> list[Clip]:
            seeds.append(given[3])
            return [demonstrate(make_scene(load_task("sweeping"), SEED, "test"), 0, 96, 56)]

    def far_at_first(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        track = true_tracks(clip)["brush"]
        poses = track.transform_tool_to_frame.copy()
        poses[6:, 0, 3] += 3.0 if seeds == [SEED] else 0.0
        return {"brush": replace(track, transform_tool_to_frame=poses)}

    stages(far_at_first)
    monkeypatch.setattr(sys.modules["dreamitate_gen.registry"], "load_generator", lambda *_: Dreamer())
    result = pipeline.run_episode("sweeping", SEED, "svd", folder=folder)
    assert result.success, result
    assert seeds == [SEED, SEED + 1]
    assert (result.figures["attempt"], result.figures["attempts_refused"]) == (2.0, 1.0)
    assert (folder.path / "plan.npz").is_file()
    assert (folder.path / "attempt_1" / "track.npz").is_file()
    refused = (folder.path / "attempt_1" / "refused.txt").read_text().strip()
    assert "efused" in refused
    assert html.escape(refused) in (folder.path / "index.html").read_text()
    assert not (folder.path / "attempt_1" / "plan.npz").exists()


def test_same_seed_same_result(stages: object) -> None:
    first, second = (pipeline.run_episode("sweeping", SEED, "replay") for _ in range(2))
    assert first.figures == second.figures


def test_a_policy_in_place_of_dream_and_track(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked with the photos alone, and what it says is done."""
    rig = load_rig("paper")

    class Person:
        """Knows where to sweep."""

        def predict(self, photo_1: Image, photo_2: Image, *_: object) -> dict[str, ToolTrajectory]:
            assert photo_1.shape == photo_2.shape == (rig.camera_1.height, rig.camera_1.width, 3)
            scene = make_scene(load_task("sweeping"), SEED, "test")
            poses = next(Demonstration(scene).successes()).truth[0]
            covariance, status = np.tile(1e-6 * np.eye(6), (12, 1, 1)), np.full(12, 2)
            times = np.arange(1, 13) / scene.task.fps
            return {"brush": ToolTrajectory("brush", "table", times, poses, covariance, np.ones(12), status)}

    glimpses: list[Glimpse] = []
    result = pipeline.run_episode("sweeping", SEED, policy=Person(), glimpses=glimpses)
    assert result.success, result
    assert list(result.timings) == ["photos", "policy", "plan", "execute", "judge"]
    (seen,) = glimpses
    assert seen.end is not None
    assert [picture.shape for picture in [seen.photo, *seen.path, seen.end]] == [(SIZE[1], SIZE[0], 3)] * 5
    assert not np.array_equal(seen.path[0], seen.path[2])
    assert np.abs(seen.path[0].astype(int) - seen.photo).max() > 50  # the brush's outline


@pytest.mark.parametrize(("first", "to_blame"), [(6, "track"), (0, "plan")])
def test_refused_plan_is_a_result(
    first: int, to_blame: str, stages: Callable[[Tracker], None], folder: RunFolder
) -> None:
    """A track that jumps is no tool's path; one that lies far away as a whole is one that the arm cannot follow."""

    def far_away(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        track = true_tracks(clip)["brush"]
        poses = track.transform_tool_to_frame.copy()
        poses[first:, 0, 3] += 3.0
        return {"brush": replace(track, transform_tool_to_frame=poses)}

    stages(far_away)
    result = pipeline.run_episode("sweeping", SEED, "replay", folder=folder)
    assert (result.success, result.failed_stage, result.defect) == (False, to_blame, False)
    assert result.object == make_scene(load_task("sweeping"), SEED, "test").objects[0].kind.name
    assert "efused" in result.reason
    verdict = read_json(folder.path / "verdict.json")
    assert (verdict["ended"], verdict["failed_stage"], verdict["success"]) == (FAILED, "plan", None)
    assert verdict["reason"] == result.reason
    assert (folder.path / "tracked.mp4").is_file()
    assert not (folder.path / "plan.npz").exists()


@pytest.mark.parametrize(("aside_m", "to_blame"), [(0.0, "execute"), (0.12, "track")])
def test_an_arm_that_stops_on_its_way_is_put_down_to_its_cause(
    aside_m: float, to_blame: str, stages: Callable[[Tracker], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The arm, where the planned path does the task; the tracker, where its path misses and the true one does not."""

    def aside(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        track = true_tracks(clip)["brush"]
        poses = track.transform_tool_to_frame.copy()
        poses[:, :3, 3] += aside_m * poses[:, :3, 0]
        return {"brush": replace(track, transform_tool_to_frame=poses)}

    stages(aside)
    monkeypatch.setattr(pipeline, "move", lambda *a, **k: replace(move(*a, **k), problem="The tip is off its path."))
    result = pipeline.run_episode("sweeping", SEED, "replay")
    assert (result.success, result.failed_stage, result.defect) == (False, to_blame, False)
    assert result.reason.startswith("The tip is off its path. (the ")


def test_tracker_that_gives_up(stages: Callable[[Tracker], None]) -> None:
    def blind(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        raise DreamitateError("No tool was found.")

    stages(blind)
    result = pipeline.run_episode("sweeping", SEED, "replay")
    assert (result.success, result.failed_stage, result.reason) == (False, "track", "No tool was found.")
    assert result.defect, "no tracker says so of a clip: it marks the frames as lost"
    assert "dream" in result.timings


def test_a_defect_in_a_later_attempt_does_not_pass_for_the_tasks_failure(stages: Callable[[Tracker], None]) -> None:
    calls = 0

    def short_then_broken(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise DreamitateError("The disk is full.")
        track = true_tracks(clip)["pusher"]
        poses = track.transform_tool_to_frame.copy()
        poses[6:] = poses[6]
        return {"pusher": replace(track, transform_tool_to_frame=poses)}

    stages(short_then_broken)
    result = pipeline.run_episode("push_shape", 1003, "replay")
    assert (result.success, result.defect, calls) == (False, True, 2)


def test_a_scene_that_nobody_can_do_is_no_defect(stages: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Demonstration, "successes", lambda *_: iter(()))
    result = pipeline.run_episode("sweeping", SEED, "replay")
    assert (result.success, result.failed_stage, result.defect) == (False, "dream", False)
    assert "0 ways that succeed" in result.reason


@pytest.mark.parametrize("stage", ["dream", "track", "plan", "execute"])
def test_cancelled_in_each_stage(stages: object, folder: RunFolder, stage: str) -> None:
    def stop_in_stage(name: str, fraction: float) -> None:
        if name == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        pipeline.run_episode("sweeping", SEED, "replay", folder=folder, progress=stop_in_stage)
    verdict = read_json(folder.path / "verdict.json")
    assert (verdict["ended"], verdict["failed_stage"]) == (CANCELED, stage)
    assert (folder.path / "index.html").is_file()


def test_defect_is_told_apart_and_kept_in_the_folder(stages: Callable[[Tracker], None], folder: RunFolder) -> None:
    def broken(clip: Clip, backend: str, progress: Progress) -> dict[str, ToolTrajectory]:
        raise IndexError("list index out of range")

    stages(broken)
    with pytest.raises(IndexError):
        pipeline.run_episode("sweeping", SEED, "replay", folder=folder)
    verdict = read_json(folder.path / "verdict.json")
    assert (verdict["ended"], verdict["failed_stage"]) == (FAILED, "track")
    assert "IndexError" in verdict["reason"]


def test_arms_are_stopped_when_the_motion_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    from dreamitate.motion import move
    from dreamitate_core.plan import Plan

    calls: list[str] = []

    class Arm:
        position = np.zeros(6)
        transform_tool_to_table = np.eye(4)

        def start(self, *_: object) -> None:
            calls.append("start")

        def stop(self) -> None:
            calls.append("stop")

    class Table:
        time_s = 0.0
        arms = (Arm(), Arm())

    def refuse(stage: str, fraction: float) -> None:
        raise Cancelled

    zeros = np.zeros((3, 6))
    poses = np.tile(np.eye(4), (3, 1, 1))
    plan = Plan([f"j{k}" for k in range(6)], np.arange(3.0), zeros, zeros, zeros, poses, np.arange(3.0), poses)
    with pytest.raises(Cancelled):
        move(Table(), [plan, plan], filmed=False, progress=refuse)
    assert calls == ["start", "start", "stop", "stop"]


def test_since_departure() -> None:
    from dreamitate.motion import since_departure

    time_s = np.arange(10.0)
    position = np.zeros((10, 6))
    position[4:, 2] = 0.1 * np.arange(6)  # at 4 s it still stands, at 5 s it has moved
    times, positions = since_departure(time_s, position)
    assert times.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert (positions == position[4:]).all()
    times, positions = since_departure(time_s, np.zeros((10, 6)))
    assert times.tolist() == time_s.tolist()
