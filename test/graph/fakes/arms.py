"""Arms without a simulator, for the executor's tests: their controllers, their joint states, and a client of the
executor. They do as lines on stdin tell them, and tell what they see as JSON lines.

python -m arms TASK ROBOT TRACKS.npz CONTROLLER=PREFIX ...   (one track per arm)

The controllers are what ros2_control's joint trajectory controller is to its clients: a new trajectory takes the place
of the one that runs and begins where the arm is; a cancelled one leaves the arm where it is.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from dreamitate_msgs.action import ExecuteTrajectory
from dreamitate_msgs.msg import ToolTrajectory
from geometry_msgs.msg import Pose
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionClient, ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from scipy.interpolate import CubicHermiteSpline
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import MarkerArray

from control_msgs.action import FollowJointTrajectory
from dreamitate_core.robot import load_robot
from dreamitate_core.trajectory import read_tracks
from dreamitate_ros.meeting_node import Meeting
from dreamitate_ros.messages import fill_track, read_trajectory, stamp_ns
from tf2_msgs.msg import TFMessage

PERIOD_S = 0.02
STANDS_RAD_S = 0.001
ANSWER_S = 3.0
Result = FollowJointTrajectory.Result

rclpy.init()
node: Any = rclpy.create_node("arms")
free = ReentrantCallbackGroup()
node.free = free
robot = load_robot(sys.argv[2])
tracks = list(read_tracks(Path(sys.argv[3])).values())
print_lock = threading.Lock()


def tell(event: str, **details: Any) -> None:
    """Print one event."""
    with print_lock:
        print(json.dumps({"event": event, **details}), flush=True)


class FakeArm:
    """One arm and its controller."""

    def __init__(self, controller: str, prefix: str) -> None:
        self.name, self.joint_names = controller, [prefix + name for name in robot.joint_names]
        self.changed = threading.Condition()
        self.speed, self.now_s = 1.0, 0.0
        self.silent = self.rejects = self.frozen = self.moving = False
        self.abort = ""
        self.position, self.velocity = robot.home.copy(), np.zeros(robot.dof)
        self.path: CubicHermiteSpline | None = None
        self.running: Any = None
        self.states = node.create_publisher(JointState, "joint_states", 10)
        self.server = ActionServer(
            node,
            FollowJointTrajectory,
            f"{controller}/follow_joint_trajectory",
            self.execute,
            goal_callback=lambda _: GoalResponse.REJECT if self.rejects else GoalResponse.ACCEPT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=free,
        )
        node.create_timer(PERIOD_S, self.step, callback_group=free)

    def execute(self, handle: Any) -> Any:
        """Follow a trajectory to its end, or to that of who sent it."""
        with self.changed:
            self.begin(handle.request.trajectory)
            self.running = handle
            path = self.path
            assert path is not None
            self.changed.wait_for(
                lambda: (
                    self.running is not handle
                    or handle.is_cancel_requested
                    or self.abort
                    or self.now_s >= path.x[-1] + 0.02
                )
            )
            if self.running is not handle:
                handle.abort()
                return Result(error_code=Result.INVALID_GOAL, error_string="Current goal cancelled by a new one.")
            self.running = None
            if self.abort:
                text, self.abort, self.path = self.abort, "", None
                handle.abort()
                return Result(error_code=Result.PATH_TOLERANCE_VIOLATED, error_string=text)
            if handle.is_cancel_requested:
                self.path = None
                tell("cancelled", arm=self.name)
                handle.canceled()
                return Result()
        handle.succeed()
        return Result()

    def begin(self, trajectory: Any) -> None:
        """Take up a trajectory, and tell of one that is a stop: it begins a little in the future."""
        names, time_s, position, velocity = read_trajectory(trajectory)
        stamp = stamp_ns(trajectory.header)
        wait_s = (stamp - node.get_clock().now().nanoseconds) / 1e9 if stamp else 0.0
        kind = "stop" if not stamp and time_s[0] > 0 else "plan"
        tables = {"time_s": time_s.tolist(), "position": position.tolist(), "velocity": velocity.tolist()}
        tell(
            "trajectory",
            arm=self.name,
            kind=kind,
            names=names,
            stamp=stamp,
            wait_s=wait_s,
            **(tables if kind == "stop" else {}),
        )
        time_s = time_s + max(wait_s, 0.0)
        if time_s[0] > 0:
            time_s = np.append(0.0, time_s)
            position, velocity = np.vstack([self.position, position]), np.vstack([self.velocity, velocity])
        self.path, self.now_s = CubicHermiteSpline(time_s, position, velocity), 0.0

    def step(self) -> None:
        """Move on, and tell where the arm is."""
        with self.changed:
            self.velocity = np.zeros(robot.dof)
            if self.path is not None and not self.frozen:
                self.now_s += PERIOD_S * self.speed
                at = min(self.now_s, float(self.path.x[-1]))
                self.position, self.velocity = self.path(at), self.path(at, 1) * self.speed
                if at < self.now_s:
                    self.velocity = np.zeros(robot.dof)
            moving = bool(np.abs(self.velocity).max() > STANDS_RAD_S)
            if moving != self.moving:
                self.moving = moving
                tell("moving", arm=self.name, moving=moving)
            self.changed.notify_all()
            state = JointState(name=self.joint_names, position=self.position.tolist(), velocity=self.velocity.tolist())
            state.header.stamp = node.get_clock().now().to_msg()
        if not self.silent:
            self.states.publish(state)


arms = [FakeArm(*text.split("=")) for text in sys.argv[4:]]
emergency = node.create_publisher(Bool, "emergency_stop", 10)
client: Any = ActionClient(node, ExecuteTrajectory, "execute_trajectory", callback_group=free)
meeting = Meeting(node, "execute_trajectory")
intruder: Any = ActionClient(
    node, FollowJointTrajectory, f"{arms[0].name}/follow_joint_trajectory", callback_group=free
)
answerer: Any = node.create_client(SetBool, "executor/approve", callback_group=free)
setter: Any = node.create_client(SetParameters, "executor/set_parameters", callback_group=free)
handles: list[Any] = []
latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
node.create_subscription(
    MarkerArray,
    "plan_markers",
    lambda m: tell("markers", kinds=sorted({f"{marker.ns}:{marker.id}" for marker in m.markers if marker.ns})),
    latched,
    callback_group=free,
)
node.create_subscription(
    TFMessage,
    "/tf_static",
    lambda m: tell("frames", names=[f"{t.header.frame_id}>{t.child_frame_id}" for t in m.transforms]),
    latched,
    callback_group=free,
)


def send(robot_name: str) -> None:
    """Send a goal to the executor, and tell what comes of it."""
    goal = ExecuteTrajectory.Goal(task=sys.argv[1], robot=robot_name)
    goal.trajectories = [fill_track(ToolTrajectory(), track, 0, Pose) for track in tracks]
    client.wait_for_server()
    while not meeting.wait(ANSWER_S):
        pass

    def take(future: Any) -> None:
        handle = future.result()
        if handle.accepted:
            handles.append(handle)
            handle.get_result_async().add_done_callback(tell_result)
        tell("goal", accepted=handle.accepted)

    client.send_goal_async(goal, feedback_callback=hear).add_done_callback(take)


def hear(message: Any) -> None:
    """Tell when a plan waits for approval."""
    if "approval" in message.feedback.stage:
        tell("waits")


def tell_result(future: Any) -> None:
    """Tell how a goal ended."""
    response = future.result()
    result = response.result
    details = {name: getattr(result, name) for name in ("error_code", "error_msg", "waypoint", "moved")}
    tell("result", status=response.status, plans=len(result.plans), **details)


def intrude() -> None:
    """Have someone else send the first arm a trajectory: to stay where it is."""
    trajectory = JointTrajectory(joint_names=arms[0].joint_names)
    for second in (1, 2):
        point = JointTrajectoryPoint(positions=arms[0].position.tolist(), velocities=[0.0] * robot.dof)
        point.time_from_start.sec = second
        trajectory.points.append(point)
    intruder.wait_for_server()
    intruder.send_goal_async(FollowJointTrajectory.Goal(trajectory=trajectory))


def set_parameter(name: str, text: str) -> None:
    """Set a parameter of the executor."""
    value: Any = text == "true" if text in ("true", "false") else float(text)
    setter.wait_for_service()
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    tell("set", success=setter.call(request).results[0].successful)


def answer(approved: bool) -> None:
    """Approve or refuse the plan that waits."""
    answerer.wait_for_service()
    tell("answered", success=answerer.call(SetBool.Request(data=approved)).success)


def obey(word: str, rest: list[str]) -> None:
    """Carry out one line."""
    if word == "goal":
        threading.Thread(target=send, args=rest, daemon=True).start()
    elif word == "cancel":
        handles[-1].cancel_goal_async()
    elif word in ("emergency", "release"):
        emergency.publish(Bool(data=word == "emergency"))
    elif word in ("approve", "refuse"):
        answer(word == "approve")
    elif word == "set":
        set_parameter(*rest)
    elif word == "intrude":
        intrude()
    else:
        chosen = [arm for arm in arms if not rest or rest[0] in (arm.name, "all")]
        for arm in chosen:
            order(arm, word, rest)


def order(arm: FakeArm, word: str, rest: list[str]) -> None:
    """Change how an arm behaves."""
    with arm.changed:
        if word == "speed":
            arm.speed = float(rest[1])
        elif word == "abort":
            arm.abort = "wrist_1_joint left its path"
        elif word == "push":
            arm.path = None
            arm.position = arm.position + np.eye(robot.dof)[0] * float(rest[1])
        elif word == "reset":
            arm.silent = arm.rejects = arm.frozen = False
            arm.path, arm.abort, arm.speed, arm.position = None, "", 1.0, robot.home.copy()
        elif word in ("silent", "rejects", "frozen"):
            setattr(arm, word, True)
        else:
            raise ValueError(word)
        arm.changed.notify_all()


executor = MultiThreadedExecutor(num_threads=4 + 3 * len(arms))
executor.add_node(node)
threading.Thread(target=executor.spin, daemon=True).start()
for line in sys.stdin:
    began_s = time.monotonic()
    first, *others = line.split()
    obey(first, others)
