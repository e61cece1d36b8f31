"""How two hands turn an object: from both sides to its faces, press, turn counter-clockwise, let go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .grasps import Grasp
from .scene import ToolMotion

Array = NDArray[np.float64]

GAP_M = (0.048, 0.054)
"""From the pads to the object at the start."""
SQUEEZE_M = (0.0095, 0.0105)
"""How far each pad is pressed together."""
OPEN_M = 0.030
"""How far the pads are from the object in the end."""
HEIGHT_M = (0.010, 0.012)
"""Of the pads' lower edges above the table."""
TOUCHED, PRESSED, TURNED = (0.26, 0.28), 0.06, (0.80, 0.82)
"""When the pads touch and the turn ends, and how long pressing takes: shares of the motion."""
WIDEST_RAD = np.deg2rad(46.0)
"""How far from the table's x axis two arms, one on each side, can follow a press."""


@dataclass(frozen=True)
class Press:
    """A grasp in the table frame and how far it is turned, counter-clockwise."""

    grasp: Grasp
    turn_rad: float


def is_reachable(press: Press) -> bool:
    """Whether the tools stay on their own sides from start to end."""
    first = press.grasp.angle_rad
    return first >= -WIDEST_RAD and first + press.turn_rad <= WIDEST_RAD


def press_motion(press: Press, clip_duration_s: float, random: np.random.Generator) -> ToolMotion:
    """Return both tools' motion from t = 1 to t = 12 of the clip, at rest at both ends."""
    duration_s = clip_duration_s * 11.0 / 12.0
    time_s = np.linspace(0.0, duration_s, 1 + round(duration_s / 0.004))
    u = time_s / duration_s
    touched, turned = random.uniform(*TOUCHED), random.uniform(*TURNED)
    gap, squeeze = random.uniform(*GAP_M), random.uniform(*SQUEEZE_M)
    apart = 0.5 * press.grasp.width_m + gap * (1.0 - _smooth(u / touched))
    apart -= squeeze * _smooth((u - touched + PRESSED) / (2.0 * PRESSED))
    apart += (squeeze + OPEN_M) * _smooth((u - turned) / (1.0 - turned))
    angle = press.grasp.angle_rad + press.turn_rad * _smooth((u - touched - PRESSED) / (turned - touched - PRESSED))
    height = random.uniform(*HEIGHT_M)
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    along = np.stack([np.cos(angle), np.sin(angle), zero], axis=-1)
    across = np.stack([-np.sin(angle), np.cos(angle), zero], axis=-1)
    rotation = np.stack([along, across, np.stack([zero, zero, one], axis=-1)], axis=-1)
    middle = np.array([*press.grasp.middle, height])
    both = [se3.make_transform(rotation, middle + side * apart[:, None] * along) for side in (-1.0, 1.0)]
    degrees = np.rad2deg([press.grasp.angle_rad, press.turn_rad])
    return ToolMotion(time_s, np.stack(both), f"pressed at {degrees[0]:.0f} degrees, turned by {degrees[1]:.0f}")


def _smooth(share: Array) -> Array:
    """0 to 1 between share 0 and 1, at rest at both ends."""
    u = np.clip(share, 0.0, 1.0)
    return np.asarray(u**3 * (10.0 - 15.0 * u + 6.0 * u**2))
