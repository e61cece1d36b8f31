"""A person's answer to a plan that waits for approval: `python -m dreamitate.approval_node approve|refuse`."""

import sys
from typing import Any

import rclpy
from std_srvs.srv import SetBool

SERVICE = "executor/approve"
ANSWER_LIMIT_S = 20.0


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
        future = client.call_async(SetBool.Request(data=answer == "approve"))
        rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_LIMIT_S)
        result = future.result()
        if result is None or not result.success:
            print(f"dreamitate: {result.message if result else 'The executor did not answer.'}", file=sys.stderr)
            return 2
        print("The arm moves now." if answer == "approve" else "The arm stays where it is.")
        return 0
    finally:
        rclpy.shutdown()


if __name__ == "__main__":
    sys.exit(main())
