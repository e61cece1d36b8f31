"""The planner `moveit` on a stand-in of moveit_py: its plans pass the executor's own check, its refusals are the same.

MoveIt itself cannot be installed from a package index; what is here is our half of it.
"""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dreamitate_bench.plan_paths import feasible
from dreamitate_bench.plan_refusals import infeasible
from dreamitate_core.arms import transform_base_to_table
from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan
from dreamitate_core.progress import quiet
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_exec.collision import CollisionWorld
from dreamitate_exec.free_motion import FreeSpace
from dreamitate_exec.moveit_api_node import load_api
from dreamitate_exec.moveit_plan import MoveItApi, MoveItPlanner
from dreamitate_exec.moveit_scene import boxes, held_tool
from dreamitate_exec.plan import plan
from dreamitate_exec.plan_check import PlanCheck
from dreamitate_exec.refusal import PlanRefused

TASK, TOOL = load_task("sweeping"), load_tool("brush")
ROBOTS = {name: load_robot(name) for name in ("ur5", "xarm7")}
SEED = 204_000


@pytest.fixture(scope="module")
def fake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fake_moveit_py", Path(__file__).parent / "fakes" / "moveit_py.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def planner(fake: ModuleType, name: str, **other: Any) -> tuple[Any, MoveItPlanner]:
    robot = ROBOTS[name]
    world = CollisionWorld(robot, TOOL, transform_base_to_table(TASK, robot), load_rig(TASK.rig))
    space = FreeSpace(world, np.ones(robot.dof), robot.position_lower, robot.position_upper)
    ways = {"touches": lambda joints: world.first_contact(joints[None]) is not None, "connect": space.connect}
    around = fake.World(robot, **{**ways, **other})
    api = MoveItApi(fake.RobotTrajectory, fake.PlanRequestParameters, fake.Message, fake.Message, fake.Message)
    return around, MoveItPlanner(fake.MoveItPy(around), api, ROBOTS[name], 1.0)


@pytest.mark.parametrize("name", ROBOTS)
def test_plan_passes_the_executors_check_and_is_that_of_embedded(fake: ModuleType, name: str) -> None:
    robot, asked = ROBOTS[name], feasible(SEED, TASK).track
    _, moveit = planner(fake, name)
    made = moveit.plan(asked, TASK, TOOL, quiet)
    PlanCheck(TASK, robot, TOOL).check(made)
    same = plan(asked, TASK, robot, TOOL, robot.home)
    assert made.joint_names == same.joint_names
    np.testing.assert_allclose(made.position[[0, -1]], [robot.home, robot.home], atol=1e-6)
    np.testing.assert_allclose(made.waypoint_transform_tool_to_table, same.waypoint_transform_tool_to_table, atol=1e-9)
    assert len(made.waypoint_time_s) == 12
    assert (np.diff(made.waypoint_time_s) > 0).all()
    clip_s = asked.time_s[-1] - asked.time_s[0]
    assert made.waypoint_time_s[-1] - made.waypoint_time_s[0] == pytest.approx(clip_s, rel=0.02)
    assert any("MoveIt's" in note for note in made.notes)


def reason(moveit: MoveItPlanner, track: Any, task: Any = TASK) -> PlanRefused:
    with pytest.raises(PlanRefused) as refused:
        moveit.plan(track, task, TOOL, quiet)
    return refused.value


@pytest.mark.parametrize(
    "kind", ["out of reach", "outside the workspace", "lost", "low score", "not finite", "time not increasing"]
)
def test_refusals_have_the_same_reason_and_waypoint(fake: ModuleType, kind: str) -> None:
    _, moveit = planner(fake, "ur5")
    asked = next(
        asked for found, asked in (infeasible(seed, TASK, ROBOTS["ur5"], TOOL) for seed in range(40)) if found == kind
    )
    refused = reason(moveit, asked.track, asked.task(TASK))
    assert refused.reason in asked.reasons
    if asked.first is not None and asked.last is not None:
        assert refused.waypoint is not None
        assert asked.first <= refused.waypoint <= asked.last


def test_what_moveits_scene_holds_is_in_the_way(fake: ModuleType) -> None:
    _, moveit = planner(fake, "ur5", touches=lambda joints: True)
    refused = reason(moveit, feasible(SEED, TASK).track)
    assert (refused.reason, refused.waypoint) == ("collision", 0)


def test_no_way_there(fake: ModuleType) -> None:
    _, moveit = planner(fake, "ur5", connect=lambda start, goal: None)
    assert reason(moveit, feasible(SEED, TASK).track).reason == "no_free_path"


def test_plan_starts_where_the_arm_is(fake: ModuleType) -> None:
    world, moveit = planner(fake, "ur5")
    world.position = ROBOTS["ur5"].home + np.eye(6)[0] * 0.1
    made: Plan = moveit.plan(feasible(SEED, TASK).track, TASK, TOOL, quiet)
    np.testing.assert_allclose(made.position[0], world.position, atol=1e-6)


@pytest.mark.parametrize("name", ROBOTS)
def test_scene_has_table_cameras_and_tool(name: str) -> None:
    found = {box.name: box for box in boxes(TASK, ROBOTS[name])}
    assert set(found) == {"table", "camera_1", "camera_2"}
    top = found["table"].transform_box_to_base[2, 3] + 0.5 * found["table"].size_m[2]
    assert -0.002 < top < 0.0
    held = held_tool(ROBOTS[name], TOOL)
    assert ROBOTS[name].flange_frame in held.touch_links
    assert ROBOTS[name].base_frame not in held.touch_links
    assert held.vertices[:, 2].max() > 0.15
    assert held.triangles.max() < len(held.vertices)


def test_missing_moveit_is_one_line_with_the_steps() -> None:
    if importlib.util.find_spec("moveit"):
        pytest.skip("MoveIt is here")
    with pytest.raises(DreamitateError) as error:
        load_api(ROBOTS["ur5"], "jazzy")
    said = str(error.value)
    assert "planner:=moveit needs moveit_py in ROS's own Python" in said
    assert "sudo apt install ros-jazzy-moveit-py ros-jazzy-ur-moveit-config" in said
    assert "\n" not in said
