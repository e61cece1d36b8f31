"""A whole motion of one arm, or of several in step: there, down to the table, along the track, up, and home."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from dreamitate_core.arms import ArmSetup
from dreamitate_core.plan import Plan

from .branches import Stations
from .chain import Chain
from .refusal import PlanRefused, Reason
from .settings import PlanningSettings
from .timing import Limits, Motion, as_in_clip, rest_to_rest
from .tool_path import ToolPath

Array = NDArray[np.float64]

LIFT_STATIONS = 9
LIFT_SPEED_M_S = 0.3
"""Peak speed of the tool on its way down to the table and up again."""


@dataclass(frozen=True)
class Way:
    """One way for the joints, of one arm or of all together.

    down, tracked, up: splines over [0, 1] down to the path, over the clip's time, and over [0, 1] up again;
    there, back: (K, dofs) the vertices from the start to above the path, and from above it home.
    """

    down: CubicSpline
    tracked: CubicSpline
    up: CubicSpline
    there: Array
    back: Array


def make_way(q: Array, stations: Stations, there: Array, back: Array) -> Way:
    """Return the way through joint positions (N, dofs) at the stations."""
    above = LIFT_STATIONS - 1
    lift = np.linspace(0.0, 1.0, LIFT_STATIONS)
    middle = slice(above, len(q) - above)
    return Way(
        CubicSpline(lift, q[: above + 1]),
        CubicSpline(stations.time_s[middle], q[middle]),
        CubicSpline(lift, q[-above - 1 :]),
        there,
        back,
    )


@dataclass(frozen=True)
class Moves:
    """Motions one after the other, from rest to rest each; the one along the track is number `tracked`."""

    motions: list[Motion]
    tracked: int

    def note(self) -> str:
        """Say how long the tracked part takes, and how long it took in the clip."""
        motion = self.motions[self.tracked]
        clip_s = motion.parameter[-1] - motion.parameter[0]
        took = f"The tracked path takes {motion.duration_s:.2f} s"
        if motion.duration_s <= 1.005 * clip_s:
            return f"{took}, as in the clip."
        return f"{took} instead of the clip's {clip_s:.2f} s, for the arm's limits."


def make_moves(way: Way, limits: Limits, settings: PlanningSettings) -> Moves:
    """Return the motions along a way. Raises PlanRefused where the tracked part would take too long."""
    share, lift_s = settings.free_speed, 1.875 * settings.approach_height_m / LIFT_SPEED_M_S
    tracked = as_in_clip(way.tracked, limits)
    limit = settings.slowdown_limit * (way.tracked.x[-1] - way.tracked.x[0])
    if tracked is None or tracked.duration_s > limit:
        number = np.inf if tracked is None else tracked.duration_s
        text = f"within the arm's limits the tracked path takes {number:.2f} s; at most {limit:.2f} s is allowed."
        raise PlanRefused(Reason.TOO_SLOW, text, None, float(number), float(limit))
    motions = [rest_to_rest(_line(a, b), limits, share) for a, b in pairwise(way.there)]
    motions += [rest_to_rest(way.down, limits, share, lift_s), tracked, rest_to_rest(way.up, limits, share, lift_s)]
    motions += [rest_to_rest(_line(a, b), limits, share) for a, b in pairwise(way.back)]
    return Moves(motions, len(way.there))


def make_plan(
    moves: Moves, columns: slice, arm: ArmSetup, chain: Chain, path: ToolPath, times: Array, notes: Sequence[str]
) -> Plan:
    """Return one arm's plan. columns: its joints among the motions'; times: (M,) of the tracked poses in the clip."""
    motions = moves.motions
    begin = np.concatenate([[0.0], np.cumsum([motion.duration_s for motion in motions])])
    kept = [slice(None) if number == 0 else slice(1, None) for number in range(len(motions))]
    parts = list(zip(motions, kept, strict=True))
    position = np.concatenate([motion.position[part, columns] for motion, part in parts])
    tracked = motions[moves.tracked]
    tool = arm.transform_base_to_table @ chain.flange(position) @ arm.tool.transform_tool_to_flange
    return Plan(
        joint_names=arm.robot.joint_names,
        time_s=np.concatenate([motion.time_s[part] + t for (motion, part), t in zip(parts, begin, strict=False)]),
        position=position,
        velocity=np.concatenate([motion.velocity[part, columns] for motion, part in parts]),
        acceleration=np.concatenate([motion.acceleration[part, columns] for motion, part in parts]),
        transform_tool_to_table=tool,
        waypoint_time_s=begin[moves.tracked] + np.interp(times, tracked.parameter, tracked.time_s),
        waypoint_transform_tool_to_table=path.poses(times),
        notes=list(notes),
    )


def _line(start: Array, end: Array) -> CubicSpline:
    return CubicSpline([0.0, 1.0], np.stack([start, end]), bc_type="natural")
