"""Algorithms are plain Python: importing all of them loads no rclpy and no message package; only nodes do."""

import json
import subprocess
import sys
from pathlib import Path

PACKAGES = sorted(path.parent.name for path in (Path(__file__).parents[2] / "src").glob("*/setup.py"))
ROS = ("rclpy", "dreamitate_msgs", "sensor_msgs", "geometry_msgs", "control_msgs", "tf2_msgs", "launch")
PROGRAM = """
import importlib, json, pkgutil, sys
culprits, count = {}, 0
for package in sys.argv[2:]:
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, package + "."):
        if module.name.endswith("_node") or ".worker." in module.name:  # workers run in an environment of the user's
            continue
        importlib.import_module(module.name)
        count += 1
        for name in json.loads(sys.argv[1]):
            if name in sys.modules:
                culprits.setdefault(name, module.name)
print(json.dumps([count, culprits]))
"""


def test_no_algorithm_loads_ros() -> None:
    command = [sys.executable, "-c", PROGRAM, json.dumps(ROS), *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    count, culprits = json.loads(done.stdout.splitlines()[-1])
    assert count > 50
    assert culprits == {}
