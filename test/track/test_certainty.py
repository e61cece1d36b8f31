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
from dreamitate_track.model import make_model
from dreamitate_track.region import find_tools
from dreamitate_track.synthetic import Conditions, make_clip

TURNED = se3.exp(np.array([0, 0, 0, np.pi, 0, 0]))
"""About the handle's long axis."""


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(1001, Conditions(width=192, height=112, tools="scoop", tracked="handle", clutter=15))


def test_a_tool_that_was_found_turned_over_is_turned_back(clip: Clip) -> None:
    assert clip.truth is not None
    start = find_tools(clip, quiet, {})[0].start
    assert start is not None
    truth = clip.truth["scoop"] @ start.model.transform_body_to_tool
    rivals = [[Hypothesis(pose, 500.0)] for pose in truth]
    found, settled = surest(replace(start, poses=truth @ TURNED), rivals, quiet)
    assert settled
    assert np.degrees(se3.rotation_distance_rad(found.poses, truth)).max() < 20

    box = trimesh.creation.box(np.ptp(start.model.vertices, axis=0))
    box.visual = trimesh.visual.ColorVisuals(box, face_colors=np.tile([*start.model.colours[0], 255], (12, 1)))
    plain = replace(start, model=make_model(replace(clip.tools[0], mesh=box)), poses=truth @ TURNED)
    plain = replace(plain, palette=replace(start.palette, parts=start.palette.parts[:1], trust=start.palette.trust[:1]))
    assert not surest(plain, rivals, quiet)[1], "a plain box looks alike either way round"
