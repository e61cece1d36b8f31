"""A rollout in a ROS 2 workspace: ros2 launch dreamitate rollout.launch.py task:=sweeping. See --show-args."""

from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import EnvironmentVariable, LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from dreamitate import graph
from dreamitate.cli import ONE_THREAD
from dreamitate_core.paths import config_dir
from launch import LaunchContext, LaunchDescription

DDS_PROFILE = "FASTDDS_DEFAULT_PROFILES_FILE"


def generate_launch_description() -> LaunchDescription:
    """Return the arguments and the nodes that `dreamitate.graph` tells of."""
    declared = [
        DeclareLaunchArgument(
            argument.name,
            default_value=argument.default,
            description=argument.description,
            choices=list(argument.choices) or None,
        )
        for argument in graph.arguments()
    ]
    profile = EnvironmentVariable(DDS_PROFILE, default_value=str(config_dir() / "dds" / "large_images.xml"))
    settings = [
        SetEnvironmentVariable(DDS_PROFILE, profile),
        SetEnvironmentVariable(ONE_THREAD, EnvironmentVariable(ONE_THREAD, default_value="1")),
    ]
    return LaunchDescription([*declared, *settings, OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Action]:
    values = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in graph.arguments()}
    return [action for node in graph.rollout_nodes(values) for action in _node(node, values["log_level"])]


def _node(start: graph.NodeStart, log_level: str) -> list[Action]:
    """Return a node, and the end of the whole launch with its end: no rollout goes on without one of them.

    A driver's launch file is included in a scope of its own: it sees its own arguments only, and none of them stay.
    """
    if start.is_launch_file:
        file = PathJoinSubstitution([FindPackageShare(start.package), "launch", start.executable])
        source = PythonLaunchDescriptionSource(file)
        include = IncludeLaunchDescription(source, launch_arguments=start.launch_arguments.items())
        return [GroupAction([include], scoped=True, forwarding=False)]
    level = ["--ros-args", "--log-level", f"{start.name}:={log_level}"] if start.ours else []
    node = Node(
        package=start.package,
        executable=start.executable,
        name=start.name,
        parameters=[start.parameters] if start.parameters else None,
        remappings=list(start.remappings),
        arguments=[*start.arguments, *level],
        output="screen",
    )
    if not start.ours:
        return [node]
    ended = EmitEvent(event=Shutdown(reason=f"{start.name} has ended"))
    return [node, RegisterEventHandler(OnProcessExit(target_action=node, on_exit=[ended]))]
