"""Cameras and a client of a recorder with process id argv[1]; prints one JSON object with what it was answered."""

import array
import json
import os
import signal
import sys
import threading
import time
from typing import Any

import rclpy
from dreamitate_msgs.action import Record
from dreamitate_msgs.msg import Verdict
from dreamitate_msgs.srv import StartRecording, StopRecording
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

HZ = 50.0
rclpy.init()
node = rclpy.create_node("client")
best_effort = QoSProfile(depth=20, reliability=ReliabilityPolicy.BEST_EFFORT)
reliable = QoSProfile(depth=20, reliability=ReliabilityPolicy.RELIABLE)
images = [node.create_publisher(Image, f"camera_{k}/color/image_raw", q) for k, q in ((1, best_effort), (2, reliable))]
infos = [node.create_publisher(CameraInfo, f"camera_{k}/color/camera_info", best_effort) for k in (1, 2)]
words = node.create_publisher(String, "operator/words", reliable)
verdict = node.create_publisher(Verdict, "verdict", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL))
verdict.publish(Verdict(task="before the start"))
executor = SingleThreadedExecutor()
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
sent = 0
sent_s: list[float] = []


def publish(count: int) -> None:
    """Publish pairs at a steady rate at most; `frame_id` counts them."""
    global sent
    next_s = time.monotonic()
    for _ in range(count):
        image = Image(height=24, width=32, step=96, encoding="rgb8", data=array.array("B", bytes(24 * 96)))
        image.header.frame_id = str(sent)
        for publisher in images:
            publisher.publish(image)
        for publisher in infos:
            publisher.publish(CameraInfo(width=32, height=24))
        words.publish(String(data=str(sent)))
        sent += 1
        sent_s.append(time.monotonic())
        next_s = max(next_s, time.monotonic()) + 1.0 / HZ  # what was held up is not caught up with
        threading.Event().wait(max(next_s - time.monotonic(), 0.0))


def wait(future: Any) -> Any:
    """Return a future's result."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    assert done.wait(30.0), "no answer in 30 s"
    return future.result()


def begin(wanted: Any) -> Any:
    """Send a goal; return its handle once the recording has begun."""
    began = threading.Event()
    handle = wait(record.send_goal_async(wanted, feedback_callback=lambda _: began.set()))
    assert began.wait(30.0), "no feedback in 30 s"
    return handle


def plain(answer: Any) -> dict[str, Any]:
    """Return an answer's fields."""
    return {name: getattr(answer, name) for name in answer.get_fields_and_field_types()}


start: Any = node.create_client(StartRecording, "recorder/start")
stop: Any = node.create_client(StopRecording, "recorder/stop")
record: Any = ActionClient(node, Record, "record")
assert start.wait_for_service(30.0)
assert record.wait_for_server(30.0)
topics = [publisher.topic_name for publisher in (*images, *infos, words)]
while not all(node.count_subscribers(name) for name in topics):
    publish(5)
publish(60)  # until the recorder has followed what is offered
told: dict[str, Any] = {}
request = StartRecording.Request(name="one", task="sweeping", note="by hand", notes_json='{"seed": "7"}')
told["start"] = plain(wait(start.call_async(request)))
told["start again"] = plain(wait(start.call_async(request)))
told["first"], told["pairs"] = sent, 100
publish(100)
told["stop"] = plain(wait(stop.call_async(StopRecording.Request(notes_json='{"verdict": "good"}'))))
told["stop again"] = plain(wait(stop.call_async(StopRecording.Request())))
goal = begin(Record.Goal(name="two", duration_s=1.0))
result = goal.get_result_async()
while not result.done():
    publish(5)
told["action"] = plain(wait(result).result)
goal = begin(Record.Goal(name="three"))
publish(10)
wait(goal.cancel_goal_async())
told["cancelled"] = plain(wait(goal.get_result_async()).result)
wait(start.call_async(StartRecording.Request(name="killed")))
sent_s.clear()
publish(75)
killed_s = time.monotonic()
os.kill(int(sys.argv[1]), signal.SIGKILL)
told["a second old when killed"] = sum(moment_s < killed_s - 1.0 for moment_s in sent_s)
print(json.dumps(told), flush=True)
os._exit(0)
