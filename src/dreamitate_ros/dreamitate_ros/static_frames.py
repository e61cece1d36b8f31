"""What is fixed: where the cameras and the arms are on the table, and the tools on the arms."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task

from .messages import OPTICAL_FRAMES

Frame = tuple[str, str, NDArray[np.float64]]


def static_frames(task: Task, arms: Sequence[ArmSetup], root: str) -> list[Frame]:
    """Return (parent, child, transform_child_to_parent) of all that does not move.

    root: the frame that is put where an arm's base is; like all of an arm's frames, with the arm's prefix before it.
    Raises DreamitateError where the rig is not calibrated to the table.
    """
    rig = load_rig(task.rig)
    to_table = rig.transform_reference_to_table
    if to_table is None:
        raise DreamitateError(
            f"The rig {task.rig!r} lacks transform_reference_to_table in config/cameras/{task.rig}.json. Calibrate it."
        )
    frames: list[Frame] = [
        ("table", frame, to_table @ camera.transform_camera_to_reference)
        for frame, camera in zip(OPTICAL_FRAMES, rig.cameras, strict=True)
    ]
    for arm in arms:
        flange, held, tip = (arm.prefix + name for name in (arm.robot.flange_frame, "tool", "tool_tip"))
        frames += [
            ("table", arm.prefix + root, arm.transform_base_to_table),
            (flange, held, arm.tool.transform_tool_to_flange),
            (held, tip, se3.make_transform(np.eye(3), arm.tool.tip)),
        ]
    return frames
