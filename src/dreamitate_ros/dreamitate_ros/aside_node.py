"""Topics that come often, taken by a thread of their own past the node's executor.

rclpy's executors look through all that a node has before each message: with a hundred joint states a second, three idle
nodes spend most of a core on it.
"""

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.qos import QoSProfile

_WAIT_NS = 100_000_000


class Unserved(CallbackGroup):
    """What no executor touches."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass


class AsideSubscription:
    """A subscription and its thread, for as long as ROS runs."""

    def __init__(
        self, node: Any, kind: Any, name: str, take: Callable[[Any], None], qos: QoSProfile, raw: bool = False
    ) -> None:
        """take: called with each message, from `start` on; raw: it gets them serialized."""
        self._context, self._take = node.context, take
        self._subscription = node.create_subscription(kind, name, take, qos, callback_group=Unserved(), raw=raw)

    def start(self, on_defect: Callable[[BaseException], None]) -> None:
        """Begin to listen. on_defect: called with what `take` raises, after which nothing more is taken."""
        threading.Thread(target=self._run, args=[on_defect], daemon=True).start()

    def _run(self, on_defect: Callable[[BaseException], None]) -> None:
        try:
            while self._context.ok():
                self._wait_and_take()
        except Exception as defect:
            if self._context.ok():  # else it is only that ROS has ended meanwhile
                on_defect(defect)

    def _wait_and_take(self) -> None:
        context, handle = self._context.handle, self._subscription.handle
        assert context is not None
        with handle:
            wait_set = rclpy_implementation.WaitSet(1, 0, 0, 0, 0, 0, context)
            wait_set.clear_entities()
            wait_set.add_subscription(handle)
            wait_set.wait(_WAIT_NS)
            while (taken := handle.take_message(self._subscription.msg_type, self._subscription.raw)) is not None:
                self._take(taken[0])
