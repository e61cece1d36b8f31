"""Tracks, plans, tasks and robots on disk."""

from pathlib import Path

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.arrays import write_arrays
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan, read_plan, write_plan
from dreamitate_core.registry import Registry
from dreamitate_core.task import load_task, task_names
from dreamitate_core.trajectory import Status, ToolTrajectory, read_tracks, write_tracks


def test_arrays_may_have_the_names_of_numpy_s_arguments(tmp_path: Path) -> None:
    """A tool may be called so, and its poses go by its name."""
    arrays = {name: np.arange(3.0) + len(name) for name in ("file", "allow_pickle", "brush")}
    write_arrays(tmp_path / "no_suffix", arrays)
    with np.load(tmp_path / "no_suffix", allow_pickle=False) as data:
        assert {name: data[name].tolist() for name in data.files} == {name: a.tolist() for name, a in arrays.items()}


def make_track() -> ToolTrajectory:
    poses = se3.exp(np.random.default_rng(0).normal(size=(12, 6)) / 4)
    status = np.full(12, int(Status.OK))
    return ToolTrajectory(
        "brush", "reference", np.arange(1, 13) / 4, poses, np.tile(np.eye(6), (12, 1, 1)), np.ones(12), status
    )


def test_tracks_survive_their_file(tmp_path: Path) -> None:
    track = make_track()
    write_tracks(tmp_path / "track.npz", {"brush": track})
    again = read_tracks(tmp_path / "track.npz")["brush"]
    assert again.frame == "reference"
    for name in ("time_s", "transform_tool_to_frame", "covariance", "score", "status"):
        np.testing.assert_array_equal(getattr(again, name), getattr(track, name))


def test_a_track_moves_with_its_frame() -> None:
    move = se3.exp(np.arange(6) / 5)
    back = make_track().in_frame("table", move).in_frame("reference", se3.inverse(move))
    np.testing.assert_allclose(back.transform_tool_to_frame, make_track().transform_tool_to_frame, atol=1e-12)


def test_a_track_without_scores_is_refused(tmp_path: Path) -> None:
    poses = {"brush/transform_tool_to_reference": np.tile(np.eye(4), (12, 1, 1))}
    write_arrays(tmp_path / "track.npz", poses)
    with pytest.raises(DreamitateError, match="brush/time_s"):
        read_tracks(tmp_path / "track.npz")


@pytest.mark.parametrize("read", [read_tracks, read_plan])
def test_missing_and_damaged_files_are_named(tmp_path: Path, read: object) -> None:
    (tmp_path / "damaged.npz").write_bytes(b"PK nothing")
    for name in ("missing.npz", "damaged.npz"):
        with pytest.raises(DreamitateError, match=name):
            read(tmp_path / name)  # type: ignore[operator]


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    n = 5
    poses = np.tile(np.eye(4), (n, 1, 1))
    rows = np.arange(n * 6, dtype=float).reshape(n, 6)
    plan = Plan(
        list("abcdef"), np.arange(n) / 10, rows, rows + 1, rows + 2, poses, np.array([0.1]), poses[:1], ["slower"]
    )
    write_plan(tmp_path / "plan.npz", plan)
    again = read_plan(tmp_path / "plan.npz")
    assert (again.joint_names, again.notes, again.duration_s) == (plan.joint_names, ["slower"], pytest.approx(0.4))
    np.testing.assert_array_equal(again.acceleration, plan.acceleration)


def test_every_task_loads_and_an_unknown_one_lists_them() -> None:
    assert "sweeping" in task_names()
    for name in task_names():
        assert load_task(name).fps > 0
    with pytest.raises(DreamitateError, match="Known: .*sweeping"):
        load_task("juggling")


def test_a_registry_lists_what_it_knows() -> None:
    registry: Registry[int] = Registry("planner")
    registry.register("embedded")(1)
    assert registry.get("embedded") == 1
    with pytest.raises(DreamitateError, match="Unknown planner 'best'. Known: embedded"):
        registry.get("best")
