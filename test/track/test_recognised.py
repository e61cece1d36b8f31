"""A thing is the tool where it shows the tool's colours: all of them together, and each that is saturated."""

import numpy as np
import pytest

from dreamitate_track.detect import Eyes
from dreamitate_track.likelihood import LIMIT
from dreamitate_track.model import Model
from dreamitate_track.quality import recognised

SIZE = 40
FACES = np.array([[0, 1, 2], [0, 2, 3], [1, 4, 2], [4, 5, 2]], np.int32)
SQUARES = Model(  # two squares side by side, 10 cm each, of two colours
    np.array([[-0.1, -0.05, 0], [0, -0.05, 0], [0, 0.05, 0], [-0.1, 0.05, 0], [0.1, -0.05, 0], [0.1, 0.05, 0]]),
    FACES,
    np.array([0, 0, 1, 1], np.int8),
    np.array([[200.0, 40, 40], [40, 40, 200]]),
    0.12,
    np.eye(4),
)


@pytest.mark.parametrize(
    ("shown", "trust", "is_it"),
    [
        ((1.0, 1.0), (1.0, 1.0), True),
        ((0.2, 0.2), (1.0, 1.0), False),  # all of it agrees too little: an arm beside a grey mesh
        ((1.2, -0.2), (1.0, 1.0), False),  # a thing of one of its colours
        ((1.0, -0.2), (1.0, 0.35), True),  # dark parts may look like anything
    ],
)
def test_every_saturated_colour_must_be_seen(shown: tuple[float, ...], trust: tuple[float, ...], is_it: bool) -> None:
    eyes = Eyes(SQUARES, np.stack([np.eye(4)] * 2), np.tile([60.0, 60, 19.5, 19.5], (2, 1)))
    pose = np.eye(4)
    pose[2, 3] = 0.5
    maps = np.zeros((12, 2, 3, SIZE, SIZE), np.float32)
    for part in range(2):
        maps[:, :, part] = LIMIT * shown[part] * trust[part]
    assert recognised(eyes, maps, np.array(trust, np.float32), np.tile(pose, (12, 1, 1))) == is_it
    maps[:7, :, 2] = 1.0  # hidden by a hand in most frames; what is seen beside it tells
    maps[:7, :, :2] = 0.0
    assert recognised(eyes, maps, np.array(trust, np.float32), np.tile(pose, (12, 1, 1))) == is_it
