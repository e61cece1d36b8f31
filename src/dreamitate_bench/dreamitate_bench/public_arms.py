"""The arms' forward kinematics by their public models: another source than our own URDFs."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core.errors import unknown

Array = NDArray[np.float64]

FILE = Path(__file__).with_name("public_arms.json")
"""By test/exec/make_golden_kinematics.py, from the PyPI package example-robot-data (BSD-3-Clause)."""


class PublicArm:
    """A chain of revolute joints about their own +z axes. Raises DreamitateError for an arm that the file lacks."""

    def __init__(self, name: str) -> None:
        table = json.loads(FILE.read_text())
        if name not in table:
            raise unknown("public model of an arm", name, table)
        self._placements = np.array(table[name]["placements"])
        self._transform_flange_to_last = np.array(table[name]["transform_flange_to_last"])

    def flange(self, position: ArrayLike) -> Array:
        """Return transform_flange_to_base (N, 4, 4) for positions (N, dof)."""
        position = np.asarray(position, float)
        pose = np.broadcast_to(np.eye(4), (len(position), 4, 4))
        for placement, angle in zip(self._placements, position.T, strict=True):
            turned = np.tile(placement, (len(position), 1, 1))
            cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
            turned[:, :3, 0] = cosine * placement[:3, 0] + sine * placement[:3, 1]
            turned[:, :3, 1] = cosine * placement[:3, 1] - sine * placement[:3, 0]
            pose = pose @ turned
        return np.asarray(pose @ self._transform_flange_to_last)
