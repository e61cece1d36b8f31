"""All that the nodes offer, as one Markdown table: `python -m dreamitate.interfaces` prints it for the README."""

from collections.abc import Iterator

from dreamitate_data.interface import CALIBRATION, CAPTURE, RECORDER, SESSION
from dreamitate_exec.interface import INTERFACE as EXECUTOR
from dreamitate_exec.interface import MOVEIT
from dreamitate_gen.interface import GENERATORS
from dreamitate_gen.interface import INTERFACE as GENERATOR
from dreamitate_ros.interface import (
    LATCHED,
    LATCHED_EACH,
    RELIABLE,
    SENSOR,
    NodeInterface,
    Parameter,
    Served,
    Topic,
    Value,
)
from dreamitate_sim.interface import INTERFACE as SIM
from dreamitate_track.interface import INTERFACE as TRACKER

_IMAGE = "sensor_msgs/msg/Image"

COORDINATOR = NodeInterface(
    name="coordinator",
    package="dreamitate",
    description="Carries out a rollout stage by stage, and keeps its folder and its bag.",
    parameters=(
        Parameter("task", "sweeping", "The task of the rollout that starts at once."),
        Parameter("seed", 1, "Its seed.", "", (0, 2**31 - 1)),
        Parameter("start", False, "Roll out once and end; else wait for goals."),
        Parameter("record", True, "Write a bag of each run."),
        Parameter("runs", "runs", "Where the rollouts' folders are made."),
        Parameter("folder", "", "The folder of the rollout that starts at once; empty: one is made."),
        Parameter("generator", "svd", "Who dreams; a refused `replay` is not shown again.", choices=GENERATORS),
        Parameter("robot", "ur5", "The arm, as in config/robots."),
        Parameter("controller", "joint_trajectory_controller", "The arm's controller, to be stopped if need be."),
        Parameter("simulated", True, "The scene is set up and judged by the simulator."),
        Parameter("stage_wait_s", 120.0, "How long to wait for a stage's node at the start.", "s", (1.0, 600.0)),
        Parameter("stop_wait_s", 5.0, "How long a cancelled stage may take to end.", "s", (0.1, 60.0)),
    ),
    subscribes=(
        Topic("camera_{1,2}/color/image_raw", _IMAGE, "Filmed while the arm moves.", SENSOR),
        Topic("plan", "dreamitate_msgs/msg/Plan", "Kept.", LATCHED_EACH),
        Topic("joint_states", "sensor_msgs/msg/JointState", "The motion that is kept."),
        Topic(
            "emergency_stop", "std_msgs/msg/Bool", "True ends the rollout before the arm moves (the executor: while)."
        ),
        Topic("/tf_static", "tf2_msgs/msg/TFMessage", "Where the cameras are.", LATCHED),
    ),
    publishes=(Topic("verdict", "dreamitate_msgs/msg/Verdict", "Whether the task is done.", LATCHED),),
    actions=(Served("rollout", "dreamitate_msgs/action/Rollout", "Roll out once."),),
    calls=(
        Served("generate_video", "dreamitate_msgs/action/GenerateVideo", "The generator's."),
        Served("track_tool", "dreamitate_msgs/action/TrackTool", "The tracker's."),
        Served("execute_trajectory", "dreamitate_msgs/action/ExecuteTrajectory", "The executor's."),
        Served(
            "<controller>/follow_joint_trajectory",
            "control_msgs/action/FollowJointTrajectory",
            "Only to stop the arm where the executor cannot.",
        ),
        Served("recorder/start", "dreamitate_msgs/srv/StartRecording", "The recorder's, with `record`."),
        Served("recorder/stop", "dreamitate_msgs/srv/StopRecording", "The recorder's, with `record`."),
        Served("recorder/pictures", "std_srvs/srv/SetBool", "The recorder's, with `record`."),
        Served("sim/demonstrate", "std_srvs/srv/Trigger", "The simulator's, in tasks with several attempts."),
        Served("sim/judge", "std_srvs/srv/Trigger", "The simulator's."),
        Served("sim/reset", "std_srvs/srv/Trigger", "The simulator's."),
    ),
)

FRAMES = NodeInterface(
    name="frames",
    package="dreamitate",
    description="Where cameras, arm and tool are fixed, with drivers: from the calibration, the task and the tool.",
    parameters=(
        Parameter("task", "sweeping", "The task: its rig, its tool, and where its arm stands."),
        Parameter("robot", "ur5", "The arm, as in config/robots."),
        Parameter("root", "world", "The frame that the arm's driver ties its base to."),
    ),
    publishes=(Topic("/tf_static", "tf2_msgs/msg/TFMessage", "`table` to cameras and arm, flange to tool.", LATCHED),),
)

IN_SIMULATION = (COORDINATOR, GENERATOR, TRACKER, EXECUTOR, SIM, RECORDER)
"""A simulated rollout's."""

NODES = (*IN_SIMULATION, FRAMES, MOVEIT)
"""Any rollout's."""

TOOLS = (CALIBRATION, CAPTURE, SESSION)
"""What is started by itself."""

EVERYWHERE = Topic(
    "/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", "Rates, ages, times and the last error; 1 Hz."
)
"""What every node publishes."""


def table() -> str:
    """Return the Markdown of all nodes: what they take, give and serve, and their parameters."""
    return "\n".join(line for node in (*NODES, *TOOLS) for line in _node_lines(node)).rstrip() + "\n"


def _node_lines(node: NodeInterface) -> Iterator[str]:
    yield from (f"#### `{node.name}` (`{node.package}`)", "", node.description, "")
    yield from ("| | Name | Type | What |", "|---|---|---|---|")
    for topic in node.subscribes:
        yield _topic_line("takes", topic)
    for topic in (*node.publishes, EVERYWHERE):
        yield _topic_line("gives", topic)
    for service in node.services:
        yield _served_line("service", service)
    for action in node.actions:
        yield _served_line("action", action)
    for call in node.calls:
        yield _served_line("calls", call)
    yield from ("", "| Parameter | Default | What |", "|---|---|---|")
    for parameter in node.parameters:
        yield f"| `{parameter.name}` | `{_text(parameter.default)}` | {_what(parameter)} |"
    yield ""


def _topic_line(direction: str, topic: Topic) -> str:
    qos = "" if topic.qos == RELIABLE else f" ({topic.qos})"
    return f"| {direction} | `{topic.name}` | `{topic.type}` | {topic.description}{qos} |"


def _served_line(kind: str, served: Served) -> str:
    return f"| {kind} | `{served.name}` | `{served.type}` | {served.description} |"


def _what(parameter: Parameter) -> str:
    parts = [parameter.description]
    if parameter.choices:
        parts.append(f"One of: {', '.join(parameter.choices)}.")
    if parameter.limits:
        low, high = (f"{limit:g}" if abs(limit) < 1e6 else str(limit) for limit in parameter.limits)
        parts.append(f"{low}..{high}{' ' if parameter.unit else ''}{parameter.unit}.")
    if not parameter.read_only:
        parts.append("May be set while the node runs.")
    return " ".join(parts)


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else '""'


if __name__ == "__main__":
    print(table(), end="")
