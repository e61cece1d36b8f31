"""Finds moveit_py and MoveIt's configuration of an arm, and tells MoveIt's scene what is around it."""

from importlib import import_module
from typing import Any

import numpy as np

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool

from .moveit_plan import MoveItApi
from .moveit_scene import boxes, held_tool

NODE = "moveit_py"


def load_api(robot: Robot, distribution: str) -> MoveItApi:
    """Return moveit_py's classes. Raises DreamitateError in one line with the steps where they are not there."""
    try:
        trajectory, planning = import_module("moveit.core.robot_trajectory"), import_module("moveit.planning")
        messages, geometry = import_module("moveit_msgs.msg"), import_module("geometry_msgs.msg")
        return MoveItApi(
            RobotTrajectory=trajectory.RobotTrajectory,
            PlanRequestParameters=planning.PlanRequestParameters,
            RobotTrajectoryMsg=messages.RobotTrajectory,
            JointTrajectoryPoint=import_module("trajectory_msgs.msg").JointTrajectoryPoint,
            Pose=geometry.Pose,
        )
    except ImportError as missing:
        steps = " ".join(str(robot.settings["moveit"]["install"]).format(distribution=distribution).split())
        raise DreamitateError(
            f"planner:=moveit needs moveit_py in ROS's own Python ({missing}). Install it: {steps}; build this "
            "workspace with colcon, source both, and start again. planner:=embedded needs none of it."
        ) from None


def start_moveit(robot: Robot) -> Any:
    """Return a MoveItPy with MoveIt's own configuration of the arm, and our description of it.

    Raises DreamitateError where the configuration cannot be read.
    """
    words = robot.settings["moveit"]
    module, _, name = str(words["builder"]).rpartition(".")
    arguments = dict(words["arguments"])
    try:
        if words.get("with_launch_context"):
            arguments["context"] = import_module("launch").LaunchContext()
        builder = getattr(import_module(module), name)(**arguments)
        if "semantic" in words:
            builder = builder.robot_description_semantic(words["semantic"]["file"], words["semantic"]["mappings"])
        config = builder.to_moveit_configs().to_dict()
    except Exception as problem:  # whatever a configuration's own Python raises
        raise DreamitateError(f"MoveIt's configuration of the {robot.name} cannot be read: {problem}") from None
    config["robot_description"] = robot.urdf.read_text()
    config["planning_pipelines"] = {**config.get("planning_pipelines", {}), "pipeline_names": ["ompl"]}
    config.setdefault("plan_request_params", {"planning_attempts": 1, "planning_pipeline": "ompl"})
    return import_module("moveit.planning").MoveItPy(node_name=NODE, config_dict=config)


def tell_scene(moveit: Any, task: Task, robot: Robot, tool: Tool) -> None:
    """Put the table, the cameras and the tool into MoveIt's planning scene, in the place of what was there."""
    messages, shapes = import_module("moveit_msgs.msg"), import_module("shape_msgs.msg")
    pose = import_module("geometry_msgs.msg").Pose
    monitor = moveit.get_planning_scene_monitor()
    with monitor.read_write() as scene:
        for box in boxes(task, robot):
            shape = shapes.SolidPrimitive(type=shapes.SolidPrimitive.BOX, dimensions=list(box.size_m))
            thing = messages.CollisionObject(id=box.name, operation=messages.CollisionObject.ADD)
            thing.header.frame_id = robot.base_frame
            thing.primitives, thing.primitive_poses = [shape], [_fill(pose(), box.transform_box_to_base)]
            scene.apply_collision_object(thing)
        held = held_tool(robot, tool)
        point = import_module("geometry_msgs.msg").Point
        mesh = shapes.Mesh(
            triangles=[shapes.MeshTriangle(vertex_indices=[int(k) for k in row]) for row in held.triangles],
            vertices=[point(x=float(x), y=float(y), z=float(z)) for x, y, z in held.vertices],
        )
        attached = messages.AttachedCollisionObject(link_name=robot.flange_frame, touch_links=held.touch_links)
        attached.object.id, attached.object.operation = held.name, messages.CollisionObject.ADD
        attached.object.header.frame_id = robot.flange_frame
        attached.object.meshes, attached.object.mesh_poses = [mesh], [_fill(pose(), np.eye(4))]
        scene.process_attached_collision_object(attached)
        scene.current_state.update()


def _fill(pose: Any, transform: Any) -> Any:
    x, y, z, w = (float(value) for value in se3.to_quaternion_xyzw(transform))
    pose.position.x, pose.position.y, pose.position.z = (float(value) for value in transform[:3, 3])
    pose.orientation.x, pose.orientation.y, pose.orientation.z, pose.orientation.w = x, y, z, w
    return pose
