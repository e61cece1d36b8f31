"""What a trial left to judge by: where the objects are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gl import mujoco

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Observation:
    """The objects as they are now, in the order of scene.objects, in the table frame.

    position: (n, 3) metres, the objects' middles; yaw: (n,) rad, their x axes' heading.
    """

    position: Array
    yaw: Array


def observe(model: mujoco.MjModel, data: mujoco.MjData, heights_m: Array) -> Observation:
    """Return what is now; body i of the scene's objects, which is heights_m[i] high, is `object_i`."""
    ids = [model.body(f"object_{index}").id for index in range(len(heights_m))]
    axes = data.xmat[ids].reshape(-1, 3, 3)
    position = data.xpos[ids] + axes[:, :, 2] * heights_m[:, None] / 2.0
    return Observation(position, np.asarray(np.arctan2(axes[:, 1, 0], axes[:, 0, 0])))
