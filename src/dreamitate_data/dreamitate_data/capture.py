"""Which moments to keep while a board is moved before two live cameras: both see it, it stands still, it is new."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .board import Board, Seen

Image = NDArray[np.uint8]

STILL_PX = 0.7
"""How far corners may move between two pairs in a row, in the mean."""
NEW_PX = 40.0
"""How far, in the mean, a moment's corners must be from those of each that was kept."""


@dataclass
class Chooser:
    """Looks at pairs as they come."""

    board: Board
    kept: list[tuple[Seen, Seen]] = field(default_factory=list)
    _before: tuple[Seen, Seen] | None = None

    def look(self, picture_1: Image, picture_2: Image) -> str:
        """Return why a pair is not to be kept, empty where it is; it then counts as kept."""
        one, two = self.board.find(picture_1), self.board.find(picture_2)
        before, self._before = self._before, None
        if one is None or two is None:
            missing = [name for name, seen in (("camera_1", one), ("camera_2", two)) if seen is None]
            return f"{' and '.join(missing)} cannot see the board"
        self._before = one, two
        if before is None or max(_moved(a, b) for a, b in zip(before, self._before, strict=True)) > STILL_PX:
            return "hold the board still"
        if any(max(_moved(a, b) for a, b in zip(old, self._before, strict=True)) < NEW_PX for old in self.kept):
            return "move or tilt the board: this was seen before"
        self.kept.append(self._before)
        return ""


def _moved(a: Seen, b: Seen) -> float:
    """Return the mean way of the corners that both have, in pixels; none: they are far apart."""
    _, own, other = np.intersect1d(a.ids, b.ids, return_indices=True)
    return float(np.linalg.norm(a.pixels[own] - b.pixels[other], axis=1).mean()) if len(own) else np.inf
