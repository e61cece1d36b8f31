"""What the bare scene is behind a hand that hardly moves, and what a hand hides where it looks like the table."""

import numpy as np

from dreamitate_track.bare import bare_scene, mark_changed
from dreamitate_track.maps import HIDDEN, _close_hand
from dreamitate_track.palette import SKIN_TONES, shaded

SKIN = (180, 130, 95)


def test_what_a_resting_hand_covers_does_not_become_bare() -> None:
    rng = np.random.default_rng(0)
    photo = np.full((48, 64, 3), (150, 110, 75), np.uint8)
    images = np.clip(photo + rng.normal(3, 5, (12, 48, 64, 3)), 0, 255).astype(np.uint8)  # 3 lighter throughout
    images[:9, 10:30, 10:40] = SKIN
    expected, sigma = bare_scene(images, photo)
    under = expected[12:28, 12:38] - photo[12:28, 12:38]
    beside = expected[32:, 45:] - photo[32:, 45:]
    assert np.abs(under).mean() < 4
    assert 1.5 < beside.mean() < 3.5
    assert 4 < sigma[32:, 45:].mean() < 14
    marks = np.empty((48, 64), np.bool_)
    mark_changed(images[0], expected, np.full((48, 64), 4.0, np.float32), marks)
    assert marks[10:30, 10:40].all()
    assert marks[32:, 45:].mean() < 0.05


def test_skin_between_parts_of_a_hand_may_hide_the_tool() -> None:
    """An arm over wood: its edges differ from the table, what lies between looks bare and denies the tool."""
    image = np.full((40, 200, 3), SKIN, np.uint8)
    image[:, 100:] = (60, 95, 70)
    maps = np.zeros((2, 40, 200), np.float32)
    maps[0] = -3.0
    maps[1, [10, 11, 16, 17]] = 1.0
    _close_hand(image, shaded(SKIN_TONES, 0.6), maps, 200)
    np.testing.assert_allclose(maps[0, 12:16, 20:80], -3.0 * (1 - HIDDEN), rtol=1e-5)
    np.testing.assert_allclose(maps[1, 12:16, 20:80], HIDDEN, rtol=1e-5)
    assert (maps[0, 25:] == -3.0).all(), "far from the hand"
    assert (maps[0, :, 100:] == -3.0).all(), "not of skin's colour"
