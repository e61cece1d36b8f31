"""The bare scene as a clip draws it, how far its pixels may be off, and which pixels no longer show it."""

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

NEAR = 10.0
"""Grey levels off the photo from which a pixel is doubted to show the bare scene."""
WARP_PX = 0.7
"""How far a bare picture's edges may be displaced in a dream, in pixels of the level."""
MOST_WOBBLE = 12.0


def bare_scene(images: Images, photo: Images) -> tuple[Floats, Floats]:
    """Return the scene (h, w, 3) without tool and hand as one view's pictures (T, h, w, 3) draw it, and how far its
    pixels (h, w) may be off, in grey levels. photo: (h, w, 3) of it.

    A picture counts by how near its pixel is to the photo's: what a hand covers in most of them must not become bare.
    """
    expected, wobble = np.empty(photo.shape, np.float32), np.empty(photo.shape[:2], np.float32)
    frames = np.empty(photo.shape[:2], np.float32)
    _weigh(images, photo, NEAR, expected, wobble, frames)
    few = images[:, ::4, ::4].astype(np.float32)
    usual = float(np.median(np.abs(few - expected[::4, ::4]).mean(axis=3)))
    wobble = np.minimum((wobble + usual) / (frames + 1.0), MOST_WOBBLE)
    across, down = (cv2.Sobel(expected, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    slope = cv2.dilate(cv2.magnitude(across, down).max(axis=2), np.ones((3, 3), np.uint8))
    return expected, np.sqrt((1.2 * usual + 5.0) ** 2 + (WARP_PX * slope) ** 2 + wobble**2)


@njit(cache=True, fastmath=True, nogil=True)
def _weigh(images: Images, photo: Images, near: float, expected: Floats, off: Floats, frames: Floats) -> None:
    """Fill expected (h, w, 3), and the weighted sum of distances from it and of weights, off and frames (h, w)."""
    count, height, width = images.shape[:3]
    weights = np.empty(count)
    for row in range(height):
        for column in range(width):
            total, red, green, blue = 1.0, 0.0, 0.0, 0.0
            for t in range(count):
                r = np.float64(images[t, row, column, 0]) - photo[row, column, 0]
                g = np.float64(images[t, row, column, 1]) - photo[row, column, 1]
                b = np.float64(images[t, row, column, 2]) - photo[row, column, 2]
                distance = (abs(r) + abs(g) + abs(b)) / (3.0 * near)
                weights[t] = 1.0 / (1.0 + distance**2) ** 2
                total += weights[t]
                red, green, blue = red + weights[t] * r, green + weights[t] * g, blue + weights[t] * b
            expected[row, column, 0] = photo[row, column, 0] + red / total
            expected[row, column, 1] = photo[row, column, 1] + green / total
            expected[row, column, 2] = photo[row, column, 2] + blue / total
            distance = 0.0
            for t in range(count):
                for channel in range(3):
                    distance += weights[t] * abs(images[t, row, column, channel] - expected[row, column, channel]) / 3.0
            off[row, column] = distance
            frames[row, column] = total - 1.0


@njit(cache=True, fastmath=True, nogil=True)
def mark_changed(image: Images, bare: Floats, sigma: Floats, marks: NDArray[np.bool_]) -> None:
    """Mark (h, w) the pixels of a picture (h, w, 3) that do not show the bare scene (h, w, 3), sigma (h, w) off."""
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            limit = 3.5 * sigma[row, column] + 6.0
            marks[row, column] = False
            for channel in range(3):
                off = np.float32(image[row, column, channel]) - bare[row, column, channel]
                marks[row, column] |= off > limit or off < -limit
