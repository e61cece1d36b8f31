"""Two tools that are each other's mirror image enter at the lower edge: neither is taken for the other."""

import numpy as np

from dreamitate_bench.track_measure import compare, inside
from dreamitate_core.trajectory import Status
from dreamitate_track.synthetic import Conditions, make_clip
from dreamitate_track.track import track

SURE = (Status.OK, Status.PARTIAL, Status.RECOVERED)


def test_mirrored_tools_are_not_swapped() -> None:
    clip = make_clip(1001, Conditions(width=384, height=224, tools="plates", clutter=15))
    assert clip.truth is not None
    tracks = track(clip)
    for tool in clip.tools:
        found = compare(clip, tool, tracks)
        visible = inside(clip, tool, clip.truth[tool.name]) > 0.9
        assert not any(found["swapped"])
        assert np.median(np.array(found["mm"])[visible]) < 5
        assert np.array(found["degrees"])[visible].max() < 20
        assert np.isin(tracks[tool.name].status, SURE)[visible].mean() > 0.8
