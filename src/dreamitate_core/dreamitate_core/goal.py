"""Goal masks: where the object shall end, blended into the photos and the whole video (paper section 4.5).

A mask is the object's silhouette at its goal as one camera sees it: (H, W), 255 on the object, 0 elsewhere.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .errors import DreamitateError

Mask = NDArray[np.uint8]
Images = NDArray[np.uint8]

COLOUR = (255, 255, 255)
OPACITY = 0.3
"""A light veil: objects, hand and tool stay to be seen through it, in nearly their own colours."""


def blend(images: Images, mask: Mask) -> Images:
    """Return pictures (..., H, W, 3) RGB with the mask (H, W) blended in.

    Raises DreamitateError where the mask is of another size or type, or holds other values than 0 and 255.
    """
    height, width = images.shape[-3:-1]
    check_mask(mask, width, height)
    blended = images.copy()
    inside = mask > 0
    mixed = (1.0 - OPACITY) * images[..., inside, :] + OPACITY * np.array(COLOUR)
    blended[..., inside, :] = np.round(mixed).astype(np.uint8)
    return blended


def check_mask(mask: Mask, width: int, height: int, name: str = "The goal mask") -> None:
    """Raise DreamitateError where the mask is not (height, width) of 8 bits with only 0 and 255 in it, or is empty."""
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise DreamitateError(
            f"{name} must be an 8-bit grey picture (H, W) of 0 and 255; it has shape {mask.shape} of {mask.dtype}."
        )
    if mask.shape != (height, width):
        raise DreamitateError(
            f"{name} is {mask.shape[1]}x{mask.shape[0]}, but its picture {width}x{height}: make it of the same size."
        )
    if not ((mask == 0) | (mask == 255)).all():
        other = int(mask[(mask != 0) & (mask != 255)][0])
        raise DreamitateError(f"{name} holds the value {other}; 255 stands for the object, 0 for everything else.")
    if not mask.any():
        raise DreamitateError(f"{name} is empty: no pixel is 255, so that it shows no goal.")


def fit_mask(mask: Mask, camera: Camera, fitted: Camera) -> Mask:
    """Return the mask of a camera's picture as that of its cropped and resized picture, again of 0 and 255.

    fitted: the camera that `Camera.cropped_and_resized` made of `camera`.
    """
    scale = np.diag(fitted.K @ np.linalg.inv(camera.K))[:2]
    affine = np.column_stack([np.diag(scale), fitted.K[:2, 2] - scale * camera.K[:2, 2]])
    size = fitted.width, fitted.height
    blurred = cv2.blur(mask, (max(1, round(1 / scale[0])), max(1, round(1 / scale[1]))))
    return np.where(cv2.warpAffine(blurred, affine, size) > 127, 255, 0).astype(np.uint8)


def read_mask(path: Path) -> Mask:
    """Return the mask in a PNG file. Raises DreamitateError where it is missing or no grey 8-bit picture."""
    if not Path(path).is_file():
        raise DreamitateError(f"There is no goal mask {path}.")
    mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if mask is None:
        raise DreamitateError(f"The goal mask {path} cannot be read as a picture.")
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise DreamitateError(
            f"The goal mask {path} must be an 8-bit grey picture; it has shape {mask.shape} of {mask.dtype}."
        )
    return np.asarray(mask, np.uint8)


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask as PNG."""
    if not cv2.imwrite(str(path), mask):
        raise DreamitateError(f"The goal mask {path} cannot be written. Is the folder there and writable?")
