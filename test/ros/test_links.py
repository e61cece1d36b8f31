"""Link poses from our reading of the URDF equal those of pinocchio."""

from pathlib import Path

import numpy as np
import pinocchio
import pytest

from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import load_robot, robot_names
from dreamitate_ros.frames import FrameTree
from dreamitate_ros.links import link_poses, read_joints


@pytest.mark.parametrize("name", robot_names())
def test_every_link_as_pinocchio_says(name: str) -> None:
    robot = load_robot(name)
    model = pinocchio.buildModelFromUrdf(str(robot.urdf))
    data = model.createData()
    random = np.random.default_rng(0)
    joints = read_joints(robot.urdf)
    for _ in range(5):
        position = random.uniform(-1.5, 1.5, robot.dof)
        by_name = dict(zip(robot.joint_names, position, strict=True))
        ordered = np.array([by_name[joint] for joint in model.names[1:]])
        pinocchio.framesForwardKinematics(model, data, ordered)
        tree = FrameTree()
        for parent, child, transform in link_poses(joints, by_name):
            tree.set(parent, child, transform)
        base = data.oMf[model.getFrameId(robot.base_frame)].homogeneous
        for link in (joint.child for joint in joints):
            expected = np.linalg.inv(base) @ data.oMf[model.getFrameId(link)].homogeneous
            np.testing.assert_allclose(tree.transform(link, robot.base_frame), expected, atol=1e-9)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "arm.urdf"
    path.write_text("<robot><joint name='a' type='revolute'/></robot>")
    with pytest.raises(DreamitateError, match=r"arm.urdf cannot be read as a URDF"):
        read_joints(path)
