"""Arms with their tools over the table, as MuJoCo has them: a second opinion on where they are and what they touch."""

from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.camera import load_rig
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_sim.arm import prefix_of
from dreamitate_sim.gl import mujoco

Array = NDArray[np.float64]

CAMERA_HALF_M = np.array([0.045, 0.0125, 0.0125])
TABLE_TOP_M = -0.001
"""The tool may press this far into the cloth."""
DEFAULT_TOOL_MASS_KG = 0.25


def arms_model(task: Task, arms: Sequence[ArmSetup]) -> mujoco.MjModel:
    """Return arms and tools between the cameras, with collisions for all that may not touch."""
    world = mujoco.MjSpec()
    fixed_bit = 1 << len(arms)
    for number, arm in enumerate(arms):
        own = 1 << number
        others = fixed_bit - 1  # every arm's moving parts, its own and the others'
        spec = _arm(arm, own, others, fixed_bit)
        base = arm.transform_base_to_table
        frame = world.worldbody.add_frame(pos=base[:3, 3], quat=_quaternion_wxyz(base))
        world.attach(spec, frame=frame, prefix=prefix_of(arm))
    _add_fixtures(world, task, fixed_bit)
    return world.compile()


class Contacts:
    """Counts the configurations of all arms' joints at which anything touches, or is nearer to what stands than a
    margin, metres."""

    def __init__(self, task: Task, arms: Sequence[ArmSetup], margin_m: float = 0.0) -> None:
        self._model = arms_model(task, arms)
        stands = self._model.geom_bodyid == 0
        self._model.geom_margin[:] = np.where(stands, margin_m, 0.25 * margin_m)  # MuJoCo adds the margins of both
        self._data = mujoco.MjData(self._model)
        joints = [prefix_of(arm) + name for arm in arms for name in arm.robot.joint_names]
        self._addresses = [int(self._model.joint(name).qposadr[0]) for name in joints]

    def count(self, positions: Array) -> int:
        """Return at how many of positions (N, dofs of all arms) anything touches."""
        touching = 0
        for q in positions:
            self._data.qpos[self._addresses] = q
            mujoco.mj_kinematics(self._model, self._data)
            mujoco.mj_collision(self._model, self._data)
            touching += self._data.ncon > 0
        return touching


def _arm(arm: ArmSetup, own: int, others: int, fixed_bit: int) -> mujoco.MjSpec:
    spec = mujoco.MjSpec.from_file(str(arm.robot.urdf))
    foot = {body.name for body in spec.bodies[: _bodies_below_joint(spec, 2)]}
    for geom in [geom for geom in spec.geoms if geom.contype]:
        geom.type = mujoco.mjtGeom.mjGEOM_CAPSULE
        geom.contype, geom.conaffinity = own, others if geom.parent.name in foot else others | fixed_bit
    for first, second in _never_touching(arm.robot):
        spec.add_exclude(bodyname1=first, bodyname2=second)
    mount, tool = arm.tool.transform_tool_to_flange, arm.tool
    body = spec.body(arm.robot.flange_frame).add_body(name="tool", pos=mount[:3, 3], quat=_quaternion_wxyz(mount))
    hull = tool.mesh.convex_hull
    mesh = f"{arm.name}_{tool.name}"
    spec.add_mesh(name=mesh, uservert=np.ravel(hull.vertices), userface=np.ravel(hull.faces))
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname=mesh)
    geom.contype, geom.conaffinity = own, others | fixed_bit
    geom.mass = float(tool.settings.get("mass_kg", DEFAULT_TOOL_MASS_KG))
    return spec


def _add_fixtures(world: mujoco.MjSpec, task: Task, fixed_bit: int) -> None:
    rig = load_rig(task.rig)
    assert rig.transform_reference_to_table is not None
    fixtures = [world.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 1], pos=[0, 0, TABLE_TOP_M])]
    for camera in rig.cameras:
        place = rig.transform_reference_to_table @ camera.transform_camera_to_reference
        box = world.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=CAMERA_HALF_M, pos=place[:3, 3])
        box.quat = _quaternion_wxyz(place)
        fixtures.append(box)
    for fixture in fixtures:
        fixture.contype, fixture.conaffinity = fixed_bit, 0


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
