"""Two cameras that see a board, moment after moment, from the pictures of a folder; argv: folder, pictures a moment."""

import json
import sys
import time
from itertools import cycle
from pathlib import Path

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState

from dreamitate_core.camera import camera_from_json
from dreamitate_data.shots import VIEWS, read_picture
from dreamitate_ros.messages import OPTICAL_FRAMES, fill_camera_info, fill_image, set_header

HZ = 5.0
folder, repeats = Path(sys.argv[1]), int(sys.argv[2])
rclpy.init()
node = rclpy.create_node("board_cameras")
images = [node.create_publisher(Image, f"{view}/color/image_raw", qos_profile_sensor_data) for view in VIEWS]
infos = [node.create_publisher(CameraInfo, f"{view}/color/camera_info", qos_profile_sensor_data) for view in VIEWS]
joints = node.create_publisher(JointState, "joint_states", 10)
known = json.loads((folder / "cameras.json").read_text())
identity = {"transform_camera_to_reference": [[float(r == c) for c in range(4)] for r in range(4)]}
cameras = [camera_from_json({**identity, **known[view]}, view) for view in VIEWS]
names = sorted(path.name for path in (folder / VIEWS[0]).glob("*.png"))
for number, name in cycle(enumerate(names)):
    pictures = [read_picture(folder / view / name) for view in VIEWS]
    colour = [picture[..., None].repeat(3, axis=-1) for picture in pictures]
    for _ in range(repeats):
        stamp = node.get_clock().now().nanoseconds
        state = JointState(name=["joint"], position=[float(number)])
        set_header(state.header, "", stamp)
        joints.publish(state)
        for k, picture in enumerate(colour):
            infos[k].publish(fill_camera_info(CameraInfo(), cameras[k], OPTICAL_FRAMES[k], stamp))
            images[k].publish(fill_image(Image(), picture, OPTICAL_FRAMES[k], stamp))
        time.sleep(1.0 / HZ)
