"""The executor over real actions, with arms that fail in every way: it stops or never starts, says why, and goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicHermiteSpline

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment
from dreamitate.supervise import READY_FD
from dreamitate_bench.plan_pairs import feasible_pair
from dreamitate_core import se3
from dreamitate_core.arms import load_arms
from dreamitate_core.robot import Robot, load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import Status, ToolTrajectory, write_tracks
from dreamitate_exec.plan import plan

FAKES = Path(__file__).parent / "fakes"
ROBOT, TASK, TOOL = load_robot("ur5"), load_task("sweeping"), load_tool("brush")
XARM, PAIR_SEED = load_robot("xarm7"), 210_000
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
CANCELLED, NOT_APPROVED, NO_JOINT_STATES, REJECTED, ABORTED_BY_CONTROLLER = 1, 306, 307, 309, 310
START_STATE_MOVED, EMERGENCY_STOP, OFF_PATH = 311, 312, 313
FAST = 3.0
"""Speed of the arm in motions in which nothing happens: a test need not wait for them."""
JOINT_STATE_AGE_S = 3.0
"""A machine that runs tests may be very busy."""
HELD_UP_S = 2.0

Event = dict[str, Any]


def sweep(z: float = 0.003) -> ToolTrajectory:
    """Return a straight sweep of 20 cm."""
    y = np.linspace(-0.1, 0.1, 12)
    poses = se3.make_transform(np.tile(np.eye(3), (12, 1, 1)), np.stack([0 * y, y, 0 * y + z], axis=1))
    covariance = np.tile(np.diag([1e-6] * 3 + [1e-5] * 3), (12, 1, 1))
    time_s, ok = 0.25 * np.arange(1, 13, dtype=np.float64), np.full(12, int(Status.OK))
    return ToolTrajectory("brush", "table", time_s, poses, covariance, np.ones(12), ok)


class Node:
    """A node's process, which tells when it is ready."""

    def __init__(self, module: str, environment: dict[str, str], **parameters: object) -> None:
        ready, tells = os.pipe()
        settings = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--ros-args", *settings],
            env={**environment, READY_FD: str(tells)},
            stdin=subprocess.PIPE,
            pass_fds=(tells,),
        )
        os.close(tells)
        with os.fdopen(ready) as lines:
            assert lines.readline() == "ready\n"

    def end(self) -> None:
        """Ask it to end, and wait for it."""
        self.process.communicate(b"stop the test is over\n")

    def kill(self) -> None:
        """End it as nothing else can be ended."""
        self.process.kill()
        self.process.wait()


class Rig:
    """Fake arms, and the executor that moves them."""

    def __init__(
        self, folder: Path, task: str, robot: str, tracks: list[ToolTrajectory], lines: Callable[[Any], Any]
    ) -> None:
        write_tracks(folder / "tracks.npz", {track.tool: track for track in tracks})
        arms = ["one="] if len(tracks) == 1 else ["L_one=L_", "R_one=R_"]
        self.robot, self.settings = robot, {"robot": robot, **({"task": task} if len(tracks) > 1 else {})}
        self.environment = ros_environment()
        self.environment.pop(DOMAIN, None)
        with held_domain(self.environment) as domain:
            self.environment[DOMAIN] = str(domain)
            self.environment["PYTHONPATH"] = f"{FAKES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
            self.arms = subprocess.Popen(
                [sys.executable, "-m", "arms", task, robot, str(folder / "tracks.npz"), *arms],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.executor = self.start_executor()
        assert self.arms.stdout
        self._events = lines(self.arms.stdout)

    def start_executor(self, **parameters: object) -> Node:
        return Node(
            "dreamitate_exec.executor_node",
            self.environment,
            **self.settings,
            max_joint_state_age_s=JOINT_STATE_AGE_S,
            controller="one",
            approval_limit_s=60.0,
            stall_limit_s=2.0,
            **parameters,
        )

    def tell(self, line: str) -> None:
        assert self.arms.stdin
        self.arms.stdin.write(line + "\n")
        self.arms.stdin.flush()

    def wait_for(self, event: str, **details: Any) -> Event:
        """Return the next event of that kind with these details."""

        def wanted(line: str) -> bool:
            told = json.loads(line)
            return bool(told["event"] == event and all(told[key] == value for key, value in details.items()))

        found: Event = json.loads(self._events.wait_for(wanted, f"{event} {details}"))
        return found

    def begin(self) -> None:
        """Send a goal and wait until it is taken."""
        self.tell(f"goal {self.robot}")
        assert self.wait_for("goal")["accepted"]

    def begin_to_move(self) -> None:
        """Send a goal and wait until all arms move."""
        self.begin()
        self.wait_for("moving", moving=True)

    def set(self, name: str, value: object) -> None:
        self.tell(f"set {name} {value}")
        assert self.wait_for("set")["success"]

    def assert_next_goal_works(self) -> None:
        """Reset the arms, and have them carry out a goal."""
        self.tell("reset")
        self.tell(f"speed all {FAST}")
        self.begin()
        result = self.wait_for("result")
        assert (result["status"], result["error_code"]) == (SUCCEEDED, 0), result["error_msg"]
        self.tell("speed all 1.0")
        self.tell("reset")

    def end(self) -> None:
        self.executor.kill()
        self.arms.kill()
        self.arms.wait()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory, lines: Callable[[Any], Any]) -> Iterator[Rig]:
    rig = Rig(tmp_path_factory.mktemp("rig"), "sweeping", "ur5", [sweep()], lines)
    yield rig
    rig.end()


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, lines: Callable[[Any], Any]) -> Iterator[Rig]:
    task = load_task("rotation")
    tracks = [asked.track for asked in feasible_pair(PAIR_SEED, task, load_arms(task))]
    rig = Rig(tmp_path_factory.mktemp("two"), "rotation", "xarm7", tracks, lines)
    yield rig
    rig.end()


def check_failed(result: Event, code: int, said: str, moved: bool = True) -> None:
    """Check a goal's end by a failure."""
    assert (result["status"], result["error_code"], result["moved"]) == (ABORTED, code, moved), result
    assert said in result["error_msg"]
    assert "DID NOT" not in result["error_msg"]


@cache
def planned_path() -> Any:
    """Return the joints (N, dof) along the plan of the sweep, close to each other."""
    made = plan(sweep(), TASK, ROBOT, TOOL, ROBOT.home)
    return CubicHermiteSpline(made.time_s, made.position, made.velocity)(np.arange(0.0, made.duration_s, 0.002))


def check_stop(stop: Event, on_path: bool = True, robot: Robot = ROBOT) -> None:
    """Check that a stop that was sent is within the arm's deceleration limits, and on the path that was planned."""
    time_s, position, velocity = (np.array(stop[name]) for name in ("time_s", "position", "velocity"))
    assert 0.0 < time_s[0] < 0.1
    assert np.abs(np.diff(velocity, axis=0) / np.diff(time_s)[:, None] / robot.acceleration_limit).max() <= 1.01
    assert np.abs(velocity[-1]).max() < 1e-9
    if on_path:
        assert np.abs(position[:, None] - planned_path()[None]).max(axis=2).min(axis=1).max() < 0.005


def test_cancel(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("cancel")
    check_stop(rig.wait_for("trajectory", kind="stop"))
    result = rig.wait_for("result")
    assert (result["status"], result["error_code"]) == (CANCELED, CANCELLED)
    assert result["error_msg"] == "cancelled by the client"
    rig.assert_next_goal_works()


def test_emergency_stop_holds_until_it_is_released(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("emergency")
    stop = rig.wait_for("trajectory", kind="stop")
    rig.tell("cancel")
    check_stop(stop)
    check_failed(rig.wait_for("result"), EMERGENCY_STOP, "Emergency stop")  # the first reason is kept
    rig.begin()
    check_failed(rig.wait_for("result"), EMERGENCY_STOP, "Emergency stop", moved=False)
    rig.tell("release")
    rig.assert_next_goal_works()


def test_joint_states_stop(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("silent")
    check_stop(rig.wait_for("trajectory", kind="stop"))
    result = rig.wait_for("result")
    assert (result["error_code"], result["moved"]) == (NO_JOINT_STATES, True)
    assert "stale" in result["error_msg"]
    assert "DID NOT CONFIRM ITS STOP" in result["error_msg"]  # nobody can see that it stands
    rig.begin()
    check_failed(rig.wait_for("result"), NO_JOINT_STATES, "stale", moved=False)
    rig.assert_next_goal_works()


def test_controller_aborts(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("abort")
    said = "one/follow_joint_trajectory ended with PATH_TOLERANCE_VIOLATED (-4): wrist_1_joint left its path"
    check_failed(rig.wait_for("result"), ABORTED_BY_CONTROLLER, said)
    rig.assert_next_goal_works()


def test_controller_rejects(rig: Rig) -> None:
    rig.tell("rejects")
    rig.begin()
    check_failed(rig.wait_for("result"), REJECTED, "rejected the trajectory")
    rig.tell("reset")


def test_arm_is_pushed_off_its_path(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("push all 0.4")
    check_stop(rig.wait_for("trajectory", kind="stop"), on_path=False)
    check_failed(rig.wait_for("result"), OFF_PATH, "off its path")
    rig.tell("reset")


def test_arm_stands_still_on_its_way(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("frozen")
    result = rig.wait_for("result")
    assert (result["error_code"], result["moved"]) == (OFF_PATH, True)
    assert "has not moved on" in result["error_msg"]
    rig.tell("reset")


def test_someone_else_commands_the_arm(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell("intrude")
    check_failed(rig.wait_for("result"), ABORTED_BY_CONTROLLER, "INVALID_GOAL")
    rig.tell("reset")


def test_an_executor_that_was_held_up_hears_the_arm_before_it_calls_it_dead(rig: Rig) -> None:
    rig.set("max_joint_state_age_s", HELD_UP_S / 2)
    rig.begin_to_move()
    rig.executor.process.send_signal(signal.SIGSTOP)
    time.sleep(HELD_UP_S)  # what is tested: it does not run for so long
    rig.executor.process.send_signal(signal.SIGCONT)
    result = rig.wait_for("result")
    assert (result["status"], result["error_code"]) == (SUCCEEDED, 0), result["error_msg"]
    rig.set("max_joint_state_age_s", JOINT_STATE_AGE_S)
    rig.tell("reset")


def test_second_goal_is_rejected_and_the_first_goes_on(rig: Rig) -> None:
    rig.begin_to_move()
    rig.tell(f"goal {ROBOT.name}")
    assert not rig.wait_for("goal")["accepted"]
    rig.tell(f"speed all {FAST}")
    result = rig.wait_for("result")
    assert (result["status"], result["plans"]) == (SUCCEEDED, 1), result["error_msg"]
    rig.tell("reset")


def test_arm_is_moved_after_it_was_planned_for(rig: Rig) -> None:
    rig.set("approve", "true")
    rig.begin()
    rig.wait_for("waits")
    rig.tell("push all 0.1")
    rig.tell("approve")
    check_failed(rig.wait_for("result"), START_STATE_MOVED, "shoulder_pan_joint is off by 0.1000 rad", moved=False)
    rig.set("approve", "false")
    rig.assert_next_goal_works()


def test_nobody_approves(rig: Rig) -> None:
    rig.set("approve", "true")
    rig.set("approval_limit_s", 1.0)
    rig.begin()
    check_failed(rig.wait_for("result"), NOT_APPROVED, "Nobody approved the plan within 1 s", moved=False)
    rig.set("approval_limit_s", 60.0)
    rig.begin()
    rig.wait_for("waits")
    rig.tell("emergency")
    check_failed(rig.wait_for("result"), EMERGENCY_STOP, "Emergency stop", moved=False)
    rig.tell("release")
    rig.set("approve", "false")


def test_goal_for_another_robot(rig: Rig) -> None:
    rig.tell("goal xarm7")
    check_failed(rig.wait_for("result"), 2, "This executor moves the robot 'ur5'", moved=False)


def test_preview_comes_before_the_motion(rig: Rig) -> None:
    rig.set("approve", "true")
    rig.begin()
    kinds = rig.wait_for("markers")["kinds"]
    spaces = {kind.split(":")[0] for kind in kinds}
    assert spaces == {"path", "tool_axes", "swept_height", "tracking_quality", "reachability"}
    rig.wait_for("waits")
    rig.tell("refuse")
    check_failed(rig.wait_for("result"), NOT_APPROVED, "refused by a person", moved=False)
    rig.set("approve", "false")


def test_frames_that_a_driver_does_not_know_are_told(rig: Rig) -> None:
    frames = Node("dreamitate.frames_node", rig.environment, robot="ur5", root="world")
    try:
        told = rig.wait_for("frames")["names"]
    finally:
        frames.kill()
    cameras = [f"table>camera_{number}_color_optical_frame" for number in (1, 2)]
    assert told == [*cameras, "table>world", "tool0>tool", "tool>tool_tip"]


def test_moveit_plans_and_the_executor_checks_and_moves(rig: Rig) -> None:
    """After an orderly end of the first executor: its name is free for one that asks MoveIt."""
    rig.executor.end()
    moveit = Node("two.moveit_planner_node", rig.environment, robot="ur5")
    rig.executor = rig.start_executor(planner="moveit")
    try:
        rig.begin_to_move()
        rig.tell("cancel")
        check_stop(rig.wait_for("trajectory", kind="stop"), on_path=False)
        assert rig.wait_for("result")["error_code"] == CANCELLED
    finally:
        moveit.kill()
        rig.executor.end()
        rig.tell("reset")
        rig.executor = rig.start_executor()


def test_an_executor_that_was_killed_comes_back_to_a_moving_arm(rig: Rig) -> None:
    """Who stops the arm is the coordinator: see test_faults. Here nobody does, and the new executor must not start."""
    rig.tell("speed all 0.1")
    rig.begin_to_move()
    os.kill(rig.executor.process.pid, signal.SIGKILL)
    rig.executor.process.wait()
    rig.executor = rig.start_executor()
    rig.begin()
    check_failed(rig.wait_for("result"), START_STATE_MOVED, "The arm moves", moved=False)
    rig.assert_next_goal_works()


def begin_both(two: Rig) -> tuple[Event, Event]:
    """Have both arms move; return what their controllers were sent."""
    two.begin()
    sent = {event["arm"]: event for event in (two.wait_for("trajectory", kind="plan") for _ in "12")}
    two.wait_for("moving", moving=True)
    two.wait_for("moving", moving=True)
    return sent["L_one"], sent["R_one"]


def test_two_arms_stop_in_step(two: Rig) -> None:
    two.tell("reset")
    begin_both(two)
    two.tell("cancel")
    one, other = (two.wait_for("trajectory", kind="stop") for _ in "12")
    assert {one["arm"], other["arm"]} == {"L_one", "R_one"}
    assert one["time_s"] == other["time_s"]
    check_stop(one, False, XARM)
    check_stop(other, False, XARM)
    assert two.wait_for("result")["error_code"] == CANCELLED


@pytest.mark.parametrize("failing", ["L_one", "R_one"])
def test_one_arm_that_fails_stops_both(two: Rig, failing: str) -> None:
    two.tell("reset")
    begin_both(two)
    two.tell(f"abort {failing}")
    stop = two.wait_for("trajectory", kind="stop")
    assert stop["arm"] != failing
    check_stop(stop, False, XARM)
    result = two.wait_for("result")
    check_failed(result, ABORTED_BY_CONTROLLER, f"{failing}/follow_joint_trajectory ended with PATH_TOLERANCE_VIOLATED")


def test_one_controller_that_rejects_stops_the_other(two: Rig) -> None:
    two.tell("reset")
    two.tell("rejects R_one")
    two.begin()
    check_failed(two.wait_for("result"), REJECTED, "R_one/follow_joint_trajectory rejected the trajectory")


def test_arms_out_of_step_are_stopped(two: Rig) -> None:
    two.tell("reset")
    begin_both(two)
    two.tell("frozen R_one")
    check_failed(two.wait_for("result"), OFF_PATH, "out of step by more than 0.25 s: R_one/follow_joint_trajectory")


def test_two_arms_start_and_end_together_after_all_that(two: Rig) -> None:
    two.tell("reset")
    one, other = begin_both(two)
    assert one["stamp"] == other["stamp"] > 0
    assert one["wait_s"] > 0.0, "the order came after the start"
    assert [name.removeprefix("L_") for name in one["names"]] == [name.removeprefix("R_") for name in other["names"]]
    result = two.wait_for("result")
    assert (result["status"], result["plans"]) == (SUCCEEDED, 2), result["error_msg"]
