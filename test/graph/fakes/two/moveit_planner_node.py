"""The real MoveIt planner node around the stand-in of moveit_py."""

import importlib.util
from pathlib import Path
from typing import Any

from dreamitate_core.robot import Robot
from dreamitate_exec import moveit_planner_node
from dreamitate_exec.moveit_plan import MoveItApi

FILE = Path(__file__).parents[3] / "exec" / "fakes" / "moveit_py.py"
spec = importlib.util.spec_from_file_location("fake_moveit_py", FILE)
assert spec
assert spec.loader
fake = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fake)


def start_moveit(robot: Robot) -> Any:
    """Return a MoveIt in whose world nothing is in the way."""
    return fake.MoveItPy(fake.World(robot, lambda joints: False, lambda start, goal: fake.np.stack([start, goal])))


if __name__ == "__main__":
    moveit_planner_node.load_api = lambda robot, distribution: MoveItApi(
        fake.RobotTrajectory, fake.PlanRequestParameters, fake.Message, fake.Message, fake.Message
    )
    moveit_planner_node.start_moveit = start_moveit
    moveit_planner_node.tell_scene = lambda moveit, task, robot, tool: None
    moveit_planner_node.main()
