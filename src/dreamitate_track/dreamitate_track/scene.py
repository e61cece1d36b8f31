"""The clip's pictures made comparable with the bare scene: sizes, colour drift, and what each pixel shows when bare."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera
from dreamitate_core.clip import Clip

from .bare import bare_scene
from .elastic import without_warps

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

BROKEN = 0.85
"""A picture that has changed by more than this share shows another scene, or none."""


@dataclass(frozen=True)
class Level:
    """All pictures at one size. images: (12, 2, h, w, 3); bare: (2, h, w, 3) the scene without tool and hand;
    sigma: (2, h, w) how far a bare pixel may be off, in grey levels; intrinsics: (2, 4) fx, fy, cx, cy;
    usable: (12, 2) pictures in which anything of the bare scene is left: others are broken."""

    images: Images
    bare: Floats
    sigma: Floats
    intrinsics: NDArray[np.float64]
    usable: NDArray[np.bool_]

    @property
    def width(self) -> int:
        """Pixels."""
        return self.images.shape[3]


class Views:
    """The clip's pictures, undistorted, without colour drift and warps, at the sizes at which they are asked for."""

    def __init__(self, clip: Clip) -> None:
        pairs, self._bare = undistorted(clip)
        self._pairs = without_warps(without_drift(pairs, self._bare), self._bare)
        self._cameras = clip.rig.cameras
        self._levels: dict[int, Level] = {}
        self.full_width = clip.video.width
        self.reference_to_cameras = np.stack([se3.inverse(c.transform_camera_to_reference) for c in self._cameras])

    def level(self, width: int) -> Level:
        """Return the level of that width."""
        if width not in self._levels:
            self._levels[width] = make_level(self._pairs, self._bare, self._cameras, width)
        return self._levels[width]


def undistorted(clip: Clip) -> tuple[Images, Images]:
    """Return the pairs (12, 2, H, W, 3) and backgrounds (2, H, W, 3) as pinhole cameras with the same K see them."""
    pairs, bare = clip.video.pairs(), np.stack([clip.background_1, clip.background_2])
    for view, camera in enumerate(clip.rig.cameras):
        if np.any(camera.distortion):
            for image in [*pairs[:, view], bare[view]]:
                image[:] = cv2.undistort(image, camera.K, camera.distortion)
    return pairs, bare


def make_level(pairs: Images, bare: Images, cameras: tuple[Camera, Camera], width: int) -> Level:
    """Return the pictures resized to a width."""
    full_height, full_width = pairs.shape[2:4]
    height = max(8, round(full_height * width / full_width))
    images, small = _resized(pairs, width, height), _resized(bare, width, height)
    expected, sigma = (np.stack(both) for both in zip(*map(bare_scene, images.swapaxes(0, 1), small), strict=True))
    scale = np.array([width / full_width, height / full_height])
    intrinsics = np.empty((2, 4))
    for view, camera in enumerate(cameras):
        intrinsics[view, :2] = camera.K[[0, 1], [0, 1]] * scale
        intrinsics[view, 2:] = (camera.K[:2, 2] + 0.5) * scale - 0.5
    few = slice(None, None, max(1, width // 96))
    off = np.abs(images[:, :, few, few].astype(np.float32) - expected[:, few, few]).max(axis=-1)
    usable = (off > 3.5 * sigma[:, few, few] + 6.0).mean(axis=(2, 3)) < BROKEN
    return Level(images, expected, sigma, intrinsics, usable)


def without_drift(pairs: Images, bare: Images) -> Images:
    """Return pictures (12, 2, H, W, 3) with each channel's gain and offset undone, against the bare scene (2, H, W, 3).

    Fitted on the pixels that stayed as they were.
    """
    corrected = np.empty_like(pairs)
    levels = np.arange(256.0)
    for view in range(2):
        target = cv2.resize(bare[view], (96, 56), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(float)
        for step in range(len(pairs)):
            small = cv2.resize(pairs[step, view], (96, 56), interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(float)
            still = np.abs(small - target).max(axis=1) < 45
            tables = np.empty((1, 256, 3), np.uint8)
            for channel in range(3):
                gain, offset = _line(small[still, channel], target[still, channel])
                tables[0, :, channel] = np.clip(gain * levels + offset + 0.5, 0, 255)
            corrected[step, view] = cv2.LUT(pairs[step, view], tables)
    return corrected


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Return gain and offset of y = gain x + offset, fitted to the inliers, the gain held near one."""
    if len(x) < 50:
        return 1.0, 0.0
    gain, offset = 1.0, float(np.median(y - x))
    for _ in range(2):
        residual = y - gain * x - offset
        keep = np.abs(residual) <= 2.5 * np.median(np.abs(residual)) + 1.0
        mean_x, mean_y = x[keep].mean(), y[keep].mean()
        dx, dy, ridge = x[keep] - mean_x, y[keep] - mean_y, 60.0 * keep.sum()
        gain = float(np.clip((dx @ dy + ridge) / (dx @ dx + ridge), 0.7, 1.4))
        offset = float(mean_y - gain * mean_x)
    return gain, offset


def _resized(images: Images, width: int, height: int) -> Images:
    if images.shape[-3:-1] == (height, width):
        return images
    flat = images.reshape(-1, *images.shape[-3:])
    shrinks = width < images.shape[-2]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    small = np.stack([cv2.resize(image, (width, height), interpolation=how) for image in flat])
    return small.reshape(*images.shape[:-3], height, width, 3)
