"""The table with an arm: it follows, lags and says so, brakes within its limits, and repeats itself."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import CubicHermiteSpline

from dreamitate.motion import move as move_arms
from dreamitate_core.arms import ArmSetup, load_arms
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot, load_robot
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_exec.plan import plan_arms
from dreamitate_sim.arm import Motors, add_arm, prefix_of
from dreamitate_sim.demonstrator import Demonstration
from dreamitate_sim.follower import Follower
from dreamitate_sim.gl import mujoco
from dreamitate_sim.scene import Scene, make_scene
from dreamitate_sim.table_simulation import TableSimulation
from dreamitate_sim.world import TIMESTEP_S

Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def robot() -> Robot:
    return load_robot("ur5")


@pytest.fixture(scope="module")
def arm(scene: Scene) -> ArmSetup:
    return load_arms(scene.task)[0]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(load_task("sweeping"), 1000, "test")


def move(robot: Robot, offset: Array, duration_s: float) -> tuple[Array, Array, Array]:
    """A smooth trajectory away from home: times (N,), positions and velocities (N, dof)."""
    time = np.linspace(0.0, duration_s, 60)
    u = (time / duration_s)[:, None]
    progress, speed = 3 * u**2 - 2 * u**3, (6 * u - 6 * u**2) / duration_s
    return time, robot.home + progress * offset, speed * offset


def run(simulation: TableSimulation, limit_s: float = 10.0) -> None:
    while simulation.arms[0].following.state == "running" and simulation.time_s < limit_s:
        simulation.step(0.02)


@pytest.mark.parametrize(
    ("success", "said"), [({}, "needs the number radius_m; it is missing"), ({"radius_m": "near"}, "it is 'near'")]
)
def test_what_cannot_be_judged_is_told_before_an_arm_moves(
    scene: Scene, arm: ArmSetup, success: dict[str, object], said: str
) -> None:
    task = replace(scene.task, settings={**scene.task.settings, "success": success})
    with pytest.raises(DreamitateError, match=said):
        TableSimulation(replace(scene, task=task), [arm])


def test_it_stands_still_until_told(scene: Scene, robot: Robot, arm: ArmSetup) -> None:
    simulation = TableSimulation(scene, [arm])
    simulation.step(0.5)
    assert simulation.arms[0].following.state == "idle"
    np.testing.assert_allclose(simulation.arms[0].position, robot.home, atol=1e-4)
    assert simulation.judge().figures["obstacles_touched"] == 0
    assert not simulation.judge().success


@pytest.mark.parametrize("task", ["sweeping", "scooping"])
def test_every_joint_holds_against_a_push(task: str) -> None:
    """A quarter of what the weakest joint can give turns none by more than 2 degrees: gears do not give way."""
    (arm,) = load_arms(load_task(task))
    spec = mujoco.MjSpec()
    add_arm(spec, arm)
    model = spec.compile()
    model.opt.timestep = TIMESTEP_S
    data = mujoco.MjData(model)
    motors = Motors(model, data, arm.robot, prefix_of(arm))
    still = np.zeros(arm.robot.dof)
    for joint in range(arm.robot.dof):
        mujoco.mj_resetData(model, data)
        motors.place(arm.robot.home)
        mujoco.mj_forward(model, data)
        part, axis = model.jnt_bodyid[joint], data.xaxis[joint].copy()
        for _ in range(int(0.5 / TIMESTEP_S)):
            mujoco.mj_step1(model, data)
            motors.drive(arm.robot.home, still, still)
            data.xfrc_applied[part, 3:] = 5.0 * axis
            mujoco.mj_step2(model, data)
        turned = np.abs(motors.position - arm.robot.home)
        assert 1e-4 < turned[joint] < np.radians(2.0), (joint, turned)


def test_it_follows_to_the_goal_and_does_so_again(scene: Scene, robot: Robot, arm: ArmSetup) -> None:
    offset = np.array([-0.4, 0.3, -0.3, 0.2, 0.4, 1.0])
    ends = []
    for _ in range(2):
        simulation = TableSimulation(scene, [arm])
        simulation.arms[0].start(*move(robot, offset, 2.0))
        worst = 0.0
        while simulation.arms[0].following.state == "running":
            simulation.step(0.02)
            worst = max(worst, float(np.abs(simulation.arms[0].following.error).max()))
        assert simulation.arms[0].following.state == "done"
        assert worst < 0.005
        np.testing.assert_allclose(simulation.arms[0].position, robot.home + offset, atol=0.01)
        ends.append((simulation.arms[0].position, simulation.judge().figures))
    np.testing.assert_array_equal(ends[0][0], ends[1][0])
    assert ends[0][1] == ends[1][1]


def test_too_fast_a_path_is_aborted_with_its_reason(scene: Scene, robot: Robot, arm: ArmSetup) -> None:
    simulation = TableSimulation(scene, [arm])
    simulation.arms[0].start(*move(robot, np.array([0.0, 0.0, 0.0, 0.0, 0.0, 3.0]), 0.4))
    run(simulation)
    assert simulation.arms[0].following.state == "aborted"
    assert "wrist_3_joint" in simulation.arms[0].following.reason
    assert "at most 0.2" in simulation.arms[0].following.reason
    assert np.abs(simulation.arms[0].velocity).max() <= robot.velocity_limit.max() * 1.05


def test_a_torque_beyond_the_motors_makes_it_lag(scene: Scene, robot: Robot) -> None:
    """A tool that the wrist cannot hold up: the arm does not reach its goal, and says so."""
    heavy = load_arms(scene.task)[0]
    heavy.tool.settings["mass_kg"] = 60.0
    simulation = TableSimulation(scene, [heavy])
    simulation.arms[0].start(*move(robot, np.array([-0.8, 0.5, -0.5, 0.0, 0.0, 0.0]), 1.0))
    run(simulation)
    assert simulation.arms[0].following.state == "aborted"


def test_stop_brakes_within_the_limits(scene: Scene, robot: Robot, arm: ArmSetup) -> None:
    simulation = TableSimulation(scene, [arm])
    simulation.arms[0].start(*move(robot, np.array([-0.6, 0.4, -0.4, 0.4, 0.4, 1.2]), 1.2))
    simulation.step(0.6)
    simulation.arms[0].stop()
    assert simulation.arms[0].following.state == "aborted"
    before, peak = simulation.arms[0].velocity, np.abs(simulation.arms[0].velocity).max()
    assert peak > 0.5
    for _ in range(400):
        simulation.step(0.004)
        change = np.abs(simulation.arms[0].velocity - before) / 0.004
        assert (change < 1.5 * robot.acceleration_limit).all()
        before = simulation.arms[0].velocity
        if np.abs(before).max() < 0.01:
            break
    assert np.abs(before).max() < 0.01
    assert simulation.time_s < 0.6 + 1.5 * peak / robot.acceleration_limit.min() + 0.1


def test_parked_arm_is_out_of_the_pictures(scene: Scene, robot: Robot, arm: ArmSetup) -> None:
    simulation = TableSimulation(scene, [arm])
    parked = [simulation.render(index, 192, 112) for index in (1, 2)]
    snapshot = simulation.snapshot()
    simulation.arms[0].start(*move(robot, np.array([-1.6, 0.0, 0.0, 0.0, 0.0, 0.0]), 2.0))
    run(simulation)
    for index in (1, 2):
        assert (simulation.render(index, 192, 112).astype(int) - parked[index - 1]).max() > 60
        np.testing.assert_array_equal(simulation.render(index, 192, 112, snapshot), parked[index - 1])
    assert max(picture.max(axis=-1).mean() for picture in parked) < 60


def test_wrong_trajectories_are_refused(robot: Robot) -> None:
    follower = Follower(robot, robot.home)
    time, position, velocity = move(robot, np.ones(6), 1.0)
    with pytest.raises(DreamitateError, match="at least 2 points of 6 joints"):
        follower.start(0.0, time, position[:, :5], velocity)
    with pytest.raises(DreamitateError, match="must increase"):
        follower.start(0.0, time[::-1], position, velocity)
    position[3, 2] = np.nan
    with pytest.raises(DreamitateError, match="finite"):
        follower.start(0.0, time, position, velocity)


@settings(deadline=None, max_examples=40)
@given(offset=st.lists(st.floats(-3.0, 3.0), min_size=6, max_size=6), duration_s=st.floats(0.05, 2.0), stop=st.floats())
def test_setpoints_never_exceed_the_velocity_limits(offset: list[float], duration_s: float, stop: float) -> None:
    robot = load_robot("ur5")
    follower = Follower(robot, robot.home)
    follower.start(0.0, *move(robot, np.array(offset), duration_s))
    before = robot.home
    for index in range(200):
        if index * 0.004 > abs(stop):
            follower.stop()
        setpoint = follower.update(index * 0.004, 0.004, before, np.zeros(6))
        assert (np.abs(setpoint.position - before) <= robot.velocity_limit * 0.004 * (1 + 1e-9)).all()
        before = setpoint.position


def test_two_arms_begin_together_and_turn_the_object() -> None:
    """The demonstrator's true path, planned for both arms and carried out by them, does the task."""
    task = load_task("rotation")
    scene, arms = make_scene(task, 1003, "test"), load_arms(task)
    person = Demonstration(scene)
    truth = next(person.successes()).truth
    covariance, time_s = np.tile(1e-6 * np.eye(6), (12, 1, 1)), np.arange(1, 13) / task.fps
    tracks = [
        ToolTrajectory(tool.name, "table", time_s, poses, covariance, np.ones(12), np.full(12, 2))
        for tool, poses in zip(person.tools, truth, strict=True)
    ]
    plans = plan_arms(tracks, task, arms, [each.robot.home for each in arms])
    simulation = TableSimulation(scene, arms)
    assert not simulation.judge().success
    moved = move_arms(simulation, plans, filmed=False)
    assert not moved.problem
    verdict = simulation.judge()
    assert verdict.success, verdict.text
    for each, plan in zip(moved.motions, plans, strict=True):
        position = CubicHermiteSpline(plan.time_s, plan.position, plan.velocity)
        inside = each.time_s < plan.duration_s
        assert np.abs(each.position[inside] - position(each.time_s[inside])).max() < 0.06


def test_a_trajectory_that_begins_later_waits_and_one_that_came_late_catches_up(
    scene: Scene, robot: Robot, arm: ArmSetup
) -> None:
    offset, ends = np.array([0.1, 0.1, -0.1, 0.1, 0.1, 0.1]), []
    for delay_s in (0.3, -0.3):
        simulation = TableSimulation(scene, [arm])
        simulation.arms[0].start(*move(robot, offset, 1.0), delay_s)
        simulation.step(0.25)
        ends.append(float(np.abs(simulation.arms[0].position - robot.home).max()))
        run(simulation)
        assert simulation.arms[0].following.state == "done"
        assert simulation.time_s == pytest.approx(1.0 + delay_s, abs=0.15)
    assert ends[0] < 1e-3
    assert ends[1] > 0.03
