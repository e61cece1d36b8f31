"""What the clip teaches about colours: this person's skin, and each part of the tool as this clip draws it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .detect import Eyes
from .maps import Maps, changed
from .palette import BINS, SHIFT, UNIFORM, Palette, histogram
from .raster import NOTHING, project, rasterise
from .scene import Level

Array = NDArray[np.float64]

ENOUGH_PX = 150
CLEAR = 0.75
"""Share of the best frame's evidence per pixel from which a frame may teach. Where two tools come near each other,
some frames' first poses lie half on a sleeve, with 0.3 to 0.68 of it; right ones had 0.87 and more in four clips."""


def skin_tone(level: Level, palette: Palette) -> Array | None:
    """Return the RGB colour (3,) of skin in this clip, or None where too little skin is seen."""
    colours = level.images[changed(level)]
    i, j, k = (colours >> SHIFT).T
    others = np.maximum(palette.parts[:, i, j, k].max(axis=0), palette.scene[i, j, k])
    skin = colours[palette.skin[i, j, k] > np.maximum(others, 4 * UNIFORM)]
    return None if len(skin) < ENOUGH_PX else np.asarray(np.quantile(skin, 0.7, axis=0), float)


def labels_seen(eyes: Eyes, pose: Array, view: int, width: int, height: int) -> NDArray[np.int8]:
    """Return (height, width) which label of the tool each pixel shows for a pose body to reference."""
    vertices, faces, face_label = eyes.body
    pixels = np.empty((len(vertices), 3))
    label = np.full((height, width), NOTHING, np.int8)
    if project(vertices, eyes.reference_to_cameras[view] @ pose, eyes.intrinsics[view], pixels):
        rasterise(pixels, faces, face_label, 0.0, 0.0, 1.0, np.empty((height, width), np.float32), label)
    return label


def clear_frames(eyes: Eyes, maps: Maps, poses: Array, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (12,) in which seen frames a first path is borne out well enough to learn colours from.

    A wrong pose would teach a part what lies there, and next the whole tool would be found on that.
    maps: (12, 2, L + 1, h, w); poses: (12, 4, 4) body to reference; seen: (12,).
    """
    evidence = np.zeros(len(poses))
    for t in np.flatnonzero(seen):
        gained, covered = eyes.values(poses[t], maps[t])[:, :2].sum(axis=0)
        evidence[t] = gained / max(1.0, covered)
    return seen & (evidence >= CLEAR * evidence.max())


def learned(
    palette: Palette, tone: Array | None, level: Level, eyes: Eyes, poses: Array, seen: NDArray[np.bool_]
) -> Palette:
    """Return the palette mixed with what poses (12, 4, 4) body to reference cover, and with this person's skin.

    Skin is what changed beside the tool and has the hue of the skin tone (3,), however dark the shade.
    """
    parts = np.zeros((len(palette.parts), BINS, BINS, BINS), np.float32)
    skin = np.zeros((BINS, BINS, BINS), np.float32)
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
                i, j, k = (colours >> SHIFT).T
                hand = palette.skin[i, j, k]
                own = palette.parts[part][i, j, k]
                parts[part] += histogram(colours, np.asarray(own / (own + hand + 3.0 * UNIFORM), float))
            if tone is not None:
                beside = cv2.dilate((label != NOTHING).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
                colours = image[moved[t, view] & beside]
                skin += histogram(colours[_like(colours, tone)])
    return palette.with_learned(parts, skin)


def _like(colours: NDArray[np.uint8], tone: Array) -> NDArray[np.bool_]:
    """Return which colours (N, 3) are the tone (3,) at some brightness."""
    values = colours.astype(float)
    along = values @ tone / (tone @ tone)
    off = np.linalg.norm(values - along[:, None] * tone, axis=1)
    return np.asarray((along > 0.12) & (along < 1.3) & (off < 4.0 + 0.1 * along * np.linalg.norm(tone)))
