"""Colours as densities over a 32x32x32 table: the tool's parts, skin, and whatever else the scene holds.

Each part starts from its mesh colour under any shading, and is learned from the clip once the tool has been found.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Table = NDArray[np.float32]

BINS = 32
SHIFT = 3
"""An 8-bit channel shifted right by this is its bin."""
UNIFORM = 1.0 / BINS**3
SKIN_TONES = np.array(
    [[255, 219, 187], [241, 194, 150], [224, 172, 125], [214, 160, 130], [198, 134, 95], [150, 100, 70], [110, 70, 50]],
    float,
)
SHADES = np.linspace(0.25, 1.1, 12)
HIGHLIGHTS = (0.0, 0.1, 0.2)
COLOURLESS_TRUST = 0.6
SIGMA_DARK, SIGMA_PER_LEVEL = 9.0, 0.09
"""A colour's spread: grey levels at black, and more per grey level of its brightest channel."""


@dataclass(frozen=True)
class Palette:
    """Densities per bin, each table (32, 32, 32) summing to one. parts: (L, 32, 32, 32), one per label of the tool;
    trust: (L,) what a label's evidence counts: dark and grey things are everywhere, saturated ones are not."""

    parts: Table
    skin: Table
    scene: Table
    trust: Table

    def with_learned(self, parts: Table, skin: Table) -> "Palette":
        """Return the palette mixed half and half with histograms (counts) seen in the clip."""
        mixed = [_mix(old, counts) for old, counts in zip(self.parts, parts, strict=True)]
        return replace(self, parts=np.stack(mixed), skin=_mix(self.skin, skin))

    def with_skin_tone(self, tone: NDArray[np.float64]) -> "Palette":
        """Return the palette for a person whose skin has the RGB colour `tone` (3,) in this clip."""
        return replace(self, skin=np.asarray(0.3 * self.skin + 0.7 * shaded(tone[None], 0.7), np.float32))

    def nearness_to_skin(self) -> NDArray[np.float64]:
        """Return per label (L,) the Bhattacharyya overlap 0..1 of its colours with skin's."""
        return np.array([np.sqrt(part.astype(float) * self.skin).sum() for part in self.parts])


def palette_of(colours: NDArray[np.float64], scene: Table) -> Palette:
    """Return the first palette from label colours (L, 3) RGB and the scene's histogram (counts).

    No colours (0, 3): one label of any colour, so that what changed and is no skin may be the tool.
    """
    if not len(colours):
        anything = np.full((1, BINS, BINS, BINS), UNIFORM, np.float32)
        return Palette(anything, shaded(SKIN_TONES, 0.6), normalised(scene), np.full(1, COLOURLESS_TRUST, np.float32))
    parts = np.stack([shaded(colour[None], 1.0) for colour in colours])
    chroma = np.ptp(colours, axis=1)
    trust = np.clip(chroma / 80.0, 0.35, 1.0).astype(np.float32)
    return Palette(parts, shaded(SKIN_TONES, 0.6), normalised(scene), trust)


def shaded(colours: NDArray[np.float64], spread: float) -> Table:
    """Return the density of surfaces of RGB colours (N, 3) under any shading and some highlight.

    spread: times the usual spread of a colour."""
    centres = (np.arange(BINS) + 0.5) * (256 / BINS)
    table = np.zeros((BINS, BINS, BINS))
    for colour in colours:
        for shade in SHADES:
            for highlight in HIGHLIGHTS:
                mean = shade * (colour + highlight * (colour.max() - colour))
                sigma = spread * (SIGMA_DARK + SIGMA_PER_LEVEL * mean.max())
                axes = [np.exp(-0.5 * ((centres - m) / sigma) ** 2) for m in mean]
                table += (
                    np.einsum("i,j,k->ijk", *axes) / sigma**3 * np.exp(-8.0 * (shade - 0.85) ** 2 - 6.0 * highlight)
                )
    return (table / table.sum()).astype(np.float32)


def histogram(colours: NDArray[np.uint8], weights: NDArray[np.float64] | None = None) -> Table:
    """Return counts (32, 32, 32) of RGB colours (N, 3)."""
    bins = (colours >> SHIFT).astype(np.int64)
    index = (bins[:, 0] * BINS + bins[:, 1]) * BINS + bins[:, 2]
    return np.bincount(index, weights, minlength=BINS**3).reshape(BINS, BINS, BINS).astype(np.float32)


def normalised(counts: Table) -> Table:
    """Return the density of a histogram, smoothed over neighbouring bins; uniform where it is empty."""
    smooth = gaussian_filter(counts.astype(np.float64), 0.8, mode="nearest")
    total = smooth.sum()
    if total <= 0:
        return np.full(counts.shape, UNIFORM, np.float32)
    return (smooth / total).astype(np.float32)


def _mix(old: Table, counts: Table) -> Table:
    share = 0.7 * counts.sum() / (counts.sum() + 200.0)
    return np.asarray((1 - share) * old + share * normalised(counts), np.float32)
