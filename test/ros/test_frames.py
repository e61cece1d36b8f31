"""The tree of frames gives a transform between any two, or says what it knows."""

import numpy as np
import pytest

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_ros.frames import FrameTree


def motion(seed: int) -> np.ndarray:
    return np.asarray(se3.exp(np.random.default_rng(seed).normal(size=6)))


def test_along_up_down_and_across() -> None:
    tree = FrameTree()
    a, b, c = motion(1), motion(2), motion(3)
    tree.set("table", "base", a)
    tree.set("base", "link", b)
    tree.set("table", "camera", c)
    np.testing.assert_allclose(tree.transform("link", "table"), a @ b, atol=1e-12)
    np.testing.assert_allclose(tree.transform("table", "link"), se3.inverse(a @ b), atol=1e-12)
    np.testing.assert_allclose(tree.transform("link", "camera"), se3.inverse(c) @ a @ b, atol=1e-12)
    np.testing.assert_allclose(tree.transform("link", "link"), np.eye(4))


def test_newest_pose_counts() -> None:
    tree = FrameTree()
    tree.set("table", "base", motion(1))
    tree.set("table", "base", motion(2))
    np.testing.assert_allclose(tree.transform("base", "table"), motion(2))


def test_unknown_frame_is_named_with_the_known_ones() -> None:
    tree = FrameTree()
    tree.set("table", "base", motion(1))
    with pytest.raises(DreamitateError, match=r"from camera_1 to table .* Frames known so far: base, table"):
        tree.transform("camera_1", "table")


def test_circle_is_named() -> None:
    tree = FrameTree()
    tree.set("a", "b", motion(1))
    tree.set("b", "a", motion(2))
    with pytest.raises(DreamitateError, match="in a circle"):
        tree.transform("a", "c")


def test_a_transform_that_is_none_is_refused() -> None:
    with pytest.raises(DreamitateError, match="from base to table"):
        FrameTree().set("table", "base", np.ones((4, 4)))
