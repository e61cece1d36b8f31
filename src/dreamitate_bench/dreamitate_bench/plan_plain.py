"""The plain way, to compare with: inverse kinematics waypoint by waypoint, a spline through the joints, no checks."""

import numpy as np
from scipy.interpolate import CubicSpline

from dreamitate_core import se3
from dreamitate_core.arms import transform_base_to_table
from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_exec.chain import Chain
from dreamitate_exec.inverse import load_inverse

from .plan_paths import Asked

FREE_ANGLES = 73


def follow_plainly(asked: Asked, task: Task, robot: Robot, tool: Tool) -> Plan | None:
    """Return the joints through the raw waypoints at the clip's times, always the solution nearest to the last one.

    None where a waypoint has no solution. The motion lasts as the clip does; ways there and back are left out.
    """
    chain = Chain(robot)
    inverse = load_inverse(robot, chain)
    base = transform_base_to_table(task, robot)
    poses = asked.track.transform_tool_to_frame
    flange = se3.inverse(base) @ poses @ se3.inverse(tool.transform_tool_to_flange)
    free = np.linspace(-np.pi, np.pi, FREE_ANGLES) if inverse.redundant else np.zeros(1)
    joints, last = [], robot.home
    for pose in flange:
        found = inverse.solve(np.repeat(pose[None], len(free), axis=0), free).reshape(-1, robot.dof)
        found = found[np.isfinite(found[:, 0])]
        if not len(found):
            return None
        found = found - 2 * np.pi * np.round((found - last) / (2 * np.pi))
        last = found[np.argmin(np.abs(found - last).max(axis=1))]
        joints.append(last)
    clip = asked.track.time_s
    spline = CubicSpline(clip, np.array(joints))
    time = np.linspace(clip[0], clip[-1], int((clip[-1] - clip[0]) * 125) + 1)
    position = spline(time)
    return Plan(
        joint_names=robot.joint_names,
        time_s=time,
        position=position,
        velocity=spline(time, 1),
        acceleration=spline(time, 2),
        transform_tool_to_table=base @ chain.flange(position) @ tool.transform_tool_to_flange,
        waypoint_time_s=clip,
        waypoint_transform_tool_to_table=poses,
    )
