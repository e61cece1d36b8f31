"""The planner `embedded`: pinocchio, coal and toppra, in this process."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.camera import load_rig
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

from .branches import DEXTERITY_LOWER, PathFollower, Profile, Stations
from .chain import Chain
from .collision import CollisionWorld
from .free_motion import FreeSpace
from .inverse import load_inverse
from .moves import LIFT_STATIONS, Way, make_moves, make_plan, make_way
from .refusal import PlanRefused, Reason
from .settings import PlanningSettings, planning_settings
from .timing import limits_of
from .tool_path import ToolPath, check_path, smooth_path
from .track_check import usable_frames

Array = NDArray[np.float64]

STATION_M, STATION_RAD = 0.005, 0.025
"""Largest steps of the tool between two stations of the tracked part."""
STATIONS_FEWEST, STATIONS_MOST = 100, 400
JUMP_RAD = 0.5
"""Largest step of a joint between two stations: a larger one is another branch, not a motion."""
WAYS_MOST = 100
"""How many ways of following the path are tried, the most promising first."""
GENTLE_WAYS = 3
"""For how many of them a gentler version is looked for."""
DETOURED_MOST = 4
"""After how many that would need a detour on the way there or home, detours are searched for."""


@dataclass(frozen=True)
class Wanted:
    """What one arm is to do: from `start` (dof,) along a path, of which `frames` (M,) of the track are the knots."""

    start: Array
    path: ToolPath
    frames: NDArray[np.intp]
    notes: list[str]


class EmbeddedPlanner:
    """One task's arm with its tool. world: what is not touched; space: ways there and home, over what stands there."""

    def __init__(self, task: Task, arm: ArmSetup) -> None:
        self.settings: PlanningSettings = planning_settings(task)
        self.arm, self.robot, self.tool = arm, arm.robot, arm.tool
        self.chain = Chain(arm.robot)
        inverse = load_inverse(arm.robot, self.chain)
        mount = arm.tool.transform_tool_to_flange
        self.follower = PathFollower(arm.robot, self.chain, inverse, mount, arm.tool.tip, self.settings.free_axis)
        among = arm.robot, arm.tool, arm.transform_base_to_table, load_rig(task.rig)
        self.world = CollisionWorld(*among)
        above = CollisionWorld(*among, self.settings.clear_height_m) if self.settings.clear_height_m else self.world
        self.reach_m = _reach(self.chain, arm.tool)
        limits = arm.robot.position_lower, arm.robot.position_upper
        self.space, self._path_space = (FreeSpace(world, self.reach_m, *limits) for world in (above, self.world))

    def plan(self, track: ToolTrajectory, start_position: ArrayLike, progress: Progress) -> Plan:
        """Return the motion from the start over the tracked path back to the arm's home. Raises PlanRefused."""
        progress("check", 0.0)
        wanted = self.look(track, start_position)
        progress("reach", 0.2)
        path = wanted.path
        span_s = path.time_s[0], path.time_s[-1]
        stations = self.stations(wanted, span_s, self.stations_needed(path, span_s))
        way = self._search(stations, wanted.start, progress)
        progress("timing", 0.8)
        moves = make_moves(way, limits_of(self.robot), self.settings)
        notes = [*wanted.notes, moves.note()]
        return make_plan(moves, slice(None), self.arm, self.chain, path, track.time_s[wanted.frames], notes)

    def look(self, track: ToolTrajectory, start_position: ArrayLike) -> Wanted:
        """Return what is to be done, smoothed and within the task's limits. Raises PlanRefused."""
        start = self._check_start(start_position)
        frames, notes = usable_frames(track, self.settings)
        path, moved = smooth_path(track, frames, self.tool.tip, self.settings)
        notes.append(f"Smoothed: poses moved by up to {moved[0] * 1e3:.1f} mm and {np.degrees(moved[1]):.1f} degrees.")
        notes += check_path(path, track.transform_tool_to_frame[frames], self.tool.tip, frames, self.settings)
        return Wanted(start, path, frames, notes)

    def _check_start(self, start_position: ArrayLike) -> Array:
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

    def stations_needed(self, path: ToolPath, span_s: tuple[float, float]) -> int:
        """Return how many stations the path needs between two times of the clip."""
        probe = path.poses(np.linspace(*span_s, STATIONS_FEWEST))
        far = np.linalg.norm(np.diff(probe[:, :3, 3], axis=0), axis=1).max() / STATION_M
        turned = se3.rotation_distance_rad(probe[:-1], probe[1:]).max() / STATION_RAD
        return int(np.clip(np.ceil(STATIONS_FEWEST * max(far, turned, 1.0)), STATIONS_FEWEST, STATIONS_MOST))

    def stations(self, wanted: Wanted, span_s: tuple[float, float], number: int) -> Stations:
        """Return the whole tool path in steps: from above down, along the clip, and up again."""
        path, (start, end) = wanted.path, span_s
        time = np.linspace(start, end, number)
        tracked = path.poses(time)
        lift = np.tile(np.eye(4), (LIFT_STATIONS, 1, 1))
        lift[:, 2, 3] = self.settings.approach_height_m * np.linspace(0.0, 1.0, LIFT_STATIONS)
        poses = np.concatenate([lift[:0:-1] @ tracked[0], tracked, lift[1:] @ tracked[-1]])
        time = np.pad(time, LIFT_STATIONS - 1, mode="edge")
        nearest = wanted.frames[np.argmin(np.abs(time[:, None] - path.time_s), axis=1)]
        base = se3.inverse(self.arm.transform_base_to_table) @ poses
        return Stations(base, (time - start) / (end - start), time, nearest)

    def _search(self, stations: Stations, start: Array, progress: Progress) -> Way:
        """Return the first way that holds along the whole motion: one that needs no detours, if there is one.

        Raises PlanRefused with what stopped the way that passed most checks and got furthest.
        """
        refusals: list[PlanRefused] = []
        followed: list[Array] = []
        for q in self.ways(stations, start, progress, refusals):
            there, back = np.stack([start, q[0]]), np.stack([q[-1], self.robot.home])
            if self.space.contact(there) is None and self.space.contact(back) is None:
                return make_way(q, stations, there, back)
            followed.append(q)
            if len(followed) == DETOURED_MOST:
                break
        for q in followed:
            detoured_there = self.space.connect(start, q[0], progress)
            detoured_back = None if detoured_there is None else self.space.connect(q[-1], self.robot.home, progress)
            if detoured_there is not None and detoured_back is not None:
                return make_way(q, stations, detoured_there, detoured_back)
        if not followed:
            raise furthest(refusals)
        contact = self.space.contact(np.stack([start, followed[0][0]]))
        touches = "" if contact is None else f"; on the straight one {contact.text}"
        raise PlanRefused(Reason.NO_FREE_PATH, f"no way to the path and home was found that touches nothing{touches}.")

    def ways(
        self, stations: Stations, start: Array, progress: Progress, refusals: list[PlanRefused]
    ) -> Iterator[Array]:
        """Yield the joint positions (N, dof) at the stations of every way that holds, the most promising first.

        Gentler versions of the first few come before the ways as they were ranked; ways in which the redundant joint
        takes any course come last. What does not hold is noted in `refusals`.
        """
        for number, (profile, branch) in enumerate(self._tried(stations, start, refusals)):
            progress("reach", 0.2 + 0.4 * number / WAYS_MOST)
            try:
                yield self._follow(stations, profile, branch, start)
            except PlanRefused as refused:
                refusals.append(refused)

    def _tried(self, stations: Stations, start: Array, refusals: list[PlanRefused]) -> Iterator[tuple[Profile, int]]:
        try:
            ranked = self.follower.ranked(stations, start)[:WAYS_MOST]
        except PlanRefused as refused:
            refusals.append(refused)
            ranked = []
        yield from self._gentler(ranked[:GENTLE_WAYS], stations, start)
        yield from ranked
        freed = self.follower.freed(stations, start)
        yield from self._gentler(freed, stations, start)
        yield from freed

    def _gentler(
        self, pairs: list[tuple[Profile, int]], stations: Stations, start: Array
    ) -> Iterator[tuple[Profile, int]]:
        for profile, branch in pairs:
            gentler = self.follower.gentler(stations, profile, branch, start)
            if gentler is not None:
                yield gentler, branch

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
        contact = self._path_space.contact(q)
        if contact is not None:
            text = f"{stations.on_the_way(contact.index)}{contact.text}."
            raise PlanRefused(Reason.COLLISION, text, int(waypoint[contact.index]))
        return q


def furthest(refusals: list[PlanRefused]) -> PlanRefused:
    """Return the refusal of the way that passed most checks and got furthest."""
    order = [reason.value for reason in Reason]
    return max(refusals, key=lambda refused: (order.index(refused.reason), refused.waypoint or 0))


def _largest(table: Array) -> tuple[int, int]:
    row, column = np.unravel_index(np.argmax(table), table.shape)
    return int(row), int(column)


def _reach(chain: Chain, tool: Tool) -> Array:
    """Return (dof,) metres: no point beyond a joint is further from its axis than the links and the tool are long."""
    lengths = np.linalg.norm(chain.placements[1:, :3, 3], axis=1)
    corners = se3.transform_points(tool.transform_tool_to_flange, tool.mesh.bounding_box.vertices)
    hand = float(np.linalg.norm(corners, axis=1).max() + np.linalg.norm(chain.transform_flange_to_last[:3, 3]))
    return np.append(np.cumsum(lengths[::-1])[::-1], 0.0) + hand
