"""Sending that a busy machine does not break.

Fast DDS refuses a message where its locks are not free within 100 ms (reliability's max_blocking_time), as happens
while many processes start on few cores; rclpy raises that as an error, and a loop that publishes would be over.
"""

from collections.abc import Callable
from typing import Any

from rclpy.logging import get_logger
from rclpy.publisher import Publisher

_TRIES = 10


def send_patiently(send: Callable[[], None], name: str) -> None:
    """Call `send` until it passes, at most ten times, about a second; then say that a message of `name` is lost."""
    for _ in range(_TRIES):
        try:
            return send()
        except RuntimeError as refused:  # rclpy's RCLError, which no public module of it names
            reason = str(refused)
    get_logger("dreamitate").error(f"A message on {name} is lost: {reason}")
    return None


class PatientPublisher(Publisher[Any]):
    """A publisher that tries again: `create_publisher(..., publisher_class=PatientPublisher)`."""

    def publish(self, msg: Any) -> None:
        """Send a message, or say that it is lost. Raises TypeError for a message of another type."""
        send_patiently(lambda: Publisher.publish(self, msg), self.topic)
