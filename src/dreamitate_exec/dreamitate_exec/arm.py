"""What is known of the arm from its joint states, and whether it can be trusted to be where it was said to be."""

import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError

Array = NDArray[np.float64]

REST_RAD_S = 0.05
"""A joint that moves faster is not at rest; slower is what encoders at rest report."""
_STAMP_STEP_S = 2.0
"""By how much one state's stamp may be later than the last one's and be believed; clocks are set at times."""


class ArmState:
    """The newest joint states of one arm, in the order of `joint_names`; other joints' states are passed over."""

    def __init__(self, joint_names: Sequence[str], changed: threading.Condition) -> None:
        """changed: notified of whatever comes."""
        self._names = list(joint_names)
        self._position: Array | None = None
        self._velocity = np.zeros(len(self._names))
        self._came_s = -1.0
        self.count, self.stamp_ns = 0, 0
        self.clock_s = 0.0
        """How much time has passed by what came: by arrival or by stamp, whichever says more. States that were held up
        and come in a bunch lie further apart than they come."""
        self._missing: list[str] = []
        self.changed = changed

    def take(
        self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float] = (), stamp_ns: int = 0
    ) -> None:
        """Note a joint state message: rad and rad/s, in the order of its own names; no velocity: from the positions.

        stamp_ns: when it was measured, as its header says.
        """
        by_name = dict(zip(names, position, strict=False))
        speeds = dict(zip(names, velocity, strict=False))
        with self.changed:
            self._missing = [name for name in self._names if name not in by_name]
            if not self._missing:
                now_s, before = time.monotonic(), self._position
                self._position = np.array([by_name[name] for name in self._names], float)
                if all(name in speeds for name in self._names):
                    self._velocity = np.array([speeds[name] for name in self._names], float)
                elif before is not None and now_s > self._came_s:
                    self._velocity = (self._position - before) / (now_s - self._came_s)
                self.clock_s += self._passed_s(now_s, stamp_ns)
                self._came_s = now_s
                self.count, self.stamp_ns = self.count + 1, stamp_ns
            self.changed.notify_all()

    def _passed_s(self, now_s: float, stamp_ns: int) -> float:
        """Return how long after the last state this one is."""
        if self._came_s < 0.0:
            return 0.0
        stamped_s = (stamp_ns - self.stamp_ns) / 1e9 if stamp_ns and self.stamp_ns else 0.0
        return max(now_s - self._came_s, stamped_s if stamped_s <= _STAMP_STEP_S else 0.0)

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

    @property
    def velocity(self) -> Array:
        """How fast the joints move as far as is known: (dof,) rad/s."""
        return np.where(np.isfinite(self._velocity), self._velocity, 0.0)

    def rests(self, max_age_s: float) -> bool:
        """Whether the arm is known to stand still."""
        age_s = self.age_s()
        return age_s is not None and age_s <= max_age_s and bool(np.abs(self.velocity).max() <= REST_RAD_S)

    def check_rest(self) -> None:
        """Raise DreamitateError that names the joint that moves."""
        worst = int(np.abs(self.velocity).argmax())
        speed = float(np.abs(self.velocity[worst]))
        if speed > REST_RAD_S:
            raise DreamitateError(
                f"The arm moves: {self._names[worst]} at {speed:.3f} rad/s. A motion starts from rest; wait, or "
                "find out who else commands the arm."
            )

    def check_start(self, start: Array, tolerance_rad: float, max_age_s: float) -> None:
        """Raise DreamitateError that names the joint where the arm is not at rest where a motion starts."""
        off = np.abs(self.position(max_age_s) - start)
        worst = int(off.argmax())
        if off[worst] > tolerance_rad:
            raise DreamitateError(
                f"The arm is not where the plan starts: {self._names[worst]} is off by {off[worst]:.4f} rad, "
                f"allowed are {tolerance_rad:g} rad. Plan again from where it is."
            )
        self.check_rest()
