"""An arm of `config/robots` as a part of the MuJoCo world, with a tool on its flange, and the motors' control law."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot

from .follower import Follower, FollowState
from .gl import mujoco
from .tool_model import add_tool
from .world import ACTOR_GROUP, TOOL_BITS, UNSEEN_GROUP

Array = NDArray[np.float64]

DEFAULT_TOOL_MASS_KG = 0.25
BANDWIDTH_RAD_S = 50.0
"""Of the joints' position control, critically damped; industrial arms' servos reach about 8 Hz."""
ROTOR_INERTIA_KG_M2 = 0.1
"""Of a motor behind its gear, as its joint feels it; MuJoCo Menagerie's UR5e has the same. Without it the last joint,
at which only a light tool hangs, would give way like a soft spring: 1 to 7 Nm/rad instead of 250."""


def prefix_of(setup: ArmSetup) -> str:
    """Return what stands before the names of an arm's parts in the model; the tool's body is `<prefix>tool`."""
    return f"{setup.name}/"


def add_arm(spec: mujoco.MjSpec, setup: ArmSetup) -> None:
    """Put an arm where it stands, with its tool on its flange.

    Raises DreamitateError where the robot's URDF lacks its flange.
    """
    robot, tool, base, prefix = setup.robot, setup.tool, setup.transform_base_to_table, prefix_of(setup)
    arm = mujoco.MjSpec.from_file(str(robot.urdf))
    flange = arm.body(robot.flange_frame)
    if flange is None:
        raise DreamitateError(f"{robot.urdf} has no link {robot.flange_frame!r}, which robot.yaml calls the flange.")
    for geom in arm.geoms:
        is_visual = geom.contype == 0 and geom.conaffinity == 0
        geom.group = ACTOR_GROUP if is_visual else UNSEEN_GROUP
        if not is_visual:
            geom.contype, geom.conaffinity = TOOL_BITS, 0
    for joint in arm.joints:
        joint.armature = ROTOR_INERTIA_KG_M2
    frame = spec.worldbody.add_frame(pos=base[:3, 3], quat=_quaternion_wxyz(base))
    spec.attach(arm, frame=frame, prefix=prefix)
    mount = se3.check_transform(tool.transform_tool_to_flange, f"transform_tool_to_flange of {tool.name}")
    flange = spec.body(prefix + robot.flange_frame)
    body = flange.add_body(name=f"{prefix}tool", pos=mount[:3, 3], quat=_quaternion_wxyz(mount))
    body.mass = float(tool.settings.get("mass_kg", DEFAULT_TOOL_MASS_KG))
    body.ipos, body.inertia = tool.mesh.centroid, _box_inertia(body.mass, tool.mesh.extents)
    body.explicitinertial = True
    add_tool(spec, body, tool)


class Motors:
    """The joints' motors and their controller: computed torque, with gravity compensated, clipped to the real efforts.

    position, velocity: (dof,) rad and rad/s, in the robot's order of joints. prefix: what stands before their names.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, robot: Robot, prefix: str) -> None:
        joints = [model.joint(prefix + name) for name in robot.joint_names]
        self._model, self._data = model, data
        self._positions = np.array([joint.qposadr[0] for joint in joints])
        self._velocities = np.array([joint.dofadr[0] for joint in joints])
        self._effort_limit = np.array([model.jnt_actfrcrange[joint.id, 1] for joint in joints])
        self._mass_matrix = np.zeros((model.nv, model.nv))
        if (self._effort_limit <= 0.0).any():
            raise DreamitateError(f"{robot.urdf} lacks the effort limit of a joint.")

    @property
    def position(self) -> Array:
        """rad."""
        return np.array(self._data.qpos[self._positions])

    @property
    def velocity(self) -> Array:
        """rad/s."""
        return np.array(self._data.qvel[self._velocities])

    def place(self, position: Array) -> None:
        """Put the arm there, at rest, without any motion."""
        self._data.qpos[self._positions] = position
        self._data.qvel[self._velocities] = 0.0

    def drive(self, position: Array, velocity: Array, acceleration: Array) -> None:
        """Set the torques that follow the desired state; call between mj_step1 and mj_step2."""
        mujoco.mj_fullM(self._model, self._data, self._mass_matrix)
        mass = self._mass_matrix[np.ix_(self._velocities, self._velocities)]
        wanted = (
            acceleration
            + BANDWIDTH_RAD_S**2 * (position - self.position)
            + 2.0 * BANDWIDTH_RAD_S * (velocity - self.velocity)
        )
        torque = mass @ wanted + self._data.qfrc_bias[self._velocities]
        self._data.qfrc_applied[self._velocities] = np.clip(torque, -self._effort_limit, self._effort_limit)


class SimulatedArm:
    """One of the table's arms with its tool: it follows joint trajectories. Everything per joint is (dof,)."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, setup: ArmSetup) -> None:
        """Put the arm at its home pose, at rest."""
        self.setup, self._data = setup, data
        self._motors = Motors(model, data, setup.robot, prefix_of(setup))
        self._motors.place(setup.robot.home)
        self._follower = Follower(setup.robot, setup.robot.home)

    @property
    def position(self) -> Array:
        """rad."""
        return self._motors.position

    @property
    def velocity(self) -> Array:
        """rad/s."""
        return self._motors.velocity

    @property
    def transform_tool_to_table(self) -> Array:
        """Where the tool really is, (4, 4)."""
        body = self._data.body(f"{prefix_of(self.setup)}tool")
        return se3.make_transform(body.xmat.reshape(3, 3), body.xpos)

    @property
    def following(self) -> FollowState:
        """How the last trajectory goes."""
        return self._follower.following

    def start(self, time_s: ArrayLike, position: ArrayLike, velocity: ArrayLike, delay_s: float = 0.0) -> None:
        """Follow a trajectory: time_s (N,), position (N, dof) rad, velocity (N, dof) rad/s.

        delay_s: how long until it begins; negative: it began so long ago, and the arm catches up within its limits.
        Raises DreamitateError where it is none for this arm.
        """
        self._follower.start(float(self._data.time) + delay_s, time_s, position, velocity)

    def stop(self) -> None:
        """Leave the trajectory and come to rest within the arm's deceleration limits, as time goes on."""
        self._follower.stop()

    def drive(self, step_s: float) -> None:
        """Set the motors' torques for the next step; call between mj_step1 and mj_step2."""
        wanted = self._follower.update(float(self._data.time), step_s, self.position, self.velocity)
        self._motors.drive(wanted.position, wanted.velocity, wanted.acceleration)


def _quaternion_wxyz(transform: Array) -> Array:
    return np.roll(se3.to_quaternion_xyzw(transform), 1)


def _box_inertia(mass_kg: float, size: Array) -> Array:
    """The moments of inertia (3,) of a solid box of that size."""
    squares = np.asarray(size) ** 2
    return mass_kg / 12.0 * np.array([squares[1] + squares[2], squares[0] + squares[2], squares[0] + squares[1]])
