"""What the coordinator overhears: frames, and what is kept of a motion for the run's folder."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from dreamitate_msgs.msg import Plan
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool

from dreamitate_ros.frames import FrameTree
from dreamitate_ros.interface import Topic
from dreamitate_ros.messages import read_image, stamp_ns
from tf2_msgs.msg import TFMessage

from .film import Film

Array = NDArray[np.float64]


class Listener:
    """Listens to the coordinator's topics. Messages are decoded only where they are wanted: pictures are large."""

    def __init__(self, node: Any, topics: tuple[Topic, ...]) -> None:
        self._joints: list[tuple[int, list[str], list[float]]] = []
        self._plans: dict[str, Any] = {}
        self.on_plan: Callable[[Any], None] = lambda _: None
        """Called with each plan's message as it comes."""
        self.stop_pressed = False
        """Whether the emergency stop was pressed since this was set to False."""
        self.film = Film()
        self.frames = FrameTree()
        for topic in topics:
            for name in topic.names():
                package, kind, message = topic.type.split("/")
                subscribe = node.subscribe_aside if name == "joint_states" else node.subscribe
                subscribe(getattr(import_module(f"{package}.{kind}"), message), name, self._callback(name), raw=True)

    def start_motion(self) -> None:
        """Keep joint states and pictures from now on."""
        self._joints, self._plans = [], {}
        self.film.start()

    def plan(self, tool: str) -> Any:
        """Return the plan message for a tool that came since `start_motion`, None where none did."""
        return self._plans.get(tool)

    def motion(self, joint_names: list[str]) -> tuple[Array, Array]:
        """Return time_s (N,) from the first joint state, and position (N, dof) rad, since `start_motion`."""
        rows = [
            (stamp, [position[names.index(name)] for name in joint_names])
            for stamp, names, position in self._joints
            if set(joint_names) <= set(names)
        ]
        time_ns = np.array([stamp for stamp, _ in rows], np.int64)
        return (time_ns - time_ns[:1]) / 1e9, np.array([position for _, position in rows], float)

    def _callback(self, name: str) -> Callable[[bytes], None]:
        camera = int(name[7]) if name.startswith("camera_") else 0

        def take(message: bytes) -> None:
            if name == "/tf_static":
                self.frames.take(deserialize_message(message, TFMessage))
            elif name == "emergency_stop":
                self.stop_pressed |= deserialize_message(message, Bool).data
            elif name == "plan":
                plan = deserialize_message(message, Plan)
                self._plans[plan.tool] = plan
                self.on_plan(plan)
            elif not self.film.running:
                return
            elif camera:
                image = deserialize_message(message, Image)
                self.film.add(camera, stamp_ns(image.header), read_image(image))
            else:
                state = deserialize_message(message, JointState)
                self._joints.append((stamp_ns(state.header), list(state.name), list(state.position)))

        return take
