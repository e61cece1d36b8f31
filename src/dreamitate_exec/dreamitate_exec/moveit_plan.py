"""The planner `moveit`: the same goal and the same answer as `embedded`, through moveit_py.

It is handed moveit_py's classes, and imports neither them nor any ROS: `moveit_api_node.py` finds those. What is used
of them: moveit_py of ROS 2 Jazzy and later (https://github.com/moveit/moveit2, moveit_py/src/moveit).
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import transform_base_to_table
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

from .refusal import PlanRefused, Reason
from .settings import PlanningSettings, planning_settings
from .tool_path import ToolPath, check_path, smooth_path
from .track_check import usable_frames

Array = NDArray[np.float64]

STATIONS = 120
"""Poses of the tool for which joints are looked for, besides the tracked ones."""
LIFT_STATIONS = 9
LIFT_SPEED_M_S = 0.3
JUMP_RAD = 0.5
"""Largest step of a joint between two poses: a larger one is another branch, not a motion."""
SEEDS = 40
FOLLOWED_MOST = 4
"""How many ways along the path are tried for which MoveIt has to find the ways there and home."""
IK_LIMIT_S = 0.05
PATH_TOLERANCE_RAD = 0.001
"""How far time parameterisation may cut corners; its own default, 0.1, would leave the path."""
LIMIT_SHARE = 0.95
"""Share of MoveIt's speed and acceleration limits that is asked for: samples lie between its points."""


@dataclass(frozen=True)
class MoveItApi:
    """What is used of moveit_py and of ROS's messages, by their own names."""

    RobotTrajectory: Any
    PlanRequestParameters: Any
    RobotTrajectoryMsg: Any
    JointTrajectoryPoint: Any
    Pose: Any


@dataclass(frozen=True)
class _Timed:
    """time_s: (N,) from 0; position, velocity, acceleration: (N, dof)."""

    time_s: Array
    position: Array
    velocity: Array
    acceleration: Array


class MoveItPlanner:
    """One arm. moveit: a MoveItPy; settings: the section `moveit` of robot.yaml, which names its group and tip."""

    def __init__(self, moveit: Any, api: MoveItApi, robot: Robot, free_planning_s: float) -> None:
        self._moveit, self._api, self._robot, self._free_planning_s = moveit, api, robot, free_planning_s
        words = robot.settings["moveit"]
        self._group, self._tip = str(words["group"]), str(words["tip"])
        self._component = moveit.get_planning_component(self._group)
        self._monitor = moveit.get_planning_scene_monitor()

    def plan(self, track: ToolTrajectory, task: Task, tool: Tool, progress: Progress) -> Plan:
        """Return the motion from where the arm is, over the tracked path, back to its home. Raises PlanRefused."""
        progress("check", 0.0)
        settings = planning_settings(task)
        frames, notes = usable_frames(track, settings)
        path, moved = smooth_path(track, frames, tool.tip, settings)
        notes.append(f"Smoothed: poses moved by up to {moved[0] * 1e3:.1f} mm and {np.degrees(moved[1]):.1f} degrees.")
        notes += check_path(path, track.transform_tool_to_frame[frames], tool.tip, frames, settings)
        times = np.unique(np.concatenate([np.linspace(path.time_s[0], path.time_s[-1], STATIONS), path.time_s]))
        poses = self._poses(path, times, settings.approach_height_m)
        waypoints = frames[np.argmin(np.abs(np.pad(times, LIFT_STATIONS - 1, mode="edge")[:, None] - path.time_s), 1)]
        with self._monitor.read_only() as scene:
            start = copy.deepcopy(scene.current_state)
            to_model = np.asarray(start.get_global_link_transform(self._robot.base_frame), float)
            to_model = to_model @ se3.inverse(transform_base_to_table(task, self._robot))
        flange = to_model @ poses @ se3.inverse(tool.transform_tool_to_flange)
        joints, there, back = self._search(flange, waypoints, start, progress)
        clip_s = float(path.time_s[-1] - path.time_s[0])
        progress("timing", 0.9)
        motions, tracked = self._motions(joints, there, back, start, settings, clip_s)
        notes += self._pace_notes(motions[tracked], clip_s)
        return self._assemble(motions, tracked, joints, times, path, to_model, tool, start, notes)

    def _poses(self, path: ToolPath, times: Array, height_m: float) -> Array:
        """Return the tool's poses (N, 4, 4): from above down, along the clip, and up again."""
        tracked = path.poses(times)
        lift = np.tile(np.eye(4), (LIFT_STATIONS, 1, 1))
        lift[:, 2, 3] = height_m * np.linspace(0.0, 1.0, LIFT_STATIONS)
        return np.concatenate([lift[:0:-1] @ tracked[0], tracked, lift[1:] @ tracked[-1]])

    def _search(
        self, flange: Array, waypoints: NDArray[np.intp], start: Any, progress: Progress
    ) -> tuple[Array, Array, Array]:
        """Return joints (N, dof) for flange poses in the model's frame, and the ways there and home, from the first
        seed that holds all along.

        Raises PlanRefused with what stopped the seed that got furthest.
        """
        refusals: list[tuple[int, PlanRefused]] = []
        followed = 0
        for number, seed in enumerate(self._seeds(start)):
            progress("reach", 0.2 + 0.7 * number / SEEDS)
            try:
                with self._monitor.read_only() as scene:
                    joints = self._follow(seed, flange, waypoints, start, scene)
                followed += 1
                progress("free motion", 0.2 + 0.7 * number / SEEDS)
                return (
                    joints,
                    self._free(start, self._joints(start), joints[0]),
                    self._free(start, joints[-1], self._robot.home),
                )
            except _Stopped as stopped:
                refusals.append((stopped.index, stopped.refusal))
            except PlanRefused as no_way:
                refusals.append((len(flange), no_way))
                if followed == FOLLOWED_MOST:
                    break
        raise max(refusals, key=lambda refusal: refusal[0])[1]

    def _seeds(self, start: Any) -> Iterator[Array]:
        """Yield joint positions to begin from: where the arm is, its home, and random ones, the same every time."""
        yield self._joints(start)
        yield self._robot.home
        random = np.random.default_rng(0)
        lower, upper = np.maximum(self._robot.position_lower, -np.pi), np.minimum(self._robot.position_upper, np.pi)
        for _ in range(SEEDS - 2):
            yield random.uniform(lower, upper)

    def _follow(self, seed: Array, flange: Array, waypoints: NDArray[np.intp], start: Any, scene: Any) -> Array:
        """Return joints (N, dof), each found from the one before. Raises _Stopped."""
        state = copy.deepcopy(start)
        found: list[Array] = []
        self._set(state, seed)
        for index, transform in enumerate(flange):
            waypoint = int(waypoints[index])
            if not state.set_from_ik(self._group, self._pose(transform), self._tip, IK_LIMIT_S):
                raise _Stopped(index, PlanRefused(Reason.OUT_OF_REACH, "MoveIt finds no joint angles.", waypoint))
            state.update()
            joints = self._joints(state)
            step = np.abs(joints - found[-1]).max() if found else 0.0
            if step > JUMP_RAD:
                text = f"a joint would jump by {step:.2f} rad; at most {JUMP_RAD} is moved."
                raise _Stopped(index, PlanRefused(Reason.JOINT_JUMP, text, waypoint, float(step), JUMP_RAD))
            if scene.is_state_colliding(state, self._group):
                text = "the arm or its tool touches something in MoveIt's scene."
                raise _Stopped(index, PlanRefused(Reason.COLLISION, text, waypoint))
            found.append(joints)
        return np.array(found)

    def _motions(
        self, joints: Array, there: Array, back: Array, start: Any, settings: PlanningSettings, clip_s: float
    ) -> tuple[list[_Timed], int]:
        """Return the motions one after the other, and which one runs along the track."""
        above = LIFT_STATIONS - 1
        lift_s = 1.875 * settings.approach_height_m / LIFT_SPEED_M_S
        tracked = self._timed(joints[above:-above], start, 1.0)
        limit_s = settings.slowdown_limit * clip_s
        if tracked.time_s[-1] > limit_s:
            took_s = float(tracked.time_s[-1])
            text = f"within MoveIt's limits the tracked path takes {took_s:.2f} s; at most {limit_s:.2f} s is allowed."
            raise PlanRefused(Reason.TOO_SLOW, text, None, took_s, limit_s)
        down, up = (
            self._timed(part, start, settings.free_speed) for part in (joints[: above + 1], joints[-above - 1 :])
        )
        return [
            self._timed(there, start, settings.free_speed),
            _at_least(down, lift_s),
            _at_least(tracked, clip_s),
            _at_least(up, lift_s),
            self._timed(back, start, settings.free_speed),
        ], 2

    def _free(self, start: Any, joints: Array, goal: Array) -> Array:
        """Return joints (N, dof) of a way through free space that MoveIt's planner finds. Raises PlanRefused."""
        begin, end = copy.deepcopy(start), copy.deepcopy(start)
        for state, position in ((begin, joints), (end, goal)):
            self._set(state, position)
        parameters = self._api.PlanRequestParameters(self._moveit, "")
        parameters.planning_pipeline, parameters.planning_time = "ompl", self._free_planning_s
        self._component.set_start_state(robot_state=begin)
        self._component.set_goal_state(robot_state=end)
        answer = self._component.plan(single_plan_parameters=parameters)
        if not answer:
            raise PlanRefused(Reason.NO_FREE_PATH, "MoveIt finds no way to the path and home that touches nothing.")
        found = self._read(answer.trajectory).position
        return np.vstack([joints, found[1:-1], goal])

    def _timed(self, joints: Array, start: Any, share: float) -> _Timed:
        """Return the motion along joints (N, dof) as fast as a share of MoveIt's limits allows, from rest to rest."""
        kept = joints[np.append(True, np.abs(np.diff(joints, axis=0)).max(axis=1) > 1e-9)]
        if len(kept) < 2:
            return _Timed(np.zeros(1), joints[:1], 0 * joints[:1], 0 * joints[:1])
        message = self._api.RobotTrajectoryMsg()
        message.joint_trajectory.joint_names = list(self._robot.joint_names)
        for number, position in enumerate(kept):
            point = self._api.JointTrajectoryPoint(positions=position.tolist())
            point.time_from_start.sec = number
            message.joint_trajectory.points.append(point)
        begin = copy.deepcopy(start)
        self._set(begin, kept[0])
        trajectory = self._api.RobotTrajectory(self._moveit.get_robot_model())
        trajectory.joint_model_group_name = self._group
        trajectory.set_robot_trajectory_msg(begin, message)
        rate_hz = float(self._robot.settings["command_rate_hz"])
        speed = share * LIMIT_SHARE
        if not trajectory.apply_totg_time_parameterization(
            speed, speed, path_tolerance=PATH_TOLERANCE_RAD, resample_dt=1.0 / rate_hz
        ):
            raise DreamitateError(
                "MoveIt's time parameterisation failed. Does its joint_limits.yaml limit accelerations?"
            )
        return _within(self._read(trajectory), self._robot)

    def _read(self, trajectory: Any) -> _Timed:
        message = trajectory.get_robot_trajectory_msg().joint_trajectory
        order = [list(message.joint_names).index(name) for name in self._robot.joint_names]
        time_s = [p.time_from_start.sec + p.time_from_start.nanosec * 1e-9 for p in message.points]
        rows = [[p.positions, p.velocities, p.accelerations] for p in message.points]
        table = np.array([[list(row) or [0.0] * len(order) for row in point] for point in rows], float)[:, :, order]
        return _Timed(np.array(time_s) - time_s[0], table[:, 0], table[:, 1], table[:, 2])

    def _assemble(
        self,
        motions: Sequence[_Timed],
        tracked: int,
        joints: Array,
        times: Array,
        path: ToolPath,
        to_model: Array,
        tool: Tool,
        start: Any,
        notes: list[str],
    ) -> Plan:
        begin = np.concatenate([[0.0], np.cumsum([motion.time_s[-1] for motion in motions])])
        parts = [(m, slice(None) if k == 0 else slice(1, None), begin[k]) for k, m in enumerate(motions)]
        position = np.concatenate([motion.position[part] for motion, part, _ in parts])
        at = LIFT_STATIONS - 1 + np.searchsorted(times, path.time_s)
        return Plan(
            joint_names=self._robot.joint_names,
            time_s=np.concatenate([motion.time_s[part] + t for motion, part, t in parts]),
            position=position,
            velocity=np.concatenate([motion.velocity[part] for motion, part, _ in parts]),
            acceleration=np.concatenate([motion.acceleration[part] for motion, part, _ in parts]),
            transform_tool_to_table=self._tool_poses(position, to_model, tool, start),
            waypoint_time_s=begin[tracked] + _passing_times(motions[tracked], joints[at]),
            waypoint_transform_tool_to_table=path.poses(path.time_s),
            notes=notes,
        )

    def _tool_poses(self, position: Array, to_model: Array, tool: Tool, start: Any) -> Array:
        state, poses = copy.deepcopy(start), []
        for row in position:
            self._set(state, row)
            poses.append(np.asarray(state.get_global_link_transform(self._tip), float))
        return np.asarray(se3.inverse(to_model) @ np.array(poses) @ tool.transform_tool_to_flange)

    def _pace_notes(self, tracked: _Timed, clip_s: float) -> list[str]:
        took = f"The tracked path takes {tracked.time_s[-1]:.2f} s"
        if tracked.time_s[-1] <= 1.005 * clip_s:
            return [f"{took}, as the clip; the pace along it is MoveIt's."]
        return [f"{took} instead of the clip's {clip_s:.2f} s, for MoveIt's limits."]

    def _joints(self, state: Any) -> Array:
        values = state.joint_positions
        return np.array([values[name] for name in self._robot.joint_names], float)

    def _set(self, state: Any, joints: Array) -> None:
        values = zip(self._robot.joint_names, map(float, joints), strict=True)
        state.joint_positions = {**state.joint_positions, **dict(values)}
        state.update()

    def _pose(self, transform: Array) -> Any:
        pose = self._api.Pose()
        x, y, z, w = (float(value) for value in se3.to_quaternion_xyzw(transform))
        pose.position.x, pose.position.y, pose.position.z = (float(value) for value in transform[:3, 3])
        pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = x, y, z, w
        return pose


class _Stopped(Exception):  # noqa: N818 - how far a seed got, and what stopped it
    def __init__(self, index: int, refusal: PlanRefused) -> None:
        super().__init__(str(refusal))
        self.index, self.refusal = index, refusal


def _within(motion: _Timed, robot: Robot) -> _Timed:
    """Return the motion, stretched in time where our limits of the arm are lower than MoveIt's."""
    pushes = np.diff(motion.velocity, axis=0) / np.diff(motion.time_s)[:, None]
    speed = np.abs(motion.velocity / (LIMIT_SHARE * robot.velocity_limit)).max()
    push = max(
        np.abs(table / (LIMIT_SHARE * robot.acceleration_limit)).max() for table in (motion.acceleration, pushes)
    )
    return _at_least(motion, float(motion.time_s[-1] * max(speed, np.sqrt(push))))


def _at_least(motion: _Timed, duration_s: float) -> _Timed:
    """Return the motion, stretched in time where it is shorter than a duration."""
    if not 0.0 < motion.time_s[-1] < duration_s:
        return motion
    k = duration_s / motion.time_s[-1]
    return _Timed(motion.time_s * k, motion.position, motion.velocity / k, motion.acceleration / k**2)


def _passing_times(motion: _Timed, joints: Array) -> Array:
    """Return the times (K,) at which a motion passes joints (K, dof) one after the other, between its samples too."""
    found, first = [], 0
    for wanted in joints:
        way = np.diff(motion.position[first:], axis=0)
        offset = wanted - motion.position[first:-1]
        length = np.einsum("ij,ij->i", way, way)
        share = np.clip(np.einsum("ij,ij->i", offset, way) / np.where(length > 0, length, 1.0), 0.0, 1.0)
        off = np.linalg.norm(offset - share[:, None] * way, axis=1)
        nearest = int(np.argmin(off))
        first += nearest
        found.append(motion.time_s[first] + share[nearest] * (motion.time_s[first + 1] - motion.time_s[first]))
    return np.array(found)
