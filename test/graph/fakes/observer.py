"""A client of a running graph with nothing but rclpy and messages. It tells what it sees, of any goal, as JSON lines.

Lines on stdin tell it what to do: "goal SEED", "again SEED" (a second goal), "cancel", "stop" and "release" (emergency
stop), "modules", "graph", "ask" and "trust" (whether plans wait for approval), "approve", "refuse".
"""

import contextlib
import json
import queue
import sys
import threading
from typing import Any

import numpy as np
import rclpy
from action_msgs.srv import CancelGoal
from diagnostic_msgs.msg import DiagnosticArray
from dreamitate_msgs.action import Rollout
from dreamitate_msgs.msg import StereoVideo, ToolTrajectory
from geometry_msgs.msg import PoseArray
from rcl_interfaces.srv import ListParameters, SetParameters
from rclpy.action import ActionClient, get_action_server_names_and_types_by_node
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from visualization_msgs.msg import MarkerArray

from tf2_msgs.msg import TFMessage

STANDS_RAD_S = 0.02
RCLPY_TYPES = ("rcl_interfaces/", "lifecycle_msgs/", "type_description_interfaces/")
RCLPY_TOPICS = ("/rosout", "/parameter_events")
RCLPY_PARAMETERS = ("use_sim_time", "start_type_description_service")

rclpy.init()
node = rclpy.create_node("observer")
lock = threading.Lock()
seen: dict[str, Any] = {"stage": "", "moving": False, "frames": set(), "nodes": set()}


def tell(event: str, **details: Any) -> None:
    """Print one event."""
    with lock:
        print(json.dumps({"event": event, **details}), flush=True)


def tell_once(key: str, name: str, event: str) -> None:
    """Print an event for each name only once."""
    if name not in seen[key]:
        seen[key].add(name)
        tell(event, name=name)


def on_feedback(message: Any) -> None:
    """Tell each new stage, and when a plan waits for approval."""
    stage, _, what = message.feedback.stage.partition(":")
    if stage != seen["stage"]:
        seen["stage"], seen["waits"] = stage, False
        tell("stage", name=stage, fraction=round(message.feedback.fraction, 4))
    if "approval" in what and not seen["waits"]:
        seen["waits"] = True
        tell("waits")


def ask(kind: Any, name: str, request: Any) -> Any:
    """Return a service's answer; asked again until it comes: who does not know us yet is not heard."""
    client: Any = node.create_client(kind, name)
    client.wait_for_service()
    answers: queue.Queue[Any] = queue.Queue()
    while True:
        client.call_async(request).add_done_callback(lambda future: answers.put(future.result()))
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=2.0)


def answer(approved: bool) -> None:
    """Approve or refuse the plan that waits."""
    approval.wait_for_service()
    tell("answered", success=approval.call(SetBool.Request(data=approved)).success)


def ask_before_moving(wanted: bool) -> None:
    """Have the executor wait for approval, or not."""
    request = SetParameters.Request(parameters=[Parameter("approve", value=wanted).to_parameter_msg()])
    tell("set", success=ask(SetParameters, "executor/set_parameters", request).results[0].successful)


def on_joints(message: JointState) -> None:
    """Tell when the arm begins to move, and when it stands."""
    moving = float(np.abs(message.velocity).max()) > STANDS_RAD_S
    if moving != seen["moving"]:
        seen["moving"] = moving
        tell("arm", moving=moving)


def on_frames(message: TFMessage) -> None:
    """Tell each frame once."""
    for transform in message.transforms:
        tell_once("frames", f"{transform.header.frame_id}>{transform.child_frame_id}", "frame")


def on_video(video: StereoVideo) -> None:
    """Tell the dream's shape."""
    image = video.view_1[0]
    tell("video", task=video.task, views=[len(video.view_1), len(video.view_2)], size=[image.width, image.height])


def tell_graph() -> None:
    """Tell what each node offers."""
    names = ("coordinator", "generator", "tracker", "executor", "sim", "recorder")
    tell("graph", nodes={name: offers(name) for name in names})


def offers(name: str) -> dict[str, Any]:
    """Return what a node offers, without what rclpy itself gives to every node."""
    parameters = ask(ListParameters, f"/{name}/list_parameters", ListParameters.Request()).result.names
    return {
        "publishes": without_rclpy(node.get_publisher_names_and_types_by_node(name, "/")),
        "subscribes": without_rclpy(node.get_subscriber_names_and_types_by_node(name, "/")),
        "services": without_rclpy(node.get_service_names_and_types_by_node(name, "/")),
        "actions": without_rclpy(get_action_server_names_and_types_by_node(node, name, "/")),
        "parameters": sorted(parameter for parameter in parameters if parameter not in RCLPY_PARAMETERS),
    }


def without_rclpy(things: list[tuple[str, list[str]]]) -> list[tuple[str, str]]:
    """Return names and types, sorted, without logs, parameters, life cycle and the inside of actions."""
    kept = [(thing, types[0]) for thing, types in things if "/_action/" not in thing and thing not in RCLPY_TOPICS]
    return sorted(pair for pair in kept if not pair[1].startswith(RCLPY_TYPES))


def meet() -> None:
    """Wait until the server answers: one that does not know this client yet would take a goal and not be heard."""
    nobodys = CancelGoal.Request()
    nobodys.goal_info.goal_id.uuid = [1] * 16
    ask(CancelGoal, "rollout/_action/cancel_goal", nobodys)


def send(seed: int, event: str) -> None:
    """Send a goal and tell how it goes."""

    def answered(future: Any) -> None:
        handle = future.result()
        tell(event, accepted=handle.accepted)
        if handle.accepted:
            handles.append(handle)
            handle.get_result_async().add_done_callback(done)

    def done(future: Any) -> None:
        response = future.result()
        result = response.result
        fields = ("error_code", "error_msg", "failed_stage", "task_success", "verdict_json", "folder")
        tell("result", status=response.status, **{field: getattr(result, field) for field in fields})

    seen["stage"] = ""
    goal = Rollout.Goal(task="sweeping", seed=seed)
    client.send_goal_async(goal).add_done_callback(answered)


latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
node.create_subscription(StereoVideo, "generated_video", on_video, latched)
node.create_subscription(
    PoseArray, "tool_trajectory", lambda m: tell("poses", n=len(m.poses), frame=m.header.frame_id), latched
)
node.create_subscription(ToolTrajectory, "tool_track", lambda m: tell("track", tool=m.tool, n=len(m.time_s)), latched)
node.create_subscription(MarkerArray, "plan_markers", lambda m: tell("markers", n=len(m.markers)), latched)
node.create_subscription(TFMessage, "/tf_static", on_frames, latched)
node.create_subscription(TFMessage, "/tf", on_frames, 10)
node.create_subscription(JointState, "joint_states", on_joints, 10)
node.create_subscription(
    DiagnosticArray, "/diagnostics", lambda m: tell_once("nodes", m.status[0].name, "diagnosed"), 10
)
for topic, kind in {"image_raw": Image, "camera_info": CameraInfo}.items():
    for camera in (1, 2):
        name = f"camera_{camera}/color/{topic}"

        def on_picture(message: Any, name: str = name) -> None:
            """Tell that a camera's topic is alive, and its stamp."""
            tell("camera", name=name, stamp=[message.header.stamp.sec, message.header.stamp.nanosec])

        node.create_subscription(kind, name, on_picture, 20)
emergency = node.create_publisher(Bool, "emergency_stop", 10)
node.create_subscription(Rollout.Impl.FeedbackMessage, "rollout/_action/feedback", on_feedback, 100)
client: Any = ActionClient(node, Rollout, "rollout")
approval: Any = node.create_client(SetBool, "executor/approve")  # long before it is used, which is once
handles: list[Any] = []
executor = SingleThreadedExecutor()
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
tell("listening")
client.wait_for_server()
meet()
tell("server")
for line in sys.stdin:
    word, *rest = line.split()
    if word == "goal":
        send(int(rest[0]), "goal")
    elif word == "again":
        send(int(rest[0]), "again")
    elif word == "cancel":
        handles[-1].cancel_goal_async()
    elif word in ("stop", "release"):
        emergency.publish(Bool(data=word == "stop"))
    elif word in ("approve", "refuse"):
        answer(word == "approve")
    elif word in ("ask", "trust"):
        ask_before_moving(word == "ask")
    elif word == "graph":
        tell_graph()
    elif word == "modules":
        tell("modules", ours=sorted({name.split(".")[0] for name in sys.modules if name.startswith("dreamitate")}))
