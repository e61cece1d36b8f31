"""The photos a dream begins with: checked against the rig, cropped and resized with it."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import Camera, StereoRig, crop_and_resize
from dreamitate_core.errors import DreamitateError

from .photo_order import look_exchanged

Image = NDArray[np.uint8]

SHAPE_TOLERANCE = 0.01
"""By which share a photo's width over height may differ from its camera's."""


def fitted_photos(
    photo_1: Image, photo_2: Image, rig: StereoRig, width: int, height: int, region: float = 1.0
) -> tuple[Image, Image, StereoRig]:
    """Return both photos (height, width, 3), of the middle region of the pictures, and the rig that belongs to them.

    Raises DreamitateError for a photo that is no 8-bit RGB picture, grey, or not of its camera's shape, and for photos
    that look exchanged.
    """
    for number, (photo, camera) in enumerate(zip((photo_1, photo_2), rig.cameras, strict=True), start=1):
        _check(photo, camera, number)
    small = rig.cropped_and_resized(width, height, region)
    one, two = (crop_and_resize(photo, width, height, region) for photo in (photo_1, photo_2))
    if look_exchanged(one, two, small):
        raise DreamitateError(
            "The photos look exchanged: what lies on the table agrees better with photo 1 from camera_2 and photo 2"
            " from camera_1. Give them in the other order, or name the camera file that belongs to them."
        )
    return one, two, small


def _check(photo: Image, camera: Camera, number: int) -> None:
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
        raise DreamitateError(
            f"Photo {number} must be an 8-bit RGB picture (H, W, 3); it has shape {photo.shape} of {photo.dtype}."
        )
    height, width = photo.shape[:2]
    ratio = (width / height) / (camera.width / camera.height)
    if abs(ratio - 1) > SHAPE_TOLERANCE:
        raise DreamitateError(
            f"Photo {number} is {width}x{height}, but camera_{number} of the rig is {camera.width}x{camera.height}:"
            " a photo must have its camera's shape. Name the camera file that belongs to the photos."
        )
    if photo.std() < 1.0:
        raise DreamitateError(f"Photo {number} shows nothing: all its pixels are alike. Is the lens covered?")
    if (photo == photo[..., :1]).all():
        raise DreamitateError(f"Photo {number} is grey; the dream needs colours. Is the camera set to a colour format?")
