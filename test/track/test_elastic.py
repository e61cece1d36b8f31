"""Elastic warps are undone where the table shows something, and plain pictures stay as they are."""

import cv2
import numpy as np

from dreamitate_track.elastic import without_warps

HEIGHT, WIDTH = 224, 384


def warped(photo: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the photo under a smooth random warp of half a pixel, and its displacements (H, W, 2)."""
    coarse = rng.normal(0, 0.5, (5, 8, 2)).astype(np.float32)
    off = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32))
    picture = cv2.remap(photo, x + off[..., 0], y + off[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
    return np.asarray(picture, np.uint8), off


def test_what_stands_still_goes_back_to_where_the_photo_shows_it() -> None:
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 255, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
    smooth = cv2.GaussianBlur(cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), (0, 0), 1.0)
    photo = np.asarray(smooth, np.uint8)
    picture, _ = warped(photo, rng)
    noisy = np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)
    straight = without_warps(noisy[None, None], photo[None])[0, 0]
    inside = np.s_[16:-16, 16:-16]
    before, after = (np.abs(p[inside].astype(float) - photo[inside]).mean() for p in (noisy, straight))
    assert after < 0.6 * before


def test_a_plain_table_says_nothing() -> None:
    photo = np.full((1, HEIGHT, WIDTH, 3), 60, np.uint8)
    pictures = np.full((1, 1, HEIGHT, WIDTH, 3), 64, np.uint8)
    np.testing.assert_array_equal(without_warps(pictures, photo), pictures)


def test_what_moved_does_not_pull() -> None:
    rng = np.random.default_rng(1)
    rough = rng.integers(0, 255, (40, 64, 3), dtype=np.uint8)
    photo = np.asarray(cv2.resize(rough, (WIDTH, HEIGHT)), np.uint8)
    picture = photo.copy()
    picture[60:160, 100:260] = (250, 20, 20)
    straight = without_warps(picture[None, None], photo[None])[0, 0]
    assert np.abs(straight[80:140, 120:240].astype(int) - picture[80:140, 120:240]).max() == 0
    assert np.abs(straight[:40].astype(int) - photo[:40]).mean() < 2.0
