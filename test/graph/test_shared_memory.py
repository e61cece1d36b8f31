"""Shared memory of a killed node is removed, that of a living one stays."""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment
from dreamitate.shared_memory import FOLDER, YOUNGEST_S, remove_left_segments

NODE = "import rclpy, sys; rclpy.init(); n = rclpy.create_node('n'); print('up', flush=True); sys.stdin.read()"


def make_older(lock: Path) -> None:
    long_ago_s = lock.stat().st_mtime - 2 * YOUNGEST_S
    os.utime(lock, (long_ago_s, long_ago_s))


def test_only_what_nobody_holds_is_removed(tmp_path: Path) -> None:
    for name in ("left", "held", "young", "port7400"):
        (tmp_path / f"fastdds_{name}").write_bytes(bytes(100))
        (tmp_path / f"fastdds_{name}_el").touch()
        if name != "young":
            make_older(tmp_path / f"fastdds_{name}_el")
    with (tmp_path / "fastdds_held_el").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert remove_left_segments(tmp_path) == 100
    assert {path.name.split("_")[1] for path in tmp_path.iterdir()} == {"held", "young", "port7400"}


def test_segment_of_a_killed_node() -> None:
    environment = ros_environment()
    environment.pop(DOMAIN, None)
    with held_domain(environment) as domain:
        environment[DOMAIN] = str(domain)
        node = subprocess.Popen(
            [sys.executable, "-c", NODE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert node.stdout
        assert node.stdout.readline() == b"up\n"
        mapped = set(re.findall(r"/dev/shm/(fastdds_[0-9a-f]{16})\b", Path(f"/proc/{node.pid}/maps").read_text()))  # noqa: S108
        assert mapped
        for name in mapped:
            make_older(FOLDER / f"{name}_el")
        remove_left_segments()
        assert all((FOLDER / name).exists() for name in mapped)
        node.kill()
        node.wait()
        assert remove_left_segments() >= 128 * 2**20  # what the DDS profile asks for
        assert not any((FOLDER / name).exists() for name in mapped)
