"""What a trial left to judge by: where the objects are, and when the tools touched them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .gl import mujoco

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Touches:
    """Every step of physics at which a tool touched an object.

    time_s: (N,) simulated time; touching: (N, tools, objects); yaw: (N, objects) rad, as in `Observation`.
    """

    time_s: Array
    touching: NDArray[np.bool_]
    yaw: Array


NOTHING_TOUCHED = Touches(np.zeros(0), np.zeros((0, 1, 1), bool), np.zeros((0, 1)))


@dataclass(frozen=True)
class Observation:
    """The objects as they are now, in the order of scene.objects, in the table frame.

    position: (n, 3) metres, the objects' middles; yaw: (n,) rad, their x axes' heading; touches: what was before.
    """

    position: Array
    yaw: Array
    touches: Touches = NOTHING_TOUCHED


class Witness:
    """Sees objects and tools in a MuJoCo model; body i of the scene's objects is `object_i`."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, heights_m: Array, tools: list[str]) -> None:
        """heights_m: (n,) of the objects; tools: the names of the tools' bodies."""
        self._data, self._half_heights_m = data, heights_m / 2.0
        self._objects = np.array([model.body(f"object_{index}").id for index in range(len(heights_m))], int)
        bodies = [model.body(name).id for name in tools]
        self._shape = (len(bodies), len(self._objects))
        self._tool_of, self._object_of = np.full(model.nbody, -1), np.full(model.nbody, -1)
        self._tool_of[bodies], self._object_of[self._objects] = range(len(bodies)), range(len(self._objects))
        self._body_of = model.geom_bodyid
        self._seen: list[tuple[float, NDArray[np.bool_], Array]] = []

    def look(self) -> None:
        """Note which tool touches which object; call it at every step, between mj_step1 and mj_step2 or after them."""
        pairs = self._body_of[self._data.contact.geom]
        tools = np.maximum(self._tool_of[pairs[:, 0]], self._tool_of[pairs[:, 1]])
        objects = np.maximum(self._object_of[pairs[:, 0]], self._object_of[pairs[:, 1]])
        both = (tools >= 0) & (objects >= 0)
        if both.any():
            touching = np.zeros(self._shape, bool)
            touching[tools[both], objects[both]] = True
            self._seen.append((float(self._data.time), touching, self._yaw()))

    def observation(self) -> Observation:
        """Return what is now and what was noted."""
        axes = self._data.xmat[self._objects].reshape(-1, 3, 3)
        position = self._data.xpos[self._objects] + axes[:, :, 2] * self._half_heights_m[:, None]
        times, touching, yaws = zip(*self._seen, strict=True) if self._seen else ((), (), ())
        touches = Touches(
            np.array(times),
            np.array(touching, bool).reshape(len(times), *self._shape),
            np.array(yaws).reshape(len(times), self._shape[1]),
        )
        return Observation(position, self._yaw(), touches)

    def _yaw(self) -> Array:
        axes = self._data.xmat[self._objects]
        return np.asarray(np.arctan2(axes[:, 3], axes[:, 0]))
