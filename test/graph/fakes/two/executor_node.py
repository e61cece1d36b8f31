"""The real executor node with two arms of a kind, which both do what the planner makes of the first one's path."""

from collections.abc import Sequence

from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_exec import executor_node
from dreamitate_exec.mover_node import Arm
from dreamitate_exec.plan import plan
from dreamitate_ros.stage_node import Goal, run_node


class TwoArms(executor_node.ExecutorNode):
    """Arms `one` and `two`, with the prefixes L_ and R_."""

    def arms(self) -> list[Arm]:
        """Return both arms."""
        names = (("one", "L_"), ("two", "R_"))
        return [Arm(self, self._robot, prefix, controller, self._changed) for controller, prefix in names]

    def make_plans(
        self, goal: Goal, task: Task, tools: Sequence[Tool], tracks: Sequence[ToolTrajectory], progress: Progress
    ) -> list[Plan]:
        """Return the same plan for both: as if they stood side by side, far from each other."""
        start = self._mover.positions()[0]
        return [plan(tracks[0], task, self._robot, tools[0], start, progress=progress)] * 2


if __name__ == "__main__":
    run_node(TwoArms)
