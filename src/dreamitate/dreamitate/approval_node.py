"""A person's answer to a plan that waits for approval: `python -m dreamitate.approval_node approve|refuse`."""

import sys
import time
from typing import Any

import rclpy
from rcl_interfaces.srv import ListParameters
from std_srvs.srv import SetBool

SERVICE = "executor/approve"
ASKED_FIRST = "executor/list_parameters"
ANSWER_LIMIT_S = 20.0
_AGAIN_S = 1.0


def main() -> int:
    """Answer, and say what came of it; return 0 where the executor took the answer, else 2."""
    answer = " ".join(sys.argv[1:2])
    if answer not in ("approve", "refuse"):
        print(f"dreamitate: approval_node takes one word, approve or refuse, not {answer!r}.", file=sys.stderr)
        return 2
    rclpy.init()
    try:
        node = rclpy.create_node("approval")
        client: Any = node.create_client(SetBool, SERVICE)
        if not client.wait_for_service(ANSWER_LIMIT_S):
            print(f"dreamitate: Nobody serves {SERVICE}. Does the rollout still run?", file=sys.stderr)
            return 2
        request = SetBool.Request(data=answer == "approve")
        result = _ask(node, client, request, ANSWER_LIMIT_S) if _known(node) else None
        if result is None or not result.success:
            print(f"dreamitate: {result.message if result else 'The executor did not answer.'}", file=sys.stderr)
            return 2
        print("The arm moves now." if answer == "approve" else "The arm stays where it is.")
        return 0
    finally:
        rclpy.shutdown()


def _known(node: Any) -> bool:
    """Return whether the executor knows this node's clients; else it would move the arm, and its answer be lost.

    What it answers to a client that was made after the others says so, and may be asked as often as need be.
    """
    client = node.create_client(ListParameters, ASKED_FIRST)
    until_s = time.monotonic() + ANSWER_LIMIT_S
    while time.monotonic() < until_s:
        if client.wait_for_service(_AGAIN_S) and _ask(node, client, ListParameters.Request(), _AGAIN_S):
            return True
    return False


def _ask(node: Any, client: Any, request: Any, limit_s: float) -> Any:
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=limit_s)
    return future.result() if future.done() else None


if __name__ == "__main__":
    sys.exit(main())
