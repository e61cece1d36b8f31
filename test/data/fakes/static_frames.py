"""Waits for the first message on /tf_static and prints its frames."""

import os

import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile

from tf2_msgs.msg import TFMessage


def take(message: TFMessage) -> None:
    """Print and end."""
    print("\n".join(sorted(f"{t.header.frame_id}>{t.child_frame_id}" for t in message.transforms)), flush=True)
    os._exit(0)


rclpy.init()
node = rclpy.create_node("static_frames")
node.create_subscription(
    TFMessage, "/tf_static", take, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
)
rclpy.spin(node)
