"""What the coordinator overhears: all topics go into the bag as they come, some are kept for the run's folder."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from dreamitate_msgs.msg import Plan
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState

from dreamitate_ros.frames import FrameTree
from dreamitate_ros.interface import LATCHED, Topic
from dreamitate_ros.messages import read_image, stamp_ns
from tf2_msgs.msg import TFMessage

from .bag import Bag
from .film import Film

Array = NDArray[np.float64]


class Recorder:
    """Listens to the coordinator's topics. Pictures are recorded only while the film runs: they are large."""

    def __init__(self, node: Any, topics: tuple[Topic, ...]) -> None:
        self._node = node
        self._bag: Bag | None = None
        self._latched: dict[Topic, list[tuple[int, bytes]]] = {}
        self._joints: list[tuple[int, list[str], list[float]]] = []
        self._plan: bytes | None = None
        self.on_plan: Callable[[Any], None] = lambda _: None
        """Called with each plan's message as it comes."""
        self.film = Film()
        self.frames = FrameTree()
        for topic in topics:
            for name in topic.names():
                package, kind, message = topic.type.split("/")
                node.subscribe(
                    getattr(import_module(f"{package}.{kind}"), message), name, self._callback(topic, name), raw=True
                )

    def open_bag(self, folder: Path, metadata: dict[str, str]) -> None:
        """Record from now on; what was latched before comes first."""
        self._bag = Bag(folder, metadata)
        for topic, messages in self._latched.items():
            for time_ns, message in messages:
                self._bag.write(self._name(topic.name), topic.type, time_ns, message, latched=True)

    def close_bag(self) -> None:
        """End the recording, if there is one."""
        bag, self._bag = self._bag, None
        if bag:
            bag.close()

    def start_motion(self) -> None:
        """Keep joint states and pictures from now on."""
        self._joints, self._plan = [], None
        self.film.start()

    def plan(self) -> Any:
        """Return the plan message that came since `start_motion`, None where none did."""
        return deserialize_message(self._plan, Plan) if self._plan else None

    def motion(self, joint_names: list[str]) -> tuple[Array, Array]:
        """Return time_s (N,) from the first joint state, and position (N, dof) rad, since `start_motion`."""
        rows = [
            (stamp, [position[names.index(name)] for name in joint_names])
            for stamp, names, position in self._joints
            if set(joint_names) <= set(names)
        ]
        time_ns = np.array([stamp for stamp, _ in rows], np.int64)
        return (time_ns - time_ns[:1]) / 1e9, np.array([position for _, position in rows], float)

    def _name(self, topic: str) -> str:
        return str(self._node.resolve_topic_name(topic))

    def _callback(self, topic: Topic, name: str) -> Callable[[bytes], None]:
        full_name, camera = self._name(name), int(name[7]) if name.startswith("camera_") else 0
        is_image = topic.type == "sensor_msgs/msg/Image"

        def take(message: bytes) -> None:
            now_ns = self._node.now_ns()
            if topic.qos == LATCHED:
                kept = self._latched.setdefault(topic, [])
                kept[:] = [*kept, (now_ns, message)][-2 if name == "/tf_static" else -1 :]
            if name == "/tf_static":
                self.frames.take(deserialize_message(message, TFMessage))
            if is_image and self.film.running:
                image = deserialize_message(message, Image)
                self.film.add(camera, stamp_ns(image.header), read_image(image))
            if name == "joint_states" and self.film.running:
                state = deserialize_message(message, JointState)
                self._joints.append((stamp_ns(state.header), list(state.name), list(state.position)))
            if name == "plan":
                self._plan = message
                self.on_plan(deserialize_message(message, Plan))
            bag = self._bag
            if bag and (self.film.running or not is_image):
                bag.write(full_name, topic.type, now_ns, message, latched=topic.qos == LATCHED)

        return take
