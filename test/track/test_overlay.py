"""What is drawn over a clip: where, in which colour, and that it is large enough to be seen."""

from dataclasses import replace

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import STEPS
from dreamitate_track.overlay import STATUS_COLOURS, draw_overlay, enlarged


@pytest.fixture
def truth(small_clip: Clip) -> ToolTrajectory:
    assert small_clip.truth is not None
    status = np.full(STEPS, int(Status.OK))
    covariance = np.tile(np.eye(6), (STEPS, 1, 1))
    return ToolTrajectory(
        "block", "reference", small_clip.video.time_s, small_clip.truth["block"], covariance, np.ones(STEPS), status
    )


def test_small_videos_are_enlarged_and_the_bare_frame_is_left_alone(small_clip: Clip, truth: ToolTrajectory) -> None:
    overlay = draw_overlay(small_clip, {"block": truth})
    assert (overlay.width, overlay.height) == (768, 448)
    bare = enlarged(small_clip.video.view_1, 4)
    np.testing.assert_array_equal(overlay.view_1[0], bare[0])
    assert (overlay.view_1[1:] != bare[1:]).any(axis=(1, 2, 3)).all()


def test_the_contour_runs_around_the_tool_in_the_colour_of_its_status(small_clip: Clip, truth: ToolTrajectory) -> None:
    statuses = [Status.OK, Status.PARTIAL, Status.RECOVERED, Status.LOST]
    shown = replace(truth, status=np.array(statuses * 3))
    overlay = draw_overlay(small_clip, {"block": shown}).pairs()[:, 1, 40:].astype(int)
    camera = small_clip.rig.camera_2.cropped_and_resized(768, 448)
    for step, status in enumerate(statuses):
        coloured = np.abs(overlay[step] - STATUS_COLOURS[status]).max(axis=2) < 40
        rows, columns = np.nonzero(coloured)
        points = se3.transform_points(truth.transform_tool_to_frame[step], small_clip.tools[0].mesh.vertices)
        pixels, _ = camera.project(points)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        near = (columns > low[0] - 4) & (columns < high[0] + 4) & (rows + 40 > low[1] - 4) & (rows + 40 < high[1] + 4)
        assert near.sum() > 60, status
        assert np.ptp(columns[near]) > 0.8 * (high - low)[0]
        assert np.ptp(rows[near]) > 0.8 * (high - low)[1]


def test_a_tool_that_is_not_visible_or_behind_the_camera_is_only_written(
    small_clip: Clip, truth: ToolTrajectory
) -> None:
    bare = enlarged(small_clip.video.pairs().reshape(-1, 112, 192, 3), 4).reshape(STEPS, 2, 448, 768, 3)
    behind = truth.transform_tool_to_frame.copy()
    behind[:, :3, 3] = (0, 0, -1)
    for shown in (
        replace(truth, status=np.zeros(STEPS, int)),
        replace(truth, transform_tool_to_frame=behind, status=np.full(STEPS, int(Status.LOST))),
    ):
        changed = (draw_overlay(small_clip, {"block": shown}).pairs() != bare).any(axis=-1)
        assert changed[:, :, :34, :260].any(axis=(2, 3)).all()
        assert not changed[:, 0, 34:].any()
