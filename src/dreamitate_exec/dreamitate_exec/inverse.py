"""Closed-form inverse kinematics by the name in `robot.yaml`, checked against the arm's own forward kinematics."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.registry import Registry
from dreamitate_core.robot import Robot

from .chain import Chain
from .inverse_shoulder import ShoulderInverse
from .inverse_ur import UrInverse

Array = NDArray[np.float64]


class Inverse(Protocol):
    """All joint positions for a flange pose, in branches whose order is the same for every pose."""

    branches: int
    redundant: bool

    def solve(self, transform_flange_to_base: Array, free: Array, branch: int | None = None) -> Array:
        """Return (N, branches, dof) in (-pi, pi] of poses (N, 4, 4); free (N,): the last joint of a redundant arm.

        With the number of a branch, that one alone: (N, 1, dof). NaN where a branch cannot reach.
        """

    def reach(self, transform_flange_to_base: Array) -> tuple[Array, float]:
        """Return the distances (N,) to be spanned, metres, and the longest that can be."""


INVERSES: Registry[Callable[[Chain], Inverse]] = Registry("kinematics")
INVERSES.register("ur")(UrInverse)
INVERSES.register("spherical_shoulder")(ShoulderInverse)


def load_inverse(robot: Robot, chain: Chain) -> Inverse:
    """Return the arm's inverse kinematics. Raises DreamitateError where it is unknown or does not fit the URDF."""
    name = str(robot.settings["kinematics"])
    inverse = INVERSES.get(name)(chain)
    probe = np.linspace(0.3, 1.1, chain.dof)
    found = inverse.solve(chain.flange(probe)[None], probe[None, -1])
    if not np.any(np.all(np.abs(found - probe) < 1e-6, axis=-1)):
        raise DreamitateError(f"kinematics {name!r} does not fit {robot.urdf}: it misses the arm's own pose.")
    return inverse
