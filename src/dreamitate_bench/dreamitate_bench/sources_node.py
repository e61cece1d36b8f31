"""What a recorder is measured with: a camera, or an arm with a tracker, that publishes at a steady rate."""

import argparse
import array
import time
from collections.abc import Iterator

import numpy as np
import rclpy
from dreamitate_msgs.msg import ToolTrajectory
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, Image, JointState

from tf2_msgs.msg import TFMessage

ARM_HZ, LATCHED = 125.0, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def run_camera(node: Node, number: int, width: int, height: int, rate_hz: float) -> None:
    """Publish images of noise; `frame_id` counts them."""
    images = node.create_publisher(Image, f"camera_{number}/color/image_raw", qos_profile_sensor_data)
    infos = node.create_publisher(CameraInfo, f"camera_{number}/color/camera_info", qos_profile_sensor_data)
    image = Image(height=height, width=width, step=3 * width, encoding="rgb8")
    data = array.array("B")
    data.frombytes(np.random.default_rng(number).integers(0, 256, height * width * 3, np.uint8).tobytes())
    image.data = data
    info = CameraInfo(height=height, width=width)
    for count in _ticks(rate_hz):
        image.header.frame_id = str(count)
        image.header.stamp = info.header.stamp = node.get_clock().now().to_msg()
        images.publish(image)
        infos.publish(info)


def run_arm(node: Node) -> None:
    """Publish joint states and frames, and a track now and then."""
    states = node.create_publisher(JointState, "joint_states", 10)
    frames = node.create_publisher(TFMessage, "/tf", 100)
    static = node.create_publisher(TFMessage, "/tf_static", LATCHED)
    tracks = node.create_publisher(ToolTrajectory, "tool_track", LATCHED)
    static.publish(TFMessage(transforms=[TransformStamped(child_frame_id="table")]))
    state = JointState(name=[f"joint_{k}" for k in range(6)], position=[0.0] * 6)
    for count in _ticks(ARM_HZ):
        state.header.stamp = node.get_clock().now().to_msg()
        states.publish(state)
        frames.publish(TFMessage(transforms=[TransformStamped(header=state.header, child_frame_id="tool0")]))
        if count % 125 == 0:
            tracks.publish(ToolTrajectory(tool=f"brush {count}"))


def _ticks(rate_hz: float) -> Iterator[int]:
    """Yield 0, 1, 2 ... at a steady rate."""
    count, next_s = 0, time.monotonic()
    while True:
        yield count
        count += 1
        next_s += 1.0 / rate_hz
        wait_s = next_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)


def main() -> None:
    """Run one source until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--camera", type=int, default=0, help="1 or 2; 0: the arm")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--rate", type=float, default=30.0)
    options = parser.parse_args()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node(f"source_{options.camera}")
    if options.camera:
        run_camera(node, options.camera, options.width, options.height, options.rate)
    else:
        run_arm(node)


if __name__ == "__main__":
    main()
