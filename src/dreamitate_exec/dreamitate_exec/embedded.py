"""The planner `embedded`: pinocchio, coal and toppra, in this process."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

from .branches import DEXTERITY_LOWER, PathFollower, Profile, Stations
from .chain import Chain
from .collision import CollisionWorld
from .free_motion import FreeSpace
from .inverse import load_inverse
from .refusal import PlanRefused, Reason
from .settings import PlanningSettings, planning_settings, transform_base_to_table
from .timing import Motion, as_in_clip, limits_of, rest_to_rest
from .tool_path import ToolPath, check_path, smooth_path
from .track_check import usable_frames

Array = NDArray[np.float64]

STATION_M, STATION_RAD = 0.005, 0.025
"""Largest steps of the tool between two stations of the tracked part."""
STATIONS_FEWEST, STATIONS_MOST = 100, 400
LIFT_STATIONS = 9
LIFT_SPEED_M_S = 0.3
"""Peak speed of the tool on its way down to the table and up again."""
JUMP_RAD = 0.5
"""Largest step of a joint between two stations: a larger one is another branch, not a motion."""
WAYS_MOST = 100
"""How many ways of following the path are tried, the most promising first."""
GENTLE_WAYS = 3
"""For how many of them a gentler version is looked for."""
DETOURED_MOST = 4
"""After how many that would need a detour on the way there or home, detours are searched for."""


@dataclass(frozen=True)
class JointPath:
    """One way for the joints: splines over [0, 1] down to the path, over the clip's time, and over [0, 1] up again."""

    down: CubicSpline
    tracked: CubicSpline
    up: CubicSpline


class EmbeddedPlanner:
    """One task, arm and tool."""

    def __init__(self, task: Task, robot: Robot, tool: Tool) -> None:
        self.settings: PlanningSettings = planning_settings(task)
        self.robot, self.tool, self.limits = robot, tool, limits_of(robot)
        self.transform_base_to_table = transform_base_to_table(task, robot)
        self.chain = Chain(robot)
        inverse = load_inverse(robot, self.chain)
        self.follower = PathFollower(
            robot, self.chain, inverse, tool.transform_tool_to_flange, tool.tip, self.settings.free_axis
        )
        world = CollisionWorld(robot, tool, self.transform_base_to_table, load_rig(task.rig))
        self.world = world
        self.space = FreeSpace(world, _reach(self.chain, tool), robot.position_lower, robot.position_upper)

    def plan(self, track: ToolTrajectory, start_position: Array, progress: Progress) -> Plan:
        """Return the motion from the start over the tracked path back to the arm's home. Raises PlanRefused."""
        progress("check", 0.0)
        start = self._check_start(start_position)
        frames, notes = usable_frames(track, self.settings)
        progress("smooth", 0.1)
        path, moved = smooth_path(track, frames, self.tool.tip, self.settings)
        notes.append(f"Smoothed: poses moved by up to {moved[0] * 1e3:.1f} mm and {np.degrees(moved[1]):.1f} degrees.")
        notes += check_path(path, track.transform_tool_to_frame[frames], self.tool.tip, frames, self.settings)
        progress("reach", 0.2)
        stations = self._stations(path, frames)
        joint_path, there, back = self._search(stations, start, progress)
        progress("timing", 0.8)
        motions = self._motions(joint_path, there, back)
        notes.append(self._duration_note(motions[len(there)], path))
        return self._assemble(motions, len(there), path, track.time_s[frames], notes)

    def _check_start(self, start_position: Array) -> Array:
        start = np.asarray(start_position, float)
        robot = self.robot
        if start.shape != (robot.dof,) or not np.isfinite(start).all():
            raise PlanRefused(Reason.START_STATE, f"the position must be {robot.dof} finite numbers; it is {start}.")
        over = np.maximum(robot.position_lower - start, start - robot.position_upper)
        if over.max() > 1e-3:
            joint = int(np.argmax(over))
            limit = robot.position_upper[joint] if start[joint] > 0 else robot.position_lower[joint]
            text = f"{robot.joint_names[joint]} is at {start[joint]:.3f} rad; its limit is {limit:.3f} rad."
            raise PlanRefused(Reason.START_STATE, text, None, float(start[joint]), float(limit))
        contact = self.world.first_contact(start[None])
        if contact is not None:
            raise PlanRefused(Reason.START_STATE, f"where the arm is now, {contact.text}. Move it away by hand.")
        return start

    def _stations(self, path: ToolPath, frames: NDArray[np.intp]) -> Stations:
        """Return the whole tool path in steps: from above down, along the clip, and up again."""
        start, end = path.time_s[0], path.time_s[-1]
        probe = path.poses(np.linspace(start, end, STATIONS_FEWEST))
        far = np.linalg.norm(np.diff(probe[:, :3, 3], axis=0), axis=1).max() / STATION_M
        turned = se3.rotation_distance_rad(probe[:-1], probe[1:]).max() / STATION_RAD
        number = int(np.clip(np.ceil(STATIONS_FEWEST * max(far, turned, 1.0)), STATIONS_FEWEST, STATIONS_MOST))
        time = np.linspace(start, end, number)
        tracked = path.poses(time)
        lift = np.tile(np.eye(4), (LIFT_STATIONS, 1, 1))
        lift[:, 2, 3] = self.settings.approach_height_m * np.linspace(0.0, 1.0, LIFT_STATIONS)
        poses = np.concatenate([lift[:0:-1] @ tracked[0], tracked, lift[1:] @ tracked[-1]])
        time = np.pad(time, LIFT_STATIONS - 1, mode="edge")
        nearest = frames[np.argmin(np.abs(time[:, None] - path.time_s), axis=1)]
        base = se3.inverse(self.transform_base_to_table) @ poses
        return Stations(base, (time - start) / (end - start), time, nearest)

    def _search(self, stations: Stations, start: Array, progress: Progress) -> tuple[JointPath, Array, Array]:
        """Return the first way that holds along the whole motion: one that needs no detours, if there is one.

        Raises PlanRefused with what stopped the way that passed most checks and got furthest.
        """
        refusals: list[PlanRefused] = []
        followed: list[Array] = []
        for number, (profile, branch) in enumerate(self._ways(stations, start)):
            progress("reach", 0.2 + 0.4 * number / WAYS_MOST)
            try:
                q = self._follow(stations, profile, branch, start)
            except PlanRefused as refused:
                refusals.append(refused)
                continue
            there, back = np.stack([start, q[0]]), np.stack([q[-1], self.robot.home])
            if self.space.contact(there) is None and self.space.contact(back) is None:
                return _splines(q, stations), there, back
            followed.append(q)
            if len(followed) == DETOURED_MOST:
                break
        for q in followed:
            detoured_there = self.space.connect(start, q[0], progress)
            detoured_back = None if detoured_there is None else self.space.connect(q[-1], self.robot.home, progress)
            if detoured_there is not None and detoured_back is not None:
                return _splines(q, stations), detoured_there, detoured_back
        if not followed:
            order = [reason.value for reason in Reason]
            raise max(refusals, key=lambda refused: (order.index(refused.reason), refused.waypoint or 0))
        contact = self.space.contact(np.stack([start, followed[0][0]]))
        touches = "" if contact is None else f"; on the straight one {contact.text}"
        raise PlanRefused(Reason.NO_FREE_PATH, f"no way to the path and home was found that touches nothing{touches}.")

    def _ways(self, stations: Stations, start: Array) -> Iterator[tuple[Profile, int]]:
        """Yield what to try: gentler versions of the most promising ways, then all ways as they were ranked."""
        ways = self.follower.ranked(stations, start)[:WAYS_MOST]
        for profile, branch in ways[:GENTLE_WAYS]:
            gentler = self.follower.gentler(stations, profile, branch, start)
            if gentler is not None:
                yield gentler, branch
        yield from ways

    def _follow(self, stations: Stations, profile: Profile, branch: int, start: Array) -> Array:
        """Return the joint positions (N, dof) at the stations. Raises PlanRefused where this way does not hold."""
        q = self.follower.follow(stations, profile, branch, start)
        robot, waypoint = self.robot, stations.waypoint
        lost = ~np.isfinite(q[:, 0])
        if lost.any():
            raise PlanRefused(Reason.OUT_OF_REACH, "no joint angles reach it this way.", int(waypoint[np.argmax(lost)]))
        over = np.maximum(robot.position_lower - q, q - robot.position_upper)
        if over.max() > 0:
            at, joint = _largest(over)
            text = f"{robot.joint_names[joint]} would be {over[at, joint]:.3f} rad over its limit."
            raise PlanRefused(Reason.JOINT_LIMIT, text, int(waypoint[at]), float(over[at, joint]), 0.0)
        dexterity = self.chain.dexterity(q)
        if dexterity.min() < DEXTERITY_LOWER:
            at = int(np.argmin(dexterity))
            text = f"the arm is singular (dexterity {dexterity[at]:.3f}; at least {DEXTERITY_LOWER} is needed)."
            raise PlanRefused(Reason.SINGULAR, text, int(waypoint[at]), float(dexterity[at]), DEXTERITY_LOWER)
        jump = np.abs(np.diff(q, axis=0))
        if jump.max() > JUMP_RAD:
            at, joint = _largest(jump)
            text = f"{robot.joint_names[joint]} would jump by {jump[at, joint]:.2f} rad; at most {JUMP_RAD} is moved."
            raise PlanRefused(Reason.JOINT_JUMP, text, int(waypoint[at + 1]), float(jump[at, joint]), JUMP_RAD)
        contact = self.space.contact(q)
        if contact is not None:
            text = f"{stations.on_the_way(contact.index)}{contact.text}."
            raise PlanRefused(Reason.COLLISION, text, int(waypoint[contact.index]))
        return q

    def _motions(self, path: JointPath, there: Array, back: Array) -> list[Motion]:
        """Return the motions one after the other; the one along the track is number len(there)."""
        share, lift_s = self.settings.free_speed, 1.875 * self.settings.approach_height_m / LIFT_SPEED_M_S
        tracked = as_in_clip(path.tracked, self.limits)
        clip_s = path.tracked.x[-1] - path.tracked.x[0]
        if tracked is None or tracked.duration_s > self.settings.slowdown_limit * clip_s:
            number = np.inf if tracked is None else tracked.duration_s
            limit = self.settings.slowdown_limit * clip_s
            text = f"within the arm's limits the tracked path takes {number:.2f} s; at most {limit:.2f} s is allowed."
            raise PlanRefused(Reason.TOO_SLOW, text, None, float(number), float(limit))
        motions = [rest_to_rest(_line(a, b), self.limits, share) for a, b in pairwise(there)]
        motions += [rest_to_rest(path.down, self.limits, share, lift_s), tracked]
        motions.append(rest_to_rest(path.up, self.limits, share, lift_s))
        return motions + [rest_to_rest(_line(a, b), self.limits, share) for a, b in pairwise(back)]

    def _duration_note(self, tracked: Motion, path: ToolPath) -> str:
        clip_s = path.time_s[-1] - path.time_s[0]
        took = f"The tracked path takes {tracked.duration_s:.2f} s"
        if tracked.duration_s <= 1.005 * clip_s:
            return f"{took}, as in the clip."
        return f"{took} instead of the clip's {clip_s:.2f} s, for the arm's limits."

    def _assemble(self, motions: list[Motion], tracked: int, path: ToolPath, times: Array, notes: list[str]) -> Plan:
        begin = np.concatenate([[0.0], np.cumsum([motion.duration_s for motion in motions])])
        kept = [slice(None) if number == 0 else slice(1, None) for number in range(len(motions))]
        parts = list(zip(motions, kept, strict=True))
        position = np.concatenate([motion.position[part] for motion, part in parts])
        flange = self.chain.flange(position)
        return Plan(
            joint_names=self.robot.joint_names,
            time_s=np.concatenate([motion.time_s[part] + t for (motion, part), t in zip(parts, begin, strict=False)]),
            position=position,
            velocity=np.concatenate([motion.velocity[part] for motion, part in parts]),
            acceleration=np.concatenate([motion.acceleration[part] for motion, part in parts]),
            transform_tool_to_table=self.transform_base_to_table @ flange @ self.tool.transform_tool_to_flange,
            waypoint_time_s=begin[tracked] + np.interp(times, motions[tracked].parameter, motions[tracked].time_s),
            waypoint_transform_tool_to_table=path.poses(times),
            notes=notes,
        )


def _largest(table: Array) -> tuple[int, int]:
    row, column = np.unravel_index(np.argmax(table), table.shape)
    return int(row), int(column)


def _splines(q: Array, stations: Stations) -> JointPath:
    above = LIFT_STATIONS - 1
    lift = np.linspace(0.0, 1.0, LIFT_STATIONS)
    middle = slice(above, len(q) - above)
    return JointPath(
        CubicSpline(lift, q[: above + 1]),
        CubicSpline(stations.time_s[middle], q[middle]),
        CubicSpline(lift, q[-above - 1 :]),
    )


def _line(start: Array, end: Array) -> CubicSpline:
    return CubicSpline([0.0, 1.0], np.stack([start, end]), bc_type="natural")


def _reach(chain: Chain, tool: Tool) -> Array:
    """Return (dof,) metres: no point beyond a joint is further from its axis than the links and the tool are long."""
    lengths = np.linalg.norm(chain.placements[1:, :3, 3], axis=1)
    corners = se3.transform_points(tool.transform_tool_to_flange, tool.mesh.bounding_box.vertices)
    hand = float(np.linalg.norm(corners, axis=1).max() + np.linalg.norm(chain.transform_flange_to_last[:3, 3]))
    return np.append(np.cumsum(lengths[::-1])[::-1], 0.0) + hand
