"""What is known of the arm from its joint states, and whether it can be trusted to be where it was said to be."""

import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError

Array = NDArray[np.float64]


class ArmState:
    """The newest joint states of one arm, in the order of `joint_names`; other joints' states are passed over."""

    def __init__(self, joint_names: Sequence[str]) -> None:
        self._names = list(joint_names)
        self._position: Array | None = None
        self._came_s = -1.0
        self._missing: list[str] = []
        self.changed = threading.Condition()

    def take(self, names: Sequence[str], position: Sequence[float]) -> None:
        """Note a joint state message: rad, in the order of its own names."""
        by_name = dict(zip(names, position, strict=False))
        with self.changed:
            self._missing = [name for name in self._names if name not in by_name]
            if not self._missing:
                self._position = np.array([by_name[name] for name in self._names], float)
                self._came_s = time.monotonic()
            self.changed.notify_all()

    def age_s(self) -> float | None:
        """Return how long ago the last whole joint state came, None where none has."""
        return None if self._position is None else time.monotonic() - self._came_s

    def position(self, max_age_s: float) -> Array:
        """Return where the joints are: (dof,) rad. Raises DreamitateError where that is not known freshly enough."""
        age_s = self.age_s()
        if age_s is None or self._position is None:
            lacks = f"; those that come lack {', '.join(self._missing)}" if self._missing else ""
            raise DreamitateError(
                f"No joint states of {', '.join(self._names)} have come{lacks}. Does the arm's driver run?"
            )
        if age_s > max_age_s:
            raise DreamitateError(
                f"The joint states are stale: the last came {age_s:.2f} s ago, allowed are {max_age_s:g} s. "
                "Does the arm's driver still run?"
            )
        if not np.isfinite(self._position).all():
            raise DreamitateError(f"The joint states hold numbers that are not finite: {self._position.tolist()}.")
        return self._position

    def check_start(self, start: Array, tolerance_rad: float, max_age_s: float) -> None:
        """Raise DreamitateError that names the joint where the arm is not where a motion starts."""
        off = np.abs(self.position(max_age_s) - start)
        worst = int(off.argmax())
        if off[worst] > tolerance_rad:
            raise DreamitateError(
                f"The arm is not where the plan starts: {self._names[worst]} is off by {off[worst]:.4f} rad, "
                f"allowed are {tolerance_rad:g} rad. Plan again from where it is."
            )
