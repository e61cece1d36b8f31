"""Which way round a handle is whose colours tell, and one whose colours do not."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.progress import quiet
from dreamitate_track.certainty import surest
from dreamitate_track.detect import Hypothesis
from dreamitate_track.fuse import COARSE_WIDTH, Start, look
from dreamitate_track.model import make_model
from dreamitate_track.region import find_tools
from dreamitate_track.rivals import way_round_is_certain
from dreamitate_track.synthetic import Conditions, make_clip

TURNED = se3.exp(np.array([0, 0, 0, np.pi, 0, 0]))
"""About the handle's long axis."""


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(1001, Conditions(width=192, height=112, tools="scoop", tracked="handle", clutter=15))


@pytest.fixture(scope="module")
def start(clip: Clip) -> Start:
    """Where the search leaves the handle, at its true poses."""
    assert clip.truth is not None
    found = find_tools(clip, quiet, {})[0].start
    assert found is not None
    return replace(found, poses=clip.truth["scoop"] @ found.model.transform_body_to_tool)


@pytest.fixture(scope="module")
def plain(clip: Clip, start: Start) -> Start:
    """The same with a box of one colour as the tool."""
    box = trimesh.creation.box(np.ptp(start.model.vertices, axis=0))
    box.visual = trimesh.visual.ColorVisuals(box, face_colors=np.tile([*start.model.colours[0], 255], (12, 1)))
    palette = replace(start.palette, parts=start.palette.parts[:1], trust=start.palette.trust[:1])
    return replace(start, model=make_model(replace(clip.tools[0], mesh=box)), palette=palette)


def test_a_tool_that_was_found_turned_over_is_turned_back(start: Start, plain: Start) -> None:
    truth = start.poses
    rivals = [[Hypothesis(pose, 500.0)] for pose in truth]
    found, settled = surest(replace(start, poses=truth @ TURNED), rivals, quiet)
    assert settled
    assert np.degrees(se3.rotation_distance_rad(found.poses, truth)).max() < 20

    turned = replace(plain, poses=truth @ TURNED)
    assert not surest(turned, rivals, quiet)[1], "a plain box looks alike either way round"


def test_a_path_must_stand_out_from_ways_that_no_search_tried(start: Start, plain: Start) -> None:
    def certain(path: Start, poses: np.ndarray) -> np.ndarray:
        return way_round_is_certain(*look(path, COARSE_WIDTH, poses), poses, np.ones(12, np.bool_))

    truth, turned = start.poses, start.poses @ TURNED
    assert certain(start, truth).sum() >= 11, "one frame alone may be as well explained another way"
    assert not certain(start, turned).any(), "the true way round is found, and better"
    halves = np.concatenate([turned[:4], truth[4:]])
    assert not certain(start, halves)[:4].any(), "a path that turns over is wrong before or after"
    assert not certain(plain, truth).any(), "a plain box looks alike either way round"
