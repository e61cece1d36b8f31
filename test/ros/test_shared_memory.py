"""Shared memory of a killed node is removed, that of a living one stays."""

import ctypes
import fcntl
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment
from dreamitate_ros.shared_memory import FOLDER, YOUNGEST_S, remove_left_locks, remove_left_segments

NODE = "import rclpy, sys; rclpy.init(); n = rclpy.create_node('n'); print('up', flush=True); sys.stdin.read()"

LIBC = ctypes.CDLL(None)
LIBC.sem_open.restype = ctypes.c_void_p
LIBC.sem_post.argtypes = [ctypes.c_void_p]
NO_PORTS = range(1_000_000, 1_000_003)
"""Beyond all ports: no node has a lock of that name."""


@pytest.fixture
def locks() -> Iterator[list[tuple[Path, int]]]:
    """Three locks as Fast DDS makes them, all held; path and handle of each."""
    names = [f"fastdds_port{port}_mutex" for port in NO_PORTS]
    yield [(FOLDER / f"sem.{name}", LIBC.sem_open(f"/{name}".encode(), os.O_CREAT, 0o600, 0)) for name in names]
    for name in names:
        LIBC.sem_unlink(f"/{name}".encode())


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


def test_a_lock_that_is_let_go_stays_and_one_that_is_held_on_and_on_goes(locks: list[tuple[Path, int]]) -> None:
    (free, of_free), (let_go, of_let_go), (left, _) = locks
    assert LIBC.sem_post(of_free) == 0
    threading.Timer(0.3, LIBC.sem_post, [of_let_go]).start()
    assert remove_left_locks() >= 1
    assert free.exists()
    assert let_go.exists()
    assert not left.exists()


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
