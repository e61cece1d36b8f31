"""The generator node says what it saw of the cameras, and refuses what it cannot dream from."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment

FAKES = Path(__file__).parent / "fakes"
INVALID_GOAL, NO_IMAGES, NO_MATCHING_PAIR, NO_TRANSFORM = 2, 101, 102, 103
IMAGES = ("camera_1/color/image_raw", "camera_2/color/image_raw")


@pytest.fixture(scope="module")
def ask(clip: Path) -> Iterator[Callable[[str], dict[str, Any]]]:
    """A function that has the cameras behave in some way, and returns what came of a goal."""
    environment = ros_environment()
    environment.pop(DOMAIN, None)
    with held_domain(environment) as domain:
        environment[DOMAIN] = str(domain)
        environment["PYTHONPATH"] = f"{FAKES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        parameters = {"generator": "replay", "replay": f"'{clip}'", "image_wait_s": 1.5}
        settings = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        node = subprocess.Popen(
            [sys.executable, "-m", "slow.generator_node", "--ros-args", *settings], env=environment, text=True
        )
        cameras = subprocess.Popen(
            [sys.executable, "-m", "cameras"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

        def ask_once(case: str) -> dict[str, Any]:
            assert cameras.stdin
            assert cameras.stdout
            cameras.stdin.write(case + "\n")
            cameras.stdin.flush()
            answer: dict[str, Any] = json.loads(cameras.stdout.readline())
            return answer

        yield ask_once
        for process in (cameras, node):
            process.kill()
            process.wait()


def test_what_is_wrong_is_said(ask: Callable[[str], dict[str, Any]]) -> None:
    silent = ask("nothing")
    assert silent["error_code"] == NO_IMAGES
    assert "no camera is running" in silent["error_msg"]
    one = ask("one camera")
    assert one["error_code"] == NO_IMAGES
    assert f"nobody publishes {IMAGES[1]}" in one["error_msg"]
    assert f"{IMAGES[1]}: nothing" in one["error_msg"]
    apart = ask("clocks apart")
    assert apart["error_code"] == NO_MATCHING_PAIR
    assert "pairs matched: 0" in apart["error_msg"]
    assert "synchronise" in apart["error_msg"]
    lost = ask("good")
    assert lost["error_code"] == NO_TRANSFORM
    assert "camera_2_color_optical_frame" in lost["error_msg"]
    whole = ask("frames")
    assert (whole["error_code"], whole["images"]) == (0, 13), whole["error_msg"]
    other = ask("another task")
    assert other["error_code"] == INVALID_GOAL
    assert "'juggling'" in other["error_msg"]
    stale = ask("nothing")
    assert stale["error_code"] == NO_IMAGES
    assert "stale" in stale["error_msg"]


def test_bad_parameter_values_are_refused(ask: Callable[[str], dict[str, Any]]) -> None:
    assert ask("set:image_wait_s=1.25") == {"successful": True, "reason": ""}
    assert not ask("set:image_wait_s=1e9")["successful"]
    assert not ask("set:image_wait_s=-1.0")["successful"]
    read_only = ask("set:pair_tolerance_s=0.5")
    assert not read_only["successful"]
    assert "read" in read_only["reason"].lower()


@pytest.mark.parametrize("bad", ["generator:=nonsense", "pair_tolerance_s:=7.0", "task:=juggling", "image_wait_s:=x"])
def test_a_bad_value_at_the_start_is_one_line(bad: str) -> None:
    command = [sys.executable, "-m", "dreamitate_gen.generator_node", "--ros-args", "-p", bad]
    done = subprocess.run(command, env=ros_environment(), capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert bad.split(":=")[0] in lines[0] or bad.split(":=")[1] in lines[0]
