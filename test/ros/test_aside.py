"""What comes often is taken without the node's executor; the first callback that fails is told of, and is the last."""

import json
import subprocess
import sys
from typing import Any

import pytest

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment

PROGRAM = """
import json, queue, sys
import rclpy
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from dreamitate_ros.aside_node import AsideSubscription

fails_at = int(sys.argv[1])
rclpy.init()
node = rclpy.create_node("aside")
heard = queue.Queue()
def take(message):
    heard.put(message.position[0])
    if message.position[0] == fails_at:
        raise ValueError("cannot take it")
aside = AsideSubscription(node, JointState, "joint_states", take, QoSProfile(depth=100))
publisher = node.create_publisher(JointState, "joint_states", QoSProfile(depth=100))
while not node.count_subscribers("joint_states"):
    pass
for number in range(50):  # nothing is taken yet
    publisher.publish(JointState(position=[float(number)]))
defects = queue.Queue()
aside.start(lambda defect: defects.put(str(defect)))
taken = [heard.get(timeout=20.0) for _ in range(min(fails_at + 1, 50))]
failed = defects.get(timeout=20.0) if fails_at < 50 else ""
print(json.dumps({"taken": taken, "failed": failed, "more": heard.qsize()}))
"""


@pytest.fixture
def listen() -> Any:
    def run(fails_at: int) -> Any:
        environment = ros_environment()
        environment.pop(DOMAIN, None)
        with held_domain(environment) as domain:
            environment[DOMAIN] = str(domain)
            line = [sys.executable, "-c", PROGRAM, str(fails_at)]
            done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_all_is_taken_in_order_though_nobody_spins(listen: Any) -> None:
    assert listen(1000) == {"taken": list(range(50)), "failed": "", "more": 0}


def test_the_first_failure_is_told_and_the_last(listen: Any) -> None:
    assert listen(7) == {"taken": list(range(8)), "failed": "cannot take it", "more": 0}
