"""What the clip teaches about colours: this person's skin, and each part of the tool as this clip draws it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .detect import Eyes
from .maps import Maps, changed
from .palette import BINS, Palette, histogram
from .raster import NOTHING, project, rasterise
from .scene import Level

Array = NDArray[np.float64]

ENOUGH_PX = 150


def skin_tone(level: Level, maps: Maps) -> Array | None:
    """Return the RGB colour (3,) of skin in this clip, or None where too little skin is seen."""
    skin = maps[:, :, -1] > 0.5
    if skin.sum() < ENOUGH_PX:
        return None
    return np.asarray(np.quantile(level.images[skin], 0.7, axis=0), float)


def labels_seen(eyes: Eyes, pose: Array, view: int, width: int, height: int) -> NDArray[np.int8]:
    """Return (height, width) which label of the tool each pixel shows for a pose body to reference."""
    vertices, faces, face_label = eyes.body
    pixels = np.empty((len(vertices), 3))
    label = np.full((height, width), NOTHING, np.int8)
    if project(vertices, eyes.reference_to_cameras[view] @ pose, eyes.intrinsics[view], pixels):
        rasterise(pixels, faces, face_label, 0.0, 0.0, 1.0, np.empty((height, width), np.float32), label)
    return label


def learned(palette: Palette, level: Level, eyes: Eyes, poses: Array, seen: NDArray[np.bool_]) -> Palette:
    """Return the palette mixed with the colours seen at poses (12, 4, 4) body to reference, and with the skin's."""
    parts = np.zeros((len(palette.parts), BINS, BINS, BINS), np.float32)
    height, width = level.images.shape[2:4]
    moved = changed(level)
    for t in np.flatnonzero(seen):
        for view in range(2):
            label = labels_seen(eyes, poses[t], view, width, height)
            image = level.images[t, view]
            for part in range(len(parts)):
                mask = (label == part).astype(np.uint8)
                inner = cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0
                inner = (inner if inner.sum() > 0.25 * mask.sum() else mask > 0) & moved[t, view]
                colours = image[inner]
                bins = (colours >> 3).astype(int)
                i, j, k = bins.T
                hand = palette.skin[i, j, k]
                own = palette.parts[part][i, j, k]
                parts[part] += histogram(colours, np.asarray(own / (own + hand + 1e-6), float))
    return palette.with_learned(parts, np.zeros((BINS, BINS, BINS), np.float32))
