"""Whether the client and the server of an action hear each other, before a goal is sent.

A server that does not know the client's ear yet carries the goal out all the same, and its answer is lost: the client
would wait forever for an arm that moves. A cancel of a goal that nobody has goes the same way and harms nothing.
"""

import threading
import uuid
from typing import Any

from action_msgs.srv import CancelGoal


class Meeting:
    """The cancel service of one action, made after the action's client, so that the server learns of it last."""

    def __init__(self, node: Any, action: str) -> None:
        self._client: Any = node.create_client(CancelGoal, f"{action}/_action/cancel_goal", callback_group=node.free)

    def wait(self, limit_s: float) -> bool:
        """Return whether the server has answered within the limit."""
        if not self._client.wait_for_service(limit_s):
            return False
        request = CancelGoal.Request()
        request.goal_info.goal_id.uuid = list(uuid.uuid4().bytes)
        answered = threading.Event()
        future = self._client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(limit_s):
            self._client.remove_pending_request(future)
            return False
        return True
