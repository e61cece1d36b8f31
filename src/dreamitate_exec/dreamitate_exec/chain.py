"""Forward kinematics of an arm for many configurations at once, from its URDF."""

import numpy as np
import pinocchio as pin
from numpy.typing import ArrayLike, NDArray

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot

Array = NDArray[np.float64]


class Chain:
    """A serial arm of revolute joints that turn about their own +z axes.

    placements: (dof, 4, 4) transform_joint_to_previous at angle zero; transform_flange_to_last: (4, 4).
    """

    def __init__(self, robot: Robot) -> None:
        model = pin.buildModelFromUrdf(str(robot.urdf))
        if list(model.names)[1:] != robot.joint_names:
            raise DreamitateError(
                f"{robot.urdf} has the joints {list(model.names)[1:]}; robot.yaml says {robot.joint_names}."
            )
        if any(joint.shortname() != "JointModelRZ" for joint in list(model.joints)[1:]):
            raise DreamitateError(f"Every joint in {robot.urdf} must be revolute about its +z axis.")
        self.dof = robot.dof
        self.placements = np.stack([placement.homogeneous for placement in list(model.jointPlacements)[1:]])
        self.transform_flange_to_last = model.frames[model.getFrameId(robot.flange_frame)].placement.homogeneous

    def joints(self, position: ArrayLike) -> Array:
        """Return transform_joint_to_base (..., dof, 4, 4), each after its own turn, for positions (..., dof)."""
        position = np.asarray(position, float)
        turned = self.placements @ turn(position)
        frames = np.empty_like(turned)
        frames[..., 0, :, :] = turned[..., 0, :, :]
        for i in range(1, self.dof):
            frames[..., i, :, :] = frames[..., i - 1, :, :] @ turned[..., i, :, :]
        return frames

    def flange(self, position: ArrayLike) -> Array:
        """Return transform_flange_to_base (..., 4, 4) for positions (..., dof)."""
        return self.joints(position)[..., -1, :, :] @ self.transform_flange_to_last

    def jacobian(self, position: ArrayLike, transform_tool_to_flange: Array) -> Array:
        """Return (..., 6, dof): the twist [v, w] of the tool's origin in base axes per joint speed."""
        frames = self.joints(position)
        tip = (frames[..., -1, :, :] @ self.transform_flange_to_last @ transform_tool_to_flange)[..., :3, 3]
        axis = frames[..., :3, 2]
        linear = np.cross(axis, tip[..., None, :] - frames[..., :3, 3])
        return np.swapaxes(np.concatenate([linear, axis], axis=-1), -1, -2)

    def dexterity(self, position: ArrayLike) -> Array:
        """Return (...,) the smallest singular value of the flange's Jacobian, lengths counted in half metres.

        Zero at a singularity: some motion of the flange needs infinite joint speed.
        """
        J = self.jacobian(position, np.eye(4)) * np.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])[:, None]
        eigenvalues = np.linalg.eigvalsh(J @ np.swapaxes(J, -1, -2))
        return np.sqrt(np.maximum(eigenvalues[..., 0], 0.0))


def turn(angle: Array) -> Array:
    """Return rotations about z (..., 4, 4) by angles (...,)."""
    c, s = np.cos(angle), np.sin(angle)
    turn = np.zeros((*angle.shape, 4, 4))
    turn[..., 0, 0] = turn[..., 1, 1] = c
    turn[..., 1, 0], turn[..., 0, 1] = s, -s
    turn[..., 2, 2] = turn[..., 3, 3] = 1.0
    return turn


def about_axis(axis: ArrayLike, point: ArrayLike, angle: ArrayLike) -> Array:
    """Return the rotations (..., 4, 4) by angles (...,) about an axis (3,) through a point (3,)."""
    axis, point, angle = np.asarray(axis, float), np.asarray(point, float), np.asarray(angle, float)[..., None, None]
    K = se3.skew(axis / np.linalg.norm(axis))
    rotation = np.eye(3) + np.sin(angle) * K + (1.0 - np.cos(angle)) * (K @ K)  # Rodrigues
    return se3.make_transform(rotation, point - rotation @ point)
