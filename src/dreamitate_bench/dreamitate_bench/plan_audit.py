"""Is a plan safe? Looked at again every millisecond, with MuJoCo's kinematics and collisions, not the planner's."""

from dataclasses import dataclass
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial import cKDTree

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_exec.settings import planning_settings, transform_base_to_table
from dreamitate_sim.gl import mujoco

Array = NDArray[np.float64]

STEP_S = 0.001
ROUNDING = 1e-6
"""Share of a limit by which floating-point numbers may pass it."""
PREFIX = "arm/"
HEIGHT_ROUNDING_M = 1e-4
CAMERA_HALF_M = np.array([0.045, 0.0125, 0.0125])
SELF_BIT, FIXED_BIT = 1, 2
"""MuJoCo's collision classes: the arm and its tool, and what stands around them."""
TABLE_TOP_M = -0.001
"""The tool may press this far into the cloth."""


@dataclass(frozen=True)
class Found:
    """How often (samples of a millisecond) a plan breaks a rule, and how well it follows.

    deviation_m, deviation_rad: the tool's largest distance from the asked path; jerk_rad_s3: of the joints, largest.
    """

    over_position: int
    over_speed: int
    over_acceleration: int
    collisions: int
    over_height: int
    deviation_m: float
    deviation_rad: float
    acceleration_rad_s2: float
    jerk_rad_s3: float

    @property
    def violations(self) -> int:
        """Samples that break a rule."""
        return self.over_position + self.over_speed + self.over_acceleration + self.collisions + self.over_height


class Auditor:
    """A second opinion on plans of one task, arm and tool."""

    def __init__(self, task: Task, robot: Robot, tool: Tool) -> None:
        self._task, self._robot, self._tool = task, robot, tool
        self._model = _model(task, robot, tool)
        self._data = mujoco.MjData(self._model)
        self._tool_body = self._model.body(f"{PREFIX}tool").id

    def audit(self, plan: Plan, path: Array) -> Found:
        """Return what is found of a plan that was asked to follow a path of tool poses (N, 4, 4) on the table."""
        spline = CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)  # as trajectory controllers do
        time = np.arange(plan.time_s[0], plan.time_s[-1], STEP_S)
        position, velocity, acceleration = spline(time), spline(time, 1), spline(time, 2)
        robot = self._robot
        tracked = (time >= plan.waypoint_time_s[0]) & (time <= plan.waypoint_time_s[-1])
        collisions, tool_poses = self._replay(position)
        far, turned = _deviation(tool_poses[tracked], path)
        tips = tool_poses[tracked, :3, :3] @ self._tool.tip + tool_poses[tracked, :3, 3]
        settings = planning_settings(self._task)
        lower, upper = settings.tip_height_lower_m, settings.tip_height_upper_m
        return Found(
            over_position=_count(position < robot.position_lower, position > robot.position_upper),
            over_speed=_count(np.abs(velocity) > (1 + ROUNDING) * robot.velocity_limit),
            over_acceleration=_count(np.abs(acceleration) > (1 + ROUNDING) * robot.acceleration_limit),
            collisions=collisions,
            over_height=_count(tips[:, 2:] < lower - HEIGHT_ROUNDING_M, tips[:, 2:] > upper + HEIGHT_ROUNDING_M),
            deviation_m=far,
            deviation_rad=turned,
            acceleration_rad_s2=float(np.abs(acceleration[tracked]).max()),
            jerk_rad_s3=float(np.abs(np.diff(acceleration[tracked], axis=0)).max() / STEP_S),
        )

    def tool_error_m(self, plan: Plan, truth: Array) -> float:
        """Return the root mean square distance of the tool's tip from true poses (M, 4, 4) when the plan meets them."""
        spline = CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)
        poses = self._replay(spline(plan.waypoint_time_s))[1]
        tips = [se3.transform_points(transforms, self._tool.tip[None])[:, 0] for transforms in (poses, truth)]
        return float(np.sqrt(((tips[0] - tips[1]) ** 2).sum(axis=1).mean()))

    def _replay(self, position: Array) -> tuple[int, Array]:
        """Return the number of samples with a contact, and the tool's poses (N, 4, 4) on the table."""
        collisions, poses = 0, np.empty((len(position), 4, 4))
        for index, q in enumerate(position):
            self._data.qpos[:] = q
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_collision(self._model, self._data)
            collisions += self._data.ncon > 0
            poses[index] = se3.make_transform(
                self._data.xmat[self._tool_body].reshape(3, 3), self._data.xpos[self._tool_body]
            )
        return collisions, poses


def _deviation(poses: Array, path: Array) -> tuple[float, float]:
    """Return the largest distance and turn of poses from the nearest pose of a densely sampled path."""
    nearest = path[cKDTree(_places(path)).query(_places(poses))[1]]
    distance = np.linalg.norm(poses[:, :3, 3] - nearest[:, :3, 3], axis=1)
    return float(distance.max()), float(se3.rotation_distance_rad(poses, nearest).max())


def _places(poses: Array) -> Array:
    """Return points (N, 12) whose distances weigh a turn by a radian like 0.1 m."""
    return np.concatenate([poses[:, :3, 3], 0.07 * poses[:, :3, :3].reshape(-1, 9)], axis=1)


def _count(*broken: Array) -> int:
    return int(np.logical_or.reduce(broken).any(axis=1).sum())


def _model(task: Task, robot: Robot, tool: Tool) -> mujoco.MjModel:
    """Return the arm with its tool over the table between the cameras, with collisions for all that may not touch."""
    arm = mujoco.MjSpec.from_file(str(robot.urdf))
    foot = {body.name for body in arm.bodies[: _bodies_below_joint(arm, 2)]}
    for geom in [geom for geom in arm.geoms if geom.contype]:
        geom.type = mujoco.mjtGeom.mjGEOM_CAPSULE
        geom.contype, geom.conaffinity = SELF_BIT, SELF_BIT if geom.parent.name in foot else SELF_BIT | FIXED_BIT
    for first, second in _never_touching(robot):
        arm.add_exclude(bodyname1=first, bodyname2=second)
    mount = tool.transform_tool_to_flange
    body = arm.body(robot.flange_frame).add_body(name="tool", pos=mount[:3, 3], quat=_quaternion_wxyz(mount))
    vertices, faces = tool.mesh.convex_hull.vertices, tool.mesh.convex_hull.faces
    arm.add_mesh(name="tool", uservert=np.ravel(vertices), userface=np.ravel(faces))
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="tool")
    geom.contype, geom.conaffinity = SELF_BIT, SELF_BIT | FIXED_BIT
    world = mujoco.MjSpec()
    base = transform_base_to_table(task, robot)
    world.attach(arm, frame=world.worldbody.add_frame(pos=base[:3, 3], quat=_quaternion_wxyz(base)), prefix=PREFIX)
    _add_fixtures(world, task)
    return world.compile()


def _add_fixtures(world: mujoco.MjSpec, task: Task) -> None:
    rig = load_rig(task.rig)
    assert rig.transform_reference_to_table is not None
    fixtures = [world.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 1], pos=[0, 0, TABLE_TOP_M])]
    for camera in rig.cameras:
        place = rig.transform_reference_to_table @ camera.transform_camera_to_reference
        box = world.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=CAMERA_HALF_M, pos=place[:3, 3])
        box.quat = _quaternion_wxyz(place)
        fixtures.append(box)
    for fixture in fixtures:
        fixture.contype, fixture.conaffinity = FIXED_BIT, 0


def _bodies_below_joint(arm: mujoco.MjSpec, number: int) -> int:
    """Return how many bodies come before the one that the joint of that number (from 1) moves."""
    moved = [index for index, body in enumerate(arm.bodies) if body.joints]
    return moved[number - 1]


def _never_touching(robot: Robot) -> list[tuple[str, str]]:
    """Return the pairs of links whose collisions the SRDF disables."""
    root = ElementTree.parse(robot.srdf).getroot()  # noqa: S314 - a file of our own configuration
    return [(str(pair.get("link1")), str(pair.get("link2"))) for pair in root.iter("disable_collisions")]


def _quaternion_wxyz(transform: Array) -> Array:
    return np.roll(se3.to_quaternion_xyzw(transform), 1)
