"""Whether two photos belong to the cameras that they are said to be from.

What lies on the table is seen by both cameras; each photo, laid onto the table's plane with its own camera, shows it in
the same places. With the photos exchanged it does not, and the exchanged order fits better.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig

Array = NDArray[np.float64]

HALF_SIZE_M = 0.30, 0.22
"""Of the piece of table that is compared, in x and y."""
ROWS, COLUMNS = 96, 144
MARGIN = 0.3
"""By which the exchanged order must correlate better to count as exchanged (the right one does so by 0.40 or more on
simulated scenes)."""


def look_exchanged(photo_1: NDArray[np.uint8], photo_2: NDArray[np.uint8], rig: StereoRig) -> bool:
    """Whether photos (H, W, 3) of the rig's size fit the other camera better. False where the table is not known."""
    if rig.transform_reference_to_table is None:
        return False
    as_said, exchanged = (
        _correlation(_on_table(one, rig.camera_1, rig), _on_table(two, rig.camera_2, rig))
        for one, two in ((photo_1, photo_2), (photo_2, photo_1))
    )
    return exchanged > as_said + MARGIN


def _on_table(photo: NDArray[np.uint8], camera: Camera, rig: StereoRig) -> Array:
    """Return the photo laid onto the table's plane (ROWS, COLUMNS, 3)."""
    x, y = np.meshgrid(
        np.linspace(-HALF_SIZE_M[0], HALF_SIZE_M[0], COLUMNS), np.linspace(-HALF_SIZE_M[1], HALF_SIZE_M[1], ROWS)
    )
    points = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
    assert rig.transform_reference_to_table is not None
    pixels, _ = camera.project(se3.transform_points(se3.inverse(rig.transform_reference_to_table), points))
    places = pixels.reshape(ROWS, COLUMNS, 2).astype(np.float32)
    smooth = cv2.GaussianBlur(photo, (0, 0), photo.shape[1] / 128)
    laid = cv2.remap(smooth, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, float)


def _correlation(one: Array, two: Array) -> float:
    """Return the correlation -1..1 of two pictures, colour by colour; 0 where one is flat."""
    one, two = one - one.mean((0, 1)), two - two.mean((0, 1))
    scale = np.sqrt((one**2).sum() * (two**2).sum())
    return float((one * two).sum() / scale) if scale > 0 else 0.0
