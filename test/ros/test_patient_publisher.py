"""A message that the middleware refuses for a moment gets through; one that it never takes is said to be lost."""

import pytest

pytest.importorskip("rclpy", reason="ROS is not here")

from dreamitate_ros.patient_publisher_node import send_patiently


class Busy:
    """Refuses the first messages, as the middleware does while its locks are taken."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.calls = refusals, 0

    def send(self) -> None:
        """Take a message, or refuse it."""
        self.calls += 1
        if self.calls <= self.refusals:
            raise RuntimeError("Failed to publish: cannot publish data")


def test_a_refused_message_is_sent_again() -> None:
    busy = Busy(refusals=2)
    send_patiently(busy.send, "joint_states")
    assert busy.calls == 3


def test_a_message_that_is_never_taken_is_said_to_be_lost(capfd: pytest.CaptureFixture[str]) -> None:
    send_patiently(Busy(refusals=1000).send, "joint_states")
    assert "A message on joint_states is lost: Failed to publish: cannot publish data" in capfd.readouterr().err
