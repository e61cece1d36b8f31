"""Shows the two views of a video again and again, at its own pace, to whoever looks."""

import threading
from collections.abc import Callable
from typing import Any

from dreamitate_core.video import StereoVideo

from .messages import OPTICAL_FRAMES, fill_image


class Player:
    """Publishes one stereo pair per timer tick; `node` gives the timer and the stamps."""

    def __init__(self, node: Any, publishers: tuple[Any, Any], new_image: Callable[[], Any]) -> None:
        self._node, self._publishers, self._new_image = node, publishers, new_image
        self._lock = threading.Lock()
        self._timer: Any = None
        self._pairs: Any = ()
        self._next = 0

    def show(self, video: StereoVideo) -> None:
        """Play this video from now on."""
        with self._lock:
            self._pairs, self._next = video.pairs(), 0
            if self._timer is not None:
                self._node.destroy_timer(self._timer)
            self._timer = self._node.create_timer(1.0 / video.fps, self._play)

    def _play(self) -> None:
        with self._lock:
            pair = self._pairs[self._next % len(self._pairs)]
            self._next += 1
        stamp = self._node.now_ns()
        for publisher, image, frame in zip(self._publishers, pair, OPTICAL_FRAMES, strict=True):
            if publisher.get_subscription_count():
                publisher.publish(fill_image(self._new_image(), image, frame, stamp))
