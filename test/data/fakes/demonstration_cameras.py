"""Two cameras that see demonstrations; argv: clip folders. Each line on stdin plays the next one; "played" answers."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from dreamitate_core.clip import read_clip
from dreamitate_ros.messages import OPTICAL_FRAMES, fill_camera_info, fill_image

HZ, PER_STEP, BARE = 8, 2, 6
clips = [read_clip(Path(name)) for name in sys.argv[1:]]
rclpy.init()
node = rclpy.create_node("demonstration_cameras")
reliable = QoSProfile(depth=60)
images = [node.create_publisher(Image, f"camera_{k}/color/image_raw", reliable) for k in (1, 2)]
infos = [node.create_publisher(CameraInfo, f"camera_{k}/color/camera_info", reliable) for k in (1, 2)]
asked = threading.Semaphore(0)
start_ns, sent = node.get_clock().now().nanoseconds, 0


def listen() -> None:
    """Note each line."""
    for _ in sys.stdin:
        asked.release()


def show(number: int, step: int) -> None:
    """Publish one pair, with the stamps of a clock that never stutters."""
    global sent
    clip = clips[number]
    views = (clip.video.view_1[step], clip.video.view_2[step - 1] if step else clip.background_2)
    stamp = start_ns + sent * 10**9 // HZ
    for k, camera in enumerate(clip.rig.cameras):
        infos[k].publish(fill_camera_info(CameraInfo(), camera, OPTICAL_FRAMES[k], stamp))
        images[k].publish(fill_image(Image(), np.ascontiguousarray(views[k]), OPTICAL_FRAMES[k], stamp))
    sent += 1
    time.sleep(max((start_ns + sent * 10**9 / HZ) / 1e9 - time.time(), 0.0))


threading.Thread(target=listen, daemon=True).start()
number = 0
while True:
    show(number, 0)
    if asked.acquire(blocking=False):
        for step in [*[0] * BARE, *np.repeat(np.arange(1, 13), PER_STEP), 12, 12]:
            show(number, int(step))
        print("played", flush=True)
        asked.acquire()
        number = min(number + 1, len(clips) - 1)
