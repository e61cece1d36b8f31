"""Takes serialized messages of many topics in a thread of its own: all that is there at once, before it waits again.

rclpy's executors rebuild their wait set for every message, which two cameras and an arm do not leave the time for. The
subscriptions are in a callback group that no executor serves.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from dreamitate_ros.aside_node import Unserved

from .bag_metadata import Offered
from .qos import adapted, depth

ADAPT_S = 0.5
"""How often it looks who publishes what."""
_WAIT_NS = 100_000_000

Take = Callable[["Ear", bytes, int, bytes, int | None], None]
"""Called with the ear, the serialized message, when it was sent (ns), the publisher, and its number for the message."""


class Ear:
    """Listens to one topic with the quality of service that its publishers offer."""

    def __init__(self, node: Node, name: str, type_name: str, first: Offered) -> None:
        package, kind, message = type_name.split("/")
        self._node, self._kind = node, getattr(import_module(f"{package}.{kind}"), message)
        self.name, self.type, self.offered = node.resolve_topic_name(name), type_name, first
        self._group = Unserved()
        self.subscription = self._listen()

    def adapt(self) -> None:
        """Listen anew where the publishers offer something else than what is listened with."""
        offered = adapted(_offers(self._node.get_publishers_info_by_topic(self.name)))
        if offered is None:
            return
        before, self.offered = self.offered, offered
        if (offered.reliable, offered.latched) != (before.reliable, before.latched):
            subscription, self.subscription = self.subscription, self._listen()
            self._node.destroy_subscription(subscription)

    def close(self) -> None:
        """Listen no more."""
        self._node.destroy_subscription(self.subscription)

    def _listen(self) -> Any:
        reliability = ReliabilityPolicy.RELIABLE if self.offered.reliable else ReliabilityPolicy.BEST_EFFORT
        durability = DurabilityPolicy.TRANSIENT_LOCAL if self.offered.latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=depth(self.type), reliability=reliability, durability=durability)
        return self._node.create_subscription(
            self._kind, self.name, lambda _: None, qos, callback_group=self._group, raw=True
        )


class Listener:
    """The thread and its ears."""

    def __init__(
        self,
        node: Node,
        ears: list[Ear],
        take: Take,
        look_around: Callable[[], None],
        on_defect: Callable[[BaseException], None],
    ) -> None:
        """Listen from now on. look_around: called twice a second in the same thread; it may append to `ears`."""
        self._node, self._ears, self._take, self._look_around = node, ears, take, look_around
        self._on_defect = on_defect
        self._over, self._passed, self._passes = threading.Event(), threading.Condition(), 0
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def catch_up(self, limit_s: float = 10.0) -> None:
        """Wait until what is there now is taken."""
        with self._passed:
            wanted = self._passes + 2
            self._passed.wait_for(lambda: self._passes >= wanted or self._over.is_set(), limit_s)

    def close(self) -> None:
        """Take what is there, and end."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._listen()
        except Exception as defect:
            self._on_defect(defect)

    def _listen(self) -> None:
        next_look_s = 0.0
        while not self._over.is_set():
            if time.monotonic() >= next_look_s:
                for ear in self._ears:
                    ear.adapt()
                self._look_around()
                next_look_s = time.monotonic() + ADAPT_S
                context = self._node.context.handle
                assert context is not None
                waiting = rclpy_implementation.WaitSet(len(self._ears), 0, 0, 0, 0, 0, context)
            self._wait_and_take(waiting)
            with self._passed:
                self._passes += 1
                self._passed.notify_all()

    def _wait_and_take(self, wait_set: Any) -> None:
        with ExitStack() as held:
            wait_set.clear_entities()
            for ear in self._ears:
                held.enter_context(ear.subscription.handle)
                wait_set.add_subscription(ear.subscription.handle)
            wait_set.wait(_WAIT_NS)
            ready = wait_set.get_ready_entities("subscription")
            for ear in self._ears:
                if ear.subscription.handle.pointer in ready:
                    self._drain(ear)

    def _drain(self, ear: Ear) -> None:
        for _ in range(depth(ear.type)):
            taken = ear.subscription.handle.take_message(ear.subscription.msg_type, True)
            if taken is None:
                return
            message, info = taken
            publisher, sent_ns = bytes(info["publisher_gid"]["data"]), int(info["source_timestamp"])
            self._take(ear, message, sent_ns, publisher, info["publication_sequence_number"])


def _offers(publishers: Any) -> list[Offered]:
    """Return what publishers offer; what is unknown counts as volatile and best effort."""
    return [
        Offered(
            reliable=entry.qos_profile.reliability == ReliabilityPolicy.RELIABLE,
            latched=entry.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL,
            depth=max(int(entry.qos_profile.depth), 1),
        )
        for entry in publishers
    ]
