"""A stand-in for moveit_py: its classes, methods and arguments by their own names, on this repository's kinematics.

The names are those of moveit_py's bindings in MoveIt's jazzy branch (moveit_py/src/moveit); some are left out.
Like them, it takes and gives ROS messages, names links and groups, and leaves updating a state to who changes it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.robot import Robot
from dreamitate_exec.chain import Chain

Array = NDArray[np.float64]

STEPS = 60


def minimum_jerk(path: CubicSpline, robot: Robot, share: float, step_s: float) -> tuple[Array, list[Array]]:
    """Return times and positions, velocities, accelerations (N, dof) along a path from rest to rest, within limits."""

    def along(u: Array, duration_s: float) -> list[Array]:
        s = path.x[-1] * u**3 * (10 - 15 * u + 6 * u**2)
        rate = path.x[-1] * 30 * u**2 * (1 - u) ** 2 / duration_s
        change = path.x[-1] * 60 * u * (1 - u) * (1 - 2 * u) / duration_s**2
        first, second = path(s, 1), path(s, 2)
        return [path(s), first * rate[:, None], second * rate[:, None] ** 2 + first * change[:, None]]

    _, speed, push = along(np.linspace(0.0, 1.0, 2001), 1.0)
    most = np.abs(speed / robot.velocity_limit).max(), np.sqrt(np.abs(push / robot.acceleration_limit).max())
    duration_s = float(max(most)) / share
    time_s = np.linspace(0.0, duration_s, int(np.ceil(duration_s / step_s)) + 1)
    return time_s, along(time_s / duration_s, duration_s)


class Message(SimpleNamespace):
    """A ROS message whose fields come to be as they are named."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value: Any = [] if name.endswith(("points", "names", "positions", "velocities", "accelerations")) else Message()
        setattr(self, name, value)
        return value


class World:
    """What all stand-ins of one MoveIt know: the arm, where it is, and what it must not do."""

    def __init__(
        self, robot: Robot, touches: Callable[[Array], bool], connect: Callable[[Array, Array], Array | None]
    ) -> None:
        self.robot, self.chain, self.touches, self.connect = robot, Chain(robot), touches, connect
        self.position = robot.home.copy()
        self.group, self.tip = robot.settings["moveit"]["group"], robot.settings["moveit"]["tip"]
        self.extra = {"gripper_joint": 0.0}


class RobotState:
    """moveit.core.robot_state.RobotState."""

    def __init__(self, robot_model: World) -> None:
        self._world, self._joints, self._updated = robot_model, robot_model.position.copy(), True

    def __deepcopy__(self, memo: dict[int, Any]) -> "RobotState":
        twin = RobotState(self._world)
        twin._joints, twin._updated = self._joints.copy(), self._updated
        return twin

    @property
    def joint_positions(self) -> dict[str, float]:
        """All variables by name, in no order of ours, those of other joints too."""
        return {
            **self._world.extra,
            **dict(zip(reversed(self._world.robot.joint_names), self._joints[::-1], strict=True)),
        }

    @joint_positions.setter
    def joint_positions(self, values: dict[str, float]) -> None:
        assert set(values) <= {*self._world.extra, *self._world.robot.joint_names}
        self._joints = np.array([values[name] for name in self._world.robot.joint_names])
        self._updated = False

    def set_from_ik(self, joint_model_group_name: str, geometry_pose: Any, tip_name: str, timeout: float = 0.0) -> bool:
        """Go from where the joints are by damped least squares, as MoveIt's default solver does."""
        assert (joint_model_group_name, tip_name) == (self._world.group, self._world.tip)
        assert timeout > 0.0
        pose, turn = geometry_pose.position, geometry_pose.orientation
        rotation = se3.from_quaternion_xyzw(np.array([turn.x, turn.y, turn.z, turn.w]))
        target, joints = se3.make_transform(rotation, np.array([pose.x, pose.y, pose.z])), self._joints.copy()
        for _ in range(STEPS):
            now = self._world.chain.flange(joints)
            turned = Rotation.from_matrix(target[:3, :3] @ now[:3, :3].T).as_rotvec()
            error = np.concatenate([target[:3, 3] - now[:3, 3], turned])
            if np.abs(error).max() < 1e-7:
                break
            J = self._world.chain.jacobian(joints, np.eye(4))
            step = J.T @ np.linalg.solve(J @ J.T + 1e-6 * np.eye(6), error)
            joints = joints + step / max(1.0, float(np.abs(step).max()) / 0.3)
        else:
            return False
        robot = self._world.robot
        if (joints < robot.position_lower).any() or (joints > robot.position_upper).any():
            return False
        self._joints, self._updated = joints, False
        return True

    def update(self, force: bool = False, type: str = "all") -> None:
        """Work out where the links are."""
        self._updated = True

    def get_global_link_transform(self, link_name: str) -> Array:
        """Return (4, 4) in the model's frame, which is the arm's base here. A state has to be updated before."""
        assert self._updated, "the state was changed and not updated"
        if link_name == self._world.robot.base_frame:
            return np.eye(4)
        assert link_name == self._world.tip, link_name
        return np.asarray(self._world.chain.flange(self._joints), float)


class PlanningScene:
    """moveit.core.planning_scene.PlanningScene."""

    def __init__(self, world: World) -> None:
        self._world, self.current_state = world, RobotState(world)

    def is_state_colliding(self, robot_state: RobotState, joint_model_group_name: str, verbose: bool = False) -> bool:
        """Ask the world."""
        assert joint_model_group_name == self._world.group
        assert robot_state._updated, "the state was changed and not updated"
        return bool(self._world.touches(robot_state._joints))


class PlanningSceneMonitor:
    """moveit.planning.PlanningSceneMonitor."""

    def __init__(self, world: World) -> None:
        self._world = world

    @contextmanager
    def read_only(self) -> Iterator[PlanningScene]:
        """Lock the scene."""
        yield PlanningScene(self._world)


class RobotTrajectory:
    """moveit.core.robot_trajectory.RobotTrajectory."""

    def __init__(self, robot_model: World) -> None:
        self._world, self.joint_model_group_name = robot_model, ""
        self._message = Message()

    def set_robot_trajectory_msg(self, robot_state: RobotState, msg: Any) -> "RobotTrajectory":
        """Take over a message."""
        assert self.joint_model_group_name == self._world.group
        self._message = msg
        return self

    def get_robot_trajectory_msg(self, joint_filter: list[str] | None = None) -> Any:
        """Return the message."""
        return self._message

    def apply_totg_time_parameterization(
        self,
        velocity_scaling_factor: float,
        acceleration_scaling_factor: float,
        *,
        path_tolerance: float = 0.1,
        resample_dt: float = 0.1,
        min_angle_change: float = 0.001,
    ) -> bool:
        """Time the path from rest to rest; the joints come in another order than they were given."""
        assert path_tolerance <= 0.001, "would leave the path"
        assert 0.0 < velocity_scaling_factor <= 1.0
        joints = np.array([list(point.positions) for point in self._message.joint_trajectory.points])
        way = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(joints, axis=0), axis=1)))
        time_s, tables = minimum_jerk(CubicSpline(way, joints), self._world.robot, velocity_scaling_factor, resample_dt)
        names = list(self._message.joint_trajectory.joint_names)
        self._message = Message()
        self._message.joint_trajectory.joint_names = names[::-1]
        for row in zip(time_s, *tables, strict=True):
            point = Message(positions=row[1][::-1], velocities=row[2][::-1], accelerations=row[3][::-1])
            point.time_from_start.sec, point.time_from_start.nanosec = divmod(round(row[0] * 1e9), 10**9)
            self._message.joint_trajectory.points.append(point)
        return True


class PlanRequestParameters:
    """moveit.planning.PlanRequestParameters."""

    def __init__(self, moveit_cpp: "MoveItPy", ns: str) -> None:
        self.planner_id, self.planning_pipeline = "", ""
        self.planning_attempts, self.planning_time = 1, 1.0
        self.max_velocity_scaling_factor = self.max_acceleration_scaling_factor = 1.0


class MotionPlanResponse:
    """moveit.core.planning_interface.MotionPlanResponse."""

    def __init__(self, trajectory: RobotTrajectory | None) -> None:
        self.trajectory = trajectory

    def __bool__(self) -> bool:
        return self.trajectory is not None


class PlanningComponent:
    """moveit.planning.PlanningComponent."""

    def __init__(self, joint_model_group_name: str, moveit_py_instance: "MoveItPy") -> None:
        assert joint_model_group_name == moveit_py_instance.world.group
        self._world = moveit_py_instance.world
        self._start: RobotState | None = None
        self._goal: RobotState | None = None

    def set_start_state(self, configuration_name: str | None = None, robot_state: RobotState | None = None) -> bool:
        """Only by a state."""
        self._start = robot_state
        return True

    def set_goal_state(
        self,
        configuration_name: str | None = None,
        robot_state: RobotState | None = None,
        pose_stamped_msg: Any = None,
        pose_link: str | None = None,
        motion_plan_constraints: Any = None,
    ) -> bool:
        """Only by a state."""
        self._goal = robot_state
        return True

    def plan(
        self,
        single_plan_parameters: PlanRequestParameters | None = None,
        multi_plan_parameters: Any = None,
        planning_scene: PlanningScene | None = None,
        solution_selection_function: Any = None,
        stopping_criterion_callback: Any = None,
    ) -> MotionPlanResponse:
        """Go as the world lets it."""
        assert single_plan_parameters is not None
        assert single_plan_parameters.planning_pipeline == "ompl"
        assert self._start is not None
        assert self._goal is not None
        way = self._world.connect(self._start._joints, self._goal._joints)
        if way is None:
            return MotionPlanResponse(None)
        trajectory = RobotTrajectory(self._world)
        trajectory.joint_model_group_name = self._world.group
        message = Message()
        message.joint_trajectory.joint_names = list(self._world.robot.joint_names)
        at = np.linspace(0.0, len(way) - 1.0, 20 * (len(way) - 1) + 1)
        for position in np.stack([np.interp(at, np.arange(len(way)), column) for column in way.T], axis=1):
            message.joint_trajectory.points.append(Message(positions=position))
        trajectory.set_robot_trajectory_msg(self._start, message)
        for number, point in enumerate(trajectory.get_robot_trajectory_msg().joint_trajectory.points):
            point.time_from_start.sec, point.time_from_start.nanosec = number, 0
        return MotionPlanResponse(trajectory)


class MoveItPy:
    """moveit.planning.MoveItPy."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get_planning_component(self, planning_component_name: str) -> PlanningComponent:
        """Return what plans for a group."""
        return PlanningComponent(planning_component_name, self)

    def get_planning_scene_monitor(self) -> PlanningSceneMonitor:
        """Return the scene's keeper."""
        return PlanningSceneMonitor(self.world)

    def get_robot_model(self) -> World:
        """Return what states and trajectories are made for."""
        return self.world
