"""The whole tracker on clips that MuJoCo rendered: where the tool is, and what is said when it cannot be known."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import Cancelled, DreamitateError
from dreamitate_core.tool import colours_of
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import StereoVideo
from dreamitate_track.synthetic import Conditions, make_clip
from dreamitate_track.track import track

SMALL = Conditions(width=192, height=112, clutter=15)
SURE = (Status.OK, Status.PARTIAL, Status.RECOVERED)


@pytest.fixture(scope="module")
def clip(small_clip: Clip) -> Clip:
    return small_clip


@pytest.fixture(scope="module")
def tracked(clip: Clip) -> tuple[ToolTrajectory, list[str]]:
    """The clip's track, and the stages that the tracker told of."""
    stages: list[str] = []
    return track(clip, progress=lambda stage, fraction: stages.append(stage))["block"], stages


def with_video(clip: Clip, change: object) -> Clip:
    """Return the clip with every frame after the first passed through `change`."""
    one = np.concatenate([clip.video.view_1[:1], change(clip.video.view_1[1:])])  # type: ignore[operator]
    return replace(clip, video=StereoVideo(one, change(clip.video.view_2), clip.video.fps))  # type: ignore[operator]


def test_a_tool_is_found_in_every_frame(clip: Clip, tracked: tuple[ToolTrajectory, list[str]]) -> None:
    assert clip.truth is not None
    trajectory, stages = tracked
    truth = clip.truth["block"]
    distance = np.linalg.norm((trajectory.transform_tool_to_frame - truth)[:, :3, 3], axis=1)
    angle = np.degrees(se3.rotation_distance_rad(trajectory.transform_tool_to_frame, truth))
    assert np.median(distance) < 0.006
    assert distance.max() < 0.02
    assert np.median(angle) < 4
    assert angle.max() < 20
    assert (trajectory.status == Status.OK).all()
    assert trajectory.score.min() > 0.5
    assert trajectory.frame == "reference"
    np.testing.assert_allclose(trajectory.time_s, clip.video.time_s)
    assert (np.linalg.eigvalsh(trajectory.covariance) > 0).all()
    error = se3.log(se3.inverse(trajectory.transform_tool_to_frame) @ truth)
    normalised = np.einsum("ni,nij,nj->n", error, np.linalg.inv(trajectory.covariance), error) / 6
    assert 0.02 < np.mean(normalised) < 10
    assert len(set(stages)) >= 3


def test_a_hand_without_a_tool_is_never_ok() -> None:
    trajectory = track(make_clip(4, conditions=replace(SMALL, show_tool=False)))["block"]
    assert not np.isin(trajectory.status, SURE).any()


def test_an_arm_that_taught_a_grey_tool_its_colours_is_never_ok() -> None:
    bare_hand = make_clip(50_050, conditions=replace(SMALL, show_tool=False))
    mesh = bare_hand.tools[0].mesh.copy()
    colours_of(mesh).vertex_colors = np.tile([189, 189, 189, 255], (len(mesh.vertices), 1))
    trajectory = track(replace(bare_hand, tools=[replace(bare_hand.tools[0], mesh=mesh)]))["block"]
    assert not np.isin(trajectory.status, SURE).any()


def test_nothing_moves_nothing_is_seen(clip: Clip) -> None:
    bare = np.stack([clip.background_1, clip.background_2])
    still = StereoVideo(np.tile(bare[0], (13, 1, 1, 1)), np.tile(bare[1], (12, 1, 1, 1)), 4.0)
    trajectory = track(replace(clip, video=still))["block"]
    assert not np.isin(trajectory.status, SURE).any()
    assert (trajectory.score < 0.25).all()


def test_noise_is_never_ok(clip: Clip) -> None:
    rng = np.random.default_rng(0)
    noisy = with_video(clip, lambda frames: rng.integers(0, 255, frames.shape).astype(np.uint8))
    assert not np.isin(track(noisy)["block"].status, SURE).any()


def test_one_frame_that_is_black_is_bridged(clip: Clip) -> None:
    video = clip.video
    one, two = video.view_1.copy(), video.view_2.copy()
    one[6], two[5] = 0, 0
    trajectory = track(replace(clip, video=StereoVideo(one, two, video.fps)))["block"]
    assert trajectory.status[5] not in SURE
    assert np.isin(np.delete(trajectory.status, 5), SURE).all()


def test_a_tool_that_vanishes_for_two_frames_is_lost_and_recovered(clip: Clip) -> None:
    video = clip.video
    one, two = video.view_1.copy(), video.view_2.copy()
    one[6:8], two[5:7] = clip.background_1, clip.background_2
    status = track(replace(clip, video=StereoVideo(one, two, video.fps)))["block"].status
    assert not np.isin(status[5:7], SURE).any()
    assert (status[:5] == Status.OK).all()
    assert status[7] == Status.RECOVERED
    assert np.isin(status[8:], SURE).all()


def test_flat_views_are_an_error(clip: Clip) -> None:
    video = clip.video
    with pytest.raises(DreamitateError, match="View 2 shows nothing"):
        track(replace(clip, video=StereoVideo(video.view_1, np.zeros_like(video.view_2), video.fps)))
    with pytest.raises(DreamitateError, match="View 1 shows nothing"):
        track(with_video(clip, np.zeros_like))


def test_broken_cameras_meshes_and_names_are_errors(clip: Clip) -> None:
    camera = clip.rig.camera_1
    broken = replace(camera, K=np.full((3, 3), np.nan))
    with pytest.raises(DreamitateError, match=r"camera 1.*finite"):
        track(replace(clip, rig=replace(clip.rig, camera_1=broken)))
    with pytest.raises(DreamitateError, match=r"calibrated for 768x448"):
        track(replace(clip, rig=replace(clip.rig, camera_1=camera.cropped_and_resized(768, 448))))
    tool = clip.tools[0]
    large = tool.mesh.copy()
    large.apply_scale(1000)
    with pytest.raises(DreamitateError, match="metres"):
        track(replace(clip, tools=[replace(tool, mesh=large)]))
    with pytest.raises(DreamitateError, match="empty"):
        track(replace(clip, tools=[replace(tool, mesh=trimesh.Trimesh())]))
    with pytest.raises(DreamitateError, match="no tool"):
        track(replace(clip, tools=[]))
    with pytest.raises(DreamitateError, match=r"Unknown tracker.*region"):
        track(clip, backend="nobody")


def test_a_tool_of_skin_colour_is_an_error(clip: Clip) -> None:
    mesh = clip.tools[0].mesh.copy()
    colours_of(mesh).vertex_colors = np.tile([210, 150, 115, 255], (len(mesh.vertices), 1))
    with pytest.raises(DreamitateError, match="skin"):
        track(replace(clip, tools=[replace(clip.tools[0], mesh=mesh)]))


def test_work_stops_when_it_is_cancelled(clip: Clip) -> None:
    def stop(stage: str, fraction: float) -> None:
        if "search" in stage and fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        track(clip, progress=stop)


def test_the_same_clip_gives_the_same_track(clip: Clip, tracked: tuple[ToolTrajectory, list[str]]) -> None:
    one, two = tracked[0], track(clip)["block"]
    np.testing.assert_array_equal(one.transform_tool_to_frame, two.transform_tool_to_frame)
    np.testing.assert_array_equal(one.status, two.status)
