"""What is usual, as standard deviations: how tools move, and how generated pictures err. A clip may correct it."""

from dataclasses import dataclass, replace

import numpy as np

LEARNED = {
    "acceleration_m": (0.2, 2.0),
    "acceleration_rad": (0.2, 2.0),
    "shift_px": (0.5, 4.0),
    "shear_px": (0.5, 2.0),
}
"""What a clip may correct, and from how little to how much, times the usual."""


@dataclass(frozen=True)
class Prior:
    """Pixels are at 768 wide.

    acceleration_m, acceleration_rad: change of the step from frame to frame; shift_px, shear_px: error of one picture
    of the tool (shear: `lines.SHEAR_PX` from its middle); bias_px: error of all pictures across the epipolar lines;
    growth_px: of one view's silhouettes by blur.
    """

    acceleration_m: float = 0.006
    acceleration_rad: float = 0.07
    shift_px: float = 0.7
    shear_px: float = 0.7
    bias_px: float = 4.0
    growth_px: float = 0.5

    def corrected(self, found: dict[str, float]) -> "Prior":
        """Return the prior with what was found in a clip, by name, as far as that is believed."""
        limits = {name: np.multiply(LEARNED[name], getattr(USUAL, name)) for name in found}
        return replace(self, **{name: float(np.clip(value, *limits[name])) for name, value in found.items()})


USUAL = Prior()
