"""One small clip that MuJoCo rendered, shared by the tests of this folder, which must not change it."""

import pytest

from dreamitate_core.clip import Clip
from dreamitate_track.synthetic import Conditions, make_clip


@pytest.fixture(scope="session")
def small_clip() -> Clip:
    """A clip of 192x112 with truth, in which the tool is seen in every frame."""
    return make_clip(2, conditions=Conditions(width=192, height=112, clutter=15))
