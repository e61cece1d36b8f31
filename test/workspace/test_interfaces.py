"""The messages say what ROS's and our own Python say: type hashes, constants, error codes."""

import json
import re
import sys
from pathlib import Path

import pytest
from dreamitate_msgs.action import ExecuteTrajectory, GenerateVideo, Record, Rollout, TrackTool
from dreamitate_msgs.msg import StereoVideo, ToolTrajectory
from rosbags.typesys import Stores, get_typestore

from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointComponentTolerance
from dreamitate_core.trajectory import Status
from dreamitate_core.video import STEPS

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = [GenerateVideo, TrackTool, ExecuteTrajectory, Rollout, Record]
SHARED = {"NONE": 0, "CANCELLED": 1, "INVALID_GOAL": 2, "BUSY": 3, "UNEXPECTED": 4}

FOLLOW_JOINT_TRAJECTORY = "RIHS01_ff29901b2693f5deb847e96084a1c2cdb26e70b7c847be21859b70a55fb29cf0"
"""Made from definitions that equal those of ros-controls/control_msgs 6.7.0, which is Kilted's, field by field."""


def _type_hash(name: str) -> str:
    """Return the hash that rosidl wrote beside the installed interface, such as `tf2_msgs/msg/TFMessage`."""
    description = json.loads((Path(sys.prefix) / "share" / f"{name}.json").read_text())
    hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
    return str(hashes[name])


def test_tf_is_ros_own() -> None:
    kilted = get_typestore(Stores.ROS2_KILTED)
    assert _type_hash("tf2_msgs/msg/TFMessage") == kilted.hash_rihs01("tf2_msgs/msg/TFMessage")


def test_follow_joint_trajectory_is_ros_own() -> None:
    assert _type_hash("control_msgs/action/FollowJointTrajectory") == FOLLOW_JOINT_TRAJECTORY
    result = FollowJointTrajectory.Result
    assert [
        result.SUCCESSFUL,
        result.INVALID_GOAL,
        result.INVALID_JOINTS,
        result.OLD_HEADER_TIMESTAMP,
        result.PATH_TOLERANCE_VIOLATED,
        result.GOAL_TOLERANCE_VIOLATED,
    ] == [0, -1, -2, -3, -4, -5]
    tolerance = JointComponentTolerance
    axes = [tolerance.X_AXIS, tolerance.Y_AXIS, tolerance.Z_AXIS, tolerance.TRANSLATION, tolerance.ROTATION]
    assert axes == [1, 2, 3, 4, 5]


def test_constants_are_those_of_the_core() -> None:
    assert {name: getattr(ToolTrajectory, name) for name in Status.__members__} == {s.name: s.value for s in Status}
    assert StereoVideo.STEPS == STEPS


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_shares_the_common_codes_and_the_form_of_result_and_feedback(action: type) -> None:
    result, feedback = action.Result(), action.Feedback()  # type: ignore[attr-defined]
    assert {name: getattr(result, name) for name in SHARED} == SHARED
    assert (result.error_code, result.error_msg) == (0, "")
    assert feedback.get_fields_and_field_types() == {"stage": "string", "fraction": "float"}


def test_error_codes_of_the_stages_are_all_different() -> None:
    codes = [
        int(number)
        for action in ACTIONS
        for name, number in re.findall(
            r"^uint16 ([A-Z_]+)=(\d+)",
            (ROOT / "src/dreamitate_msgs/action" / f"{action.__name__}.action").read_text(),
            re.MULTILINE,
        )
        if name not in SHARED
    ]
    assert len(codes) > 20
    assert len(codes) == len(set(codes))
    assert min(codes) > 100


@pytest.mark.parametrize("package", ["dreamitate_msgs", "without_ros/tf2_msgs", "without_ros/control_msgs"])
def test_every_definition_is_built(package: str) -> None:
    folder = ROOT / "src" / package
    files = {
        f"{path.parent.name}/{path.name}" for kind in ("msg", "srv", "action") for path in folder.glob(f"{kind}/*")
    }
    built = set(re.findall(r"(?:msg|srv|action)/\w+\.\w+", (folder / "CMakeLists.txt").read_text()))
    assert built == files
