"""The tracker on MegaPose, with a stand-in for the user's library in a real process, and what is said when it lacks."""

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.progress import quiet
from dreamitate_core.trajectory import Status
from dreamitate_core.video import STEPS
from dreamitate_track.estimator import MODEL, PYTHON, Estimator
from dreamitate_track.midpoint import midpoint
from dreamitate_track.symmetry import half_turns, undone
from dreamitate_track.track import track
from dreamitate_track.worker import wire

FAKES = Path(__file__).parent / "fakes"


@pytest.fixture(scope="module")
def environment(small_clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a worker that finds the stand-in, its weights, and the clip that it knows."""
    assert small_clip.truth is not None
    data = tmp_path_factory.mktemp("happypose")
    for run in ("coarse", "refiner"):
        for file in ("config.yaml", "checkpoint.pth.tar"):
            (data / "megapose-models" / run).mkdir(parents=True, exist_ok=True)
            (data / "megapose-models" / run / file).touch()
    truth = small_clip.truth["block"]
    to_camera = np.stack([se3.inverse(c.transform_camera_to_reference) for c in small_clip.rig.cameras])
    middle = small_clip.tools[0].mesh.bounds.mean(axis=0)
    points = se3.transform_points(truth, middle[None])[:, 0]
    centres = np.stack([camera.project(points)[0] for camera in small_clip.rig.cameras], axis=1)
    np.savez(data / "clip.npz", pairs=small_clip.video.pairs(), poses=to_camera @ truth[:, None], centres=centres)
    return {
        **os.environ,
        PYTHON: sys.executable,
        "PYTHONPATH": str(FAKES),
        "HAPPYPOSE_DATA_DIR": str(data),
        "FAKE_CLIP": str(data / "clip.npz"),
    }


@pytest.fixture
def worker_environment(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def error_m_deg(clip: Clip, poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    assert clip.truth is not None
    truth = clip.truth["block"]
    return np.linalg.norm((poses - truth)[:, :3, 3], axis=1), np.degrees(se3.rotation_distance_rad(poses, truth))


def test_each_view_alone_then_midpoint_and_a_bad_frame_is_detected_anew(
    small_clip: Clip, worker_environment: pytest.MonkeyPatch
) -> None:
    worker_environment.setenv("FAKE_FAULT", "weak")
    stages: set[str] = set()
    found = track(small_clip, "megapose_midpoint", lambda stage, _: stages.add(stage))["block"]
    metres, degrees = error_m_deg(small_clip, found.transform_tool_to_frame)
    assert metres.max() < 0.03
    assert degrees.max() < 20
    assert (found.status == Status.OK).all()
    assert found.score.min() > 0.5
    assert {"MegaPose: looking for the tool", "MegaPose: tracking on"} <= stages


def test_region_refines_what_megapose_found(small_clip: Clip, worker_environment: pytest.MonkeyPatch) -> None:
    stages: set[str] = set()
    found = track(small_clip, "megapose", lambda stage, _: stages.add(stage))["block"]
    metres, degrees = error_m_deg(small_clip, found.transform_tool_to_frame)
    assert np.median(metres) < 0.006
    assert degrees.max() < 20
    assert "searching for the tool" not in stages


def test_what_is_missing_is_one_line_with_the_steps(
    small_clip: Clip, environment: dict[str, str], tmp_path: Path
) -> None:
    def refused(**changes: str) -> str:
        with pytest.raises(DreamitateError) as error:
            Estimator(small_clip.tools, quiet, {**environment, **changes})
        assert "\n" not in str(error.value)
        assert "github.com/agimus-project/happypose" in str(error.value)
        assert "--megapose_models" in str(error.value)
        return str(error.value)

    assert f"{PYTHON}, which is not set" in refused(**{PYTHON: ""})
    assert "cannot be run: No such file" in refused(**{PYTHON: str(tmp_path / "python")})
    assert "neither happypose nor megapose" in refused(PYTHONPATH="")
    assert "coarse/config.yaml are missing" in refused(HAPPYPOSE_DATA_DIR=str(tmp_path))
    assert "no model 'other'; it has megapose-1.0" in refused(**{MODEL: "other"})
    assert "needs depth" in refused(**{MODEL: "megapose-1.0-RGBD"})


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [("raise", r"MegaPose failed: RuntimeError: CUDA out of memory"), ("exit", "process ended")],
)
def test_a_library_that_fails_is_an_error_and_leaves_no_process(
    small_clip: Clip, environment: dict[str, str], fault: str, complaint: str
) -> None:
    with Estimator(small_clip.tools, quiet, {**environment, "FAKE_FAULT": fault}) as estimator:
        image, K = small_clip.video.view_1[1], small_clip.rig.camera_1.K
        with pytest.raises(DreamitateError, match=complaint):
            estimator.detect(image, K, ["block"], np.array([[1.0, 1, 50, 50]]))
    assert estimator._process.poll() is not None


def test_cancelling_ends_the_worker(small_clip: Clip, environment: dict[str, str]) -> None:
    started: list[Estimator] = []

    def stop(stage: str, fraction: float) -> None:
        raise Cancelled

    class Noted(Estimator):
        def close(self) -> None:
            started.append(self)
            super().close()

    with pytest.raises(Cancelled):
        Noted(small_clip.tools, stop, environment)
    assert started[0]._process.poll() is not None


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60))
def test_nonsense_on_the_wire_is_refused(data: bytes) -> None:
    with pytest.raises((wire.ClosedError, ValueError, KeyError, TypeError, AttributeError)):
        wire.receive(io.BytesIO(data))


def test_arrays_survive_the_wire() -> None:
    pipe = io.BytesIO()
    sent = {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((0, 4), np.uint8), "c": np.array([-1, 2])}
    wire.send(pipe, {"do": "it"}, **sent)
    pipe.seek(0)
    header, arrays = wire.receive(pipe)
    assert header == {"do": "it"}
    for name, array in sent.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    large = b'{"arrays": [["x", "float64", [100000, 100000]]]}'
    with pytest.raises(ValueError, match="bytes"):
        wire.receive(io.BytesIO(len(large).to_bytes(4, "big") + large))


def test_a_box_looks_alike_after_half_turns_and_a_lopsided_tool_does_not() -> None:
    assert len(half_turns(trimesh.creation.box((0.2, 0.1, 0.05)))) == 4
    wedge = trimesh.creation.cone(0.05, 0.2, sections=24)
    wedge.apply_transform(se3.exp([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    alike = half_turns(wedge)
    assert 1 < len(alike) < 4  # it may be turned about its own axis, not upside down
    leg, foot, knob = (
        trimesh.creation.box(size) for size in ((0.2, 0.03, 0.03), (0.03, 0.1, 0.03), (0.05, 0.05, 0.08))
    )
    foot.apply_translation((0.1, 0.05, 0))
    knob.apply_translation((-0.03, 0, 0.05))
    lopsided = trimesh.util.concatenate([leg, foot, knob])
    assert isinstance(lopsided, trimesh.Trimesh)
    assert len(half_turns(lopsided)) == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2 * STEPS, max_size=2 * STEPS), st.integers(0, 3))
def test_flips_are_undone_and_most_of_the_score_decides(flips: list[int], right: int) -> None:
    turns = half_turns(trimesh.creation.box((0.2, 0.1, 0.05)))
    path = se3.exp(np.linspace(0, 1, STEPS)[:, None] * [0.1, 0.2, 0, 0.3, 0.5, 0.2])
    which = np.where(np.arange(2 * STEPS) < STEPS + 3, right, flips).reshape(2, STEPS)
    poses = path[None] @ turns[which]
    found = undone(poses, np.ones((2, STEPS)), turns)
    np.testing.assert_allclose(found, np.stack([path @ turns[right]] * 2), atol=1e-6)


def test_midpoint_takes_the_depth_from_the_other_view_and_gates_what_disagrees() -> None:
    origins = np.array([[-0.3, 0, 0], [0.3, 0, 0]])
    truth = se3.make_transform(se3.exp([0, 0, 0, 0.1, 0.2, 0.3])[:3, :3], (0.05, 0.02, 0.8))
    centre = np.array([0.01, 0.02, 0.03])
    poses = np.tile(truth, (2, 4, 1, 1))
    for view in range(2):
        ray = se3.transform_points(truth, centre[None])[0] - origins[view]
        poses[view, :, :3, 3] += 0.04 * ray / np.linalg.norm(ray) * (1 if view else -1)
    poses[1, 1, :3, :3] = truth[:3, :3] @ se3.exp([0, 0, 0, 0, 0, np.pi])[:3, :3]
    scores = np.array([[0.9, 0.9, 0.9, 0.0], [0.9, 0.8, 0.0, 0.0]])
    fused = midpoint(poses, scores, centre, origins)
    np.testing.assert_allclose(fused.poses[0], truth, atol=1e-9)
    np.testing.assert_allclose(fused.poses[1], poses[0, 1])  # not the mean of two that are turned over
    assert fused.status().tolist() == [Status.OK, Status.LOST, Status.PARTIAL, Status.NOT_VISIBLE]
    assert (np.linalg.eigvalsh(fused.covariance()) > 0).all()
