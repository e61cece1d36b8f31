"""What MoveIt's planning scene has to know besides the arm: the table, the cameras, and the tool on the flange."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.arms import transform_base_to_table
from dreamitate_core.camera import load_rig
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_ros.links import read_joints

Array = NDArray[np.float64]

TABLE_M = (3.0, 3.0, 0.1)
TABLE_DEPTH_M = 0.001
"""The tool works on the table: the table's top is this much lower for MoveIt than it is, as for `embedded`."""
CAMERA_M = (0.12, 0.06, 0.06)


@dataclass(frozen=True)
class Box:
    """A fixed box: metres, its centre in the arm's base frame."""

    name: str
    size_m: tuple[float, float, float]
    transform_box_to_base: Array


@dataclass(frozen=True)
class HeldTool:
    """The tool's convex hull in the flange's frame: vertices (N, 3) in metres, triangles (M, 3); what it may touch."""

    name: str
    vertices: Array
    triangles: NDArray[np.int64]
    touch_links: list[str]


def boxes(task: Task, robot: Robot) -> list[Box]:
    """Return the table and both cameras."""
    to_base, rig = se3.inverse(transform_base_to_table(task, robot)), load_rig(task.rig)
    middle = se3.make_transform(np.eye(3), np.array([0.0, 0.0, -TABLE_DEPTH_M - 0.5 * TABLE_M[2]]))
    found = [Box("table", TABLE_M, to_base @ middle)]
    if rig.transform_reference_to_table is not None:
        for number, camera in enumerate(rig.cameras, start=1):
            place = to_base @ rig.transform_reference_to_table @ camera.transform_camera_to_reference
            found.append(Box(f"camera_{number}", CAMERA_M, place))
    return found


def held_tool(robot: Robot, tool: Tool) -> HeldTool:
    """Return the tool, and the links beside the flange, which turn with it or only about it."""
    hull = tool.mesh.convex_hull
    vertices = se3.transform_points(tool.transform_tool_to_flange, np.asarray(hull.vertices, float))
    joints = read_joints(robot.urdf)
    beside = {robot.joint_names[-2], robot.joint_names[-1]}
    links = [joint.child for joint in joints if joint.name in beside]
    links += [joint.child for joint in joints if joint.kind == "fixed" and joint.parent in links]
    links += [joint.child for joint in joints if joint.kind == "fixed" and joint.parent in links]
    return HeldTool(tool.name, vertices, np.asarray(hull.faces, np.int64), list(dict.fromkeys(links)))
