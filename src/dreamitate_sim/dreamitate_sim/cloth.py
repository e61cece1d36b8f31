"""The wrinkled black cloth: a procedural picture, repeatable from its seed."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .scene import Look

WIDTH, HEIGHT = 768, 576


def cloth_texture(look: Look) -> NDArray[np.uint8]:
    """Return the cloth's picture (HEIGHT, WIDTH, 3) RGB: long soft folds, short creases, and the weave's grain."""
    random = np.random.default_rng(look.cloth_seed)
    folds = _ridges(random, 5, 4) * 0.6 + _ridges(random, 16, 12) * 0.4
    grain = random.standard_normal((HEIGHT // 2, WIDTH // 2)).astype(np.float32)
    fine = cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    grey = look.cloth_grey + look.wrinkle * folds + 1.2 * fine
    return np.clip(grey[..., None] * np.array(look.cloth_tint, np.float32), 0, 255).astype(np.uint8)


def _ridges(random: np.random.Generator, columns: int, rows: int) -> NDArray[np.float32]:
    """Smooth noise of unit size folded at its zero lines, which gives bright creases; mean zero."""
    coarse = random.standard_normal((rows, columns)).astype(np.float32)
    smooth = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    ridges = np.exp(-3.0 * np.abs(smooth)) + 0.4 * smooth
    return np.asarray(ridges - ridges.mean(), np.float32)
