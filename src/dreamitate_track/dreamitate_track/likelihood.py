"""Per pixel: how much more likely is its colour where a part of the tool is seen than where none is?

In front of the tool may be a hand (skin that was not there before), a thing that moved, or something unknown; all of
them say nothing either way.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .palette import SHIFT, UNIFORM

Maps = NDArray[np.float32]

LIMIT = 3.0
"""Log-likelihood ratios are clipped here: no pixel may outvote its neighbours."""
BARE, SHADOW, SCENE, SKIN, UNKNOWN = 0.74, 0.12, 0.03, 0.06, 0.02
"""Shares of what a pixel without the tool shows: the bare scene, its shadow, a thing that moved, skin, the unknown."""
CLEAR = 0.3
"""Log-likelihood ratio from which a part of the tool is rather seen than hidden."""
SATURATED = 1.2
"""Log-likelihood ratio from which nothing but the tool is seen; only saturated parts reach it."""
SHADOW_FLOOR = 40.0
"""Surfaces darker than this cast no visible shadow."""


@njit(cache=True, fastmath=True, nogil=True)
def fill_maps(
    image: NDArray[np.uint8],
    bare: Maps,
    sigma: Maps,
    parts: Maps,
    skin: Maps,
    scene: Maps,
    trust: Maps,
    first_row: int,
    last_row: int,
    first_column: int,
    last_column: int,
    maps: Maps,
) -> None:
    """Fill maps (L + 1, h, w) inside the window: per label log p(colour | label) / p(colour | no tool), then
    the
    share of what may hide the tool, in what is seen if no tool is.

    image: (h, w, 3); bare: (h, w, 3); sigma: (h, w); parts: (L, 32, 32, 32); skin, scene: (32, 32, 32).
    """
    labels = parts.shape[0]
    for row in range(first_row, last_row):
        for column in range(first_column, last_column):
            r = np.float64(image[row, column, 0])
            g = np.float64(image[row, column, 1])
            b = np.float64(image[row, column, 2])
            i, j, k = (
                image[row, column, 0] >> SHIFT,
                image[row, column, 1] >> SHIFT,
                image[row, column, 2] >> SHIFT,
            )
            br, bg, bb = bare[row, column, 0], bare[row, column, 1], bare[row, column, 2]
            s = sigma[row, column]
            inverse = 1.0 / (s * s)
            distance = ((r - br) ** 2 + (g - bg) ** 2 + (b - bb) ** 2) * inverse
            still = BARE * 512.0 * 0.0635 * inverse / s * np.exp(-0.5 * distance)
            length = br * br + bg * bg + bb * bb
            if length > SHADOW_FLOOR * SHADOW_FLOOR:
                shade = (r * br + g * bg + b * bb) / length
                if 0.35 < shade < 1.0:
                    off = (r - shade * br) ** 2 + (g - shade * bg) ** 2 + (b - shade * bb) ** 2
                    still += (
                        SHADOW * 64.0 * 0.159 * inverse * np.exp(-0.5 * off * inverse) * 8.0 / (0.65 * np.sqrt(length))
                    )
            front = SKIN * skin[i, j, k] + SCENE * scene[i, j, k] + UNKNOWN * UNIFORM
            without = still + front
            clearest = np.float32(0.0)
            for part in range(labels):
                tool = (1.0 - SKIN - SCENE - UNKNOWN) * parts[part, i, j, k]
                ratio = np.log((tool + front) / without)
                maps[part, row, column] = trust[part] * min(LIMIT, max(-LIMIT, ratio))
                clearest = max(clearest, maps[part, row, column])
            maps[labels, row, column] = 0.0 if clearest > SATURATED else front / without
