"""Hints: what a text may say, what is refused, and that the tracker keeps to them."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from dreamitate_msgs.action import TrackTool
from hypothesis import given, settings
from hypothesis import strategies as st
from std_msgs.msg import String

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import colours_of
from dreamitate_core.trajectory import Status
from dreamitate_core.video import STEPS
from dreamitate_ros.stage_node import StageError
from dreamitate_track.hints import ToolHints, hints_to_json, parse_hints, read_hints
from dreamitate_track.track import track
from dreamitate_track.tracker_node import TrackerNode

SURE = (Status.OK, Status.PARTIAL, Status.RECOVERED)


def said(**entry: Any) -> str:
    return json.dumps({"block": [entry]})


def test_boxes_masks_and_poses_survive_being_written_and_read(small_clip: Clip) -> None:
    mask = np.zeros((112, 192), bool)
    mask[20:40, 30:70] = True
    pose = se3.exp([0.1, 0.2, 0.7, 0.3, 0.2, 0.1])
    hints = {"block": ToolHints({(2, 0): np.array([1.0, 2, 30, 40])}, {(3, 1): mask}, {0: pose})}
    again = parse_hints(hints_to_json(hints), small_clip, "here")["block"]
    np.testing.assert_array_equal(again.boxes[2, 0], (1, 2, 30, 40))
    np.testing.assert_array_equal(again.masks[3, 1], mask)
    np.testing.assert_allclose(again.poses[0], pose)


def test_masks_beside_a_file_are_read_and_boxes_are_cut_to_the_picture(small_clip: Clip, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((112, 192), 255, np.uint8))
    entries = [{"step": 1, "view": 2, "mask": "mask.png"}, {"step": 12, "view": 1, "box": [-50, 5, 500, 50]}]
    (tmp_path / "hints.json").write_text(json.dumps({"block": entries}))
    hints = read_hints(tmp_path / "hints.json", small_clip)["block"]
    assert hints.masks[0, 1].all()
    np.testing.assert_array_equal(hints.boxes[11, 0], (0, 5, 192, 50))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[1]", "must be like"),
        ('{"block": 3}', "must be like"),
        ('{"spoon": []}', r"spoon.*block"),
        (said(step=1, view=1), "exactly one of box, mask, pose"),
        (said(step=1, view=1, box=[1, 2, 30, 40], pose=[]), "exactly one"),
        (said(step=0, view=1, box=[1, 2, 30, 40]), r"step.*from 1 to 12; it is 0"),
        (said(step=True, view=1, box=[1, 2, 30, 40]), "step"),
        (said(step=1, view=3, box=[1, 2, 30, 40]), r"view.*from 1 to 2"),
        (said(step=1, view=1, box=[30, 2, 1, 40]), "at least 4 pixels"),
        (said(step=1, view=1, box=[1, 2, float("nan"), 40]), "not finite"),
        (said(step=1, view=1, box="big"), "must be numbers"),
        (said(step=1, view=1, box=[300, 2, 400, 40]), "inside the 192x112 picture"),
        (said(step=1, view=1, mask="../../etc/passwd"), "files are not read here"),
        (said(step=1, view=1, mask="data:image/png;base64,AAAA"), "must be a PNG"),
        (said(step=1, view=1, mask="data:image/png;base64,%%%"), "not base64"),
        (said(step=1, pose=np.zeros((4, 4)).tolist()), "pose"),
        (json.dumps({"block": [{}] * 1001}), "more than 1000"),
    ],
)
def test_what_is_wrong_is_said(small_clip: Clip, text: str, complaint: str) -> None:
    with pytest.raises(DreamitateError, match=complaint):
        parse_hints(text, small_clip, "here")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(("step", "view", "box", "mask", "pose"), JSON)))
def test_nothing_that_is_said_is_a_crash(small_clip: Clip, entry: Any) -> None:
    with contextlib.suppress(DreamitateError):
        parse_hints(json.dumps({"block": [{"step": 1, "view": 1, **entry}]}), small_clip, "here")


def test_a_pose_that_is_given_settles_which_way_round_the_tool_is(small_clip: Clip) -> None:
    assert small_clip.truth is not None
    truth = small_clip.truth["block"]
    turned = truth[4] @ se3.exp([0, 0, 0, 0, 0, np.pi])
    found = track(small_clip, hints={"block": ToolHints(poses={4: turned})})["block"]
    sure = np.isin(found.status, SURE)
    assert (se3.rotation_distance_rad(found.transform_tool_to_frame, truth)[sure] > 1.0).all()


def test_poses_in_all_frames_are_refined_without_a_search(small_clip: Clip) -> None:
    assert small_clip.truth is not None
    truth = small_clip.truth["block"]
    start = truth @ se3.exp(np.random.default_rng(0).normal(0, [0.008] * 3 + [0.1] * 3, (STEPS, 6)))
    stages: list[str] = []
    found = track(
        small_clip, "region", lambda stage, _: stages.append(stage), {"block": ToolHints(poses=dict(enumerate(start)))}
    )
    error = [
        np.linalg.norm((poses - truth)[:, :3, 3], axis=1) for poses in (start, found["block"].transform_tool_to_frame)
    ]
    assert np.median(error[1]) < 0.4 * np.median(error[0])
    assert "searching for the tool" not in stages


def test_the_tool_is_not_seen_outside_its_box(small_clip: Clip) -> None:
    hints = {
        "block": ToolHints({(step, view): np.array([0.0, 0, 12, 8]) for step in range(STEPS) for view in range(2)})
    }
    assert not np.isin(track(small_clip, hints=hints)["block"].status, SURE).any()


def test_boxes_teach_the_colours_of_a_tool_that_the_dream_drew_otherwise(small_clip: Clip) -> None:
    assert small_clip.truth is not None
    truth, tool = small_clip.truth["block"], small_clip.tools[0]
    mesh = tool.mesh.copy()
    colours = colours_of(mesh)
    colours.vertex_colors = colours.vertex_colors[:, [1, 2, 0, 3]]
    clip = replace(small_clip, tools=[replace(tool, mesh=mesh)])
    boxes = {}
    for view, camera in enumerate(clip.rig.cameras):
        for step in (2, 5, 9):
            pixels, _ = camera.project(se3.transform_points(truth[step], mesh.vertices))
            boxes[step, view] = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    hints = {"block": ToolHints(boxes)}
    error = [
        np.linalg.norm((path["block"].transform_tool_to_frame - truth)[:, :3, 3], axis=1)
        for path in (track(clip), track(clip, hints=hints))
    ]
    assert np.median(error[1]) < 0.01 < np.median(error[0])


def test_hints_on_the_topic_are_used_once_and_refused_where_they_do_not_fit(small_clip: Clip) -> None:
    node = TrackerNode.__new__(TrackerNode)
    node._take_hints(String(data=said(step=2, view=1, box=[1, 2, 30, 40])))
    assert list(node._used_hints(small_clip)["block"].boxes) == [(1, 0)]
    assert node._used_hints(small_clip) == {}
    node._take_hints(String(data=said(step=2, view=1, mask="/etc/passwd")))
    with pytest.raises(StageError, match="files are not read here") as error:
        node._used_hints(small_clip)
    assert error.value.code == TrackTool.Result.INVALID_GOAL
