"""Ways to scoop beads: paths of the scoop down into the full bowl, up, over to the empty bowl, and tipped there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from dreamitate_core import se3
from dreamitate_core.video import STEPS

from .scene import ToolMotion

Array = NDArray[np.float64]

OFF_FLOOR_M = 0.005
"""How far above the bowl's floor the lip goes: less than a bead's radius, so that no bead gets under it."""
OVER_RIMS_M, OVER_RIM_M = 0.032, 0.014
"""Of the lip, while it is carried and while it is tipped."""
BEFORE_MIDDLE_M = 0.012
"""How far short of the empty bowl's middle the lip stops: what is poured goes on a little."""
DIG_ALONG = np.array([-0.5, -0.42, 0.0, 0.55, 0.85, 0.85])
"""At the clip's time steps 1..6: how far along its heading the lip is from the full bowl's middle, in floor radii."""
DIG_PITCH = np.deg2rad([54.0, 54.0, 38.0, 18.0, -3.0, -15.0])
CARRY_PITCH = np.deg2rad([-15.0, -15.0, -13.0])
POUR_PITCH = np.deg2rad([20.0, 54.0, 66.0])
"""At the clip's time steps 1..6, 7..9 and 10..12: how far the lip points down."""
CARRIED = np.array([0.14, 0.48, 0.83])
"""Share of the way over at the time steps 7..9."""
TURNS = [float(np.deg2rad(angle)) for angle in (0, 30, -30, 60, -60)]
"""How far to the left of the line between the bowls a person may dig and pour."""
DIG_COST, POUR_COST = 1.0, 0.7
WAY_NOISE_RAD = 0.3
HANDLE_TOP_M = (-0.1795, 0.1529)
"""y and z in the tool frame of the end that an arm holds."""
HANDLE_LEAN_RAD = float(np.deg2rad(42.0))
WRIST_M = 0.097
ARM_SHOULDER_M = np.array([0.0, 0.40, 0.267])
ARM_REACH_M = (0.25, 0.60)
"""From an arm's shoulder to its wrist, which is WRIST_M beyond the handle's end."""


@dataclass(frozen=True)
class Basin:
    """A bowl on the table, lengths in metres. middle: (2,); floor, rim: heights; floor_radius, rim_radius: inner."""

    middle: Array
    floor: float
    rim: float
    floor_radius: float
    rim_radius: float


@dataclass(frozen=True)
class Knots:
    """The scoop at the clip's time steps 1..12. lip: (12, 3) metres in the table frame; heading: (12,) rad of the
    tool's y axis from the table's x axis, seen from above; pitch: (12,) rad, how far the lip points down."""

    lip: Array
    heading: Array
    pitch: Array
    cost: float
    text: str


def find_paths(full: Basin, empty: Basin, random: np.random.Generator) -> list[Knots]:
    """Return the paths that an arm on the far side can follow, best first; their headings differ."""
    line = float(np.arctan2(*(empty.middle - full.middle)[::-1]))
    paths = []
    for dig in TURNS:
        for pour in TURNS:
            cost = DIG_COST * abs(dig) + POUR_COST * abs(pour) + random.uniform(0.0, WAY_NOISE_RAD)
            text = f"dug {np.degrees(dig):+.0f}, poured {np.degrees(pour):+.0f} degrees from the line between the bowls"
            path = _knots(full, empty, line + dig, line + pour, cost, text)
            if _is_reachable(path):
                paths.append(path)
    return sorted(paths, key=lambda path: path.cost)


def scoop_motion(path: Knots, clip_duration_s: float) -> ToolMotion:
    """Return the motion through a path's knots from t = 1 to t = 12 of the clip, at rest at both ends."""
    knot_s = np.arange(STEPS) * clip_duration_s / STEPS
    time = np.linspace(0.0, knot_s[-1], 1 + round(knot_s[-1] / 0.004))
    lip, heading, pitch = (
        CubicSpline(knot_s, values, bc_type="clamped")(time) for values in (path.lip, path.heading, path.pitch)
    )
    return ToolMotion(time, scoop_transform(lip, heading, pitch), path.text)


def scoop_transform(lip: Array, heading: Array, pitch: Array) -> Array:
    """Return transform_tool_to_table (N, 4, 4) of a scoop with its lip at (N, 3), for heading and pitch see Knots."""
    zero, one = np.zeros_like(heading), np.ones_like(heading)
    ahead = np.stack([np.cos(heading), np.sin(heading), zero], axis=-1)
    across = np.stack([np.sin(heading), -np.cos(heading), zero], axis=-1)
    up = np.stack([zero, zero, one], axis=-1)
    cos, sin = np.cos(pitch)[..., None], np.sin(pitch)[..., None]
    return se3.make_transform(np.stack([across, cos * ahead - sin * up, sin * ahead + cos * up], axis=-1), lip)


def _knots(full: Basin, empty: Basin, dig: float, pour: float, cost: float, text: str) -> Knots:
    """The path that digs along the heading `dig` and tips the scoop over its lip along the heading `pour`."""
    low, above = full.floor + OFF_FLOOR_M, max(full.rim, empty.rim) + OVER_RIMS_M
    height = np.array([full.rim + 0.03, low + 0.013, low, low, low + 0.013, full.rim + 0.012])
    along = DIG_ALONG[:, None] * full.floor_radius * _direction(dig)
    dug = np.column_stack([full.middle + along, height])
    end = np.array([*(empty.middle - BEFORE_MIDDLE_M * _direction(pour)), empty.rim + OVER_RIM_M])
    start = np.array([*dug[-1, :2], above])
    carried = start + CARRIED[:, None] * (np.array([*end[:2], above]) - start)
    turned = np.concatenate([np.zeros(6), CARRIED, np.ones(3)])
    return Knots(
        lip=np.vstack([dug, carried, np.tile(end, (3, 1))]),
        heading=dig + turned * (pour - dig),
        pitch=np.concatenate([DIG_PITCH, CARRY_PITCH, POUR_PITCH]),
        cost=cost,
        text=text,
    )


def _direction(heading: float) -> Array:
    return np.array([np.cos(heading), np.sin(heading)])


def _is_reachable(path: Knots) -> bool:
    """Whether an arm on the table's far side, whose hand goes on where the handle ends, reaches all knots."""
    y, z = HANDLE_TOP_M
    wrist = np.array([0.0, y - WRIST_M * np.sin(HANDLE_LEAN_RAD), z + WRIST_M * np.cos(HANDLE_LEAN_RAD)])
    transform = scoop_transform(path.lip, path.heading, path.pitch)
    distance = np.linalg.norm(transform[:, :3, :3] @ wrist + path.lip - ARM_SHOULDER_M, axis=1)
    return bool((distance > ARM_REACH_M[0]).all() and (distance < ARM_REACH_M[1]).all())
