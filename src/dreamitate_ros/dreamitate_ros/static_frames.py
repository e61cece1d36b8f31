"""What is fixed: where the cameras and the arm are on the table, and the tool on the arm."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool

from .messages import OPTICAL_FRAMES

Frame = tuple[str, str, NDArray[np.float64]]


def static_frames(task: Task, robot: Robot, tool: Tool, root: str) -> list[Frame]:
    """Return (parent, child, transform_child_to_parent) of all that does not move.

    root: the frame that is put where the task has the arm's base. Raises DreamitateError where the rig is not
    calibrated to the table, or the task does not say where the arm stands.
    """
    rig = load_rig(task.rig)
    to_table = rig.transform_reference_to_table
    if to_table is None:
        raise DreamitateError(
            f"The rig {task.rig!r} lacks transform_reference_to_table in config/cameras/{task.rig}.json. Calibrate it."
        )
    placed = (task.settings.get("robots") or {}).get(robot.name)
    if placed is None:
        raise DreamitateError(f"Task {task.name!r} does not say where the robot {robot.name!r} stands.")
    frames: list[Frame] = [
        ("table", frame, to_table @ camera.transform_camera_to_reference)
        for frame, camera in zip(OPTICAL_FRAMES, rig.cameras, strict=True)
    ]
    base = se3.check_transform(placed["transform_base_to_table"], f"transform_base_to_table of {robot.name!r}")
    return [
        *frames,
        ("table", root, base),
        (robot.flange_frame, "tool", tool.transform_tool_to_flange),
        ("tool", "tool_tip", se3.make_transform(np.eye(3), tool.tip)),
    ]
