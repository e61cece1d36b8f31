"""The environment of ros_environment() is enough for a new process to use ROS, without Python starting twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dreamitate.ros_environment import ros_environment

pytest.importorskip("ros_wheels_bootstrapper", reason="ROS is installed here; its own set-up says the environment")

_OURS = (
    "LD_LIBRARY_PATH",
    "AMENT_PREFIX_PATH",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "FASTDDS_DEFAULT_PROFILES_FILE",
)

_PROBE = """
import json, os
import rclpy
rclpy.init()
node = rclpy.create_node("probe")
libraries = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
print(json.dumps({"environment": dict(os.environ), "libraries": sorted(libraries)}))
node.destroy_node()
rclpy.shutdown()
"""


def _probe(environment: dict[str, str]) -> dict[str, object]:
    ran = subprocess.run(
        [sys.executable, "-c", _PROBE], env={**environment, "ROS_DOMAIN_ID": "97"}, capture_output=True, check=True
    )
    answer: dict[str, object] = json.loads(ran.stdout)
    return answer


def test_a_node_starts_and_no_ros_library_is_loaded_from_two_places(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "ROS_LOG_DIR": str(tmp_path)}
    environment = {**bare, **{key: value for key, value in ros_environment().items() if key in _OURS}}
    answer = _probe(environment)
    assert isinstance(answer["environment"], dict)
    assert answer["environment"]["LD_LIBRARY_PATH"] == environment["LD_LIBRARY_PATH"], "Python started itself again"
    assert isinstance(answer["libraries"], list)
    ros = [Path(name) for name in answer["libraries"] if "/librcl" in name or "/libfast" in name]
    assert len({path.name for path in ros}) == len({path.resolve() for path in ros}) >= 4


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", "/mine.xml")
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "SUBNET")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/mine/lib:{sys.prefix}/lib")
    monkeypatch.setenv("AMENT_PREFIX_PATH", "/workspace/install")
    environment = ros_environment()
    assert environment["FASTDDS_DEFAULT_PROFILES_FILE"] == "/mine.xml"
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "SUBNET"
    assert environment["AMENT_PREFIX_PATH"] == f"/workspace/install:{sys.prefix}"
    libraries = environment["LD_LIBRARY_PATH"].split(":")
    assert libraries[0] == f"{sys.prefix}/lib"
    assert libraries[-1] == "/mine/lib"
    assert len(libraries) == len(set(libraries))
