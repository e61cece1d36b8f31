"""Cameras that misbehave as they are told, and a client of the generator node: tells each goal's result as a JSON line.

Each line on stdin is one case: the cameras' behaviour while one goal runs.
"""

import json
import sys
import threading
from typing import Any

import rclpy
from dreamitate_msgs.action import GenerateVideo
from geometry_msgs.msg import TransformStamped
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from tf2_msgs.msg import TFMessage

FRAMES = ("camera_1_color_optical_frame", "camera_2_color_optical_frame")
WIDTH, HEIGHT = 64, 36

rclpy.init()
node = rclpy.create_node("cameras")
images = [node.create_publisher(Image, f"camera_{i}/color/image_raw", 5) for i in (1, 2)]
infos = [node.create_publisher(CameraInfo, f"camera_{i}/color/camera_info", 5) for i in (1, 2)]
latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
frames = node.create_publisher(TFMessage, "/tf_static", latched)
client: Any = ActionClient(node, GenerateVideo, "generate_video")
setting: Any = node.create_client(SetParameters, "generator/set_parameters")
behaviour = "nothing"


def publish() -> None:
    """Publish one image and camera info of each camera that is to speak."""
    now_ns = node.get_clock().now().nanoseconds
    for camera in (0, 1):
        if behaviour == "nothing" or (behaviour == "one camera" and camera == 1):
            continue
        stamp_ns = now_ns - 100_000_000_000 * (camera == 1 and behaviour == "clocks apart")
        image = Image(width=WIDTH, height=HEIGHT, encoding="rgb8", step=3 * WIDTH, data=bytes(3 * WIDTH * HEIGHT))
        info = CameraInfo(width=WIDTH, height=HEIGHT, k=[50.0, 0.0, 32.0, 0.0, 50.0, 18.0, 0.0, 0.0, 1.0])
        for message in (image, info):
            message.header.frame_id = FRAMES[camera]
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        images[camera].publish(image)
        infos[camera].publish(info)


def publish_frames() -> None:
    """Publish where the cameras are."""
    transforms = []
    for frame in FRAMES:
        transform = TransformStamped(child_frame_id=frame)
        transform.header.frame_id = "table"
        transform.transform.rotation.w = 1.0
        transforms.append(transform)
    frames.publish(TFMessage(transforms=transforms))


def dream(task: str) -> dict[str, Any]:
    """Send a goal, wait for its end, and return its result."""
    handle = client.send_goal(GenerateVideo.Goal(task=task, seed=0))
    result = handle.result
    return {"error_code": result.error_code, "error_msg": result.error_msg, "images": len(result.video.view_1)}


def change(name: str, value: float) -> dict[str, Any]:
    """Set a parameter of the generator and return the answer."""
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    answer = setting.call(request).results[0]
    return {"successful": answer.successful, "reason": answer.reason}


def meet() -> None:
    """Wait until the generator answers: as it knows this last client, it knows the others, and its answers come."""
    answered = threading.Event()
    while not answered.is_set():
        setting.call_async(SetParameters.Request()).add_done_callback(lambda _: answered.set())
        answered.wait(1.0)


node.create_timer(0.1, publish)
executor = SingleThreadedExecutor()
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
client.wait_for_server()
setting.wait_for_service()
meet()
for line in sys.stdin:
    word, _, rest = line.strip().partition(":")
    if word == "set":
        name, value = rest.split("=")
        answer = change(name, float(value))
    else:
        behaviour = "good" if word in ("another task", "frames") else word
        if word == "frames":
            publish_frames()
        answer = dream("juggling" if word == "another task" else "sweeping")
    print(json.dumps(answer), flush=True)
