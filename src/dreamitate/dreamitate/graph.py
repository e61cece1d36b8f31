"""Which nodes, parameters and remappings make up a rollout, said once; the command and the launch file both read it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dreamitate_core.arms import load_arms
from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.paths import config_dir
from dreamitate_core.robot import Robot, load_robot, robot_names
from dreamitate_core.task import load_task, rollout_task_names
from dreamitate_core.tool import Tool, load_tool
from dreamitate_data.interface import RECORDER
from dreamitate_exec.interface import INTERFACE as EXECUTOR
from dreamitate_exec.interface import MOVEIT, PLANNERS
from dreamitate_gen.interface import GENERATORS
from dreamitate_gen.interface import INTERFACE as GENERATOR
from dreamitate_ros.interface import NodeInterface, Value
from dreamitate_sim.interface import INTERFACE as SIM
from dreamitate_track.interface import INTERFACE as TRACKER
from dreamitate_track.interface import TRACKERS

from .hardware import arm_launch, camera_launch, check_packages, root_frame
from .hardware import controller as hardware_controller
from .interfaces import COORDINATOR, FRAMES

TASK_ROBOT = "task"
"""The value of `robot` that stands for the robot that the task names."""
LARGEST_SEED = 2**31 - 1
SIMULATED_JOINT_STATE_AGE_S = 2.0
"""A simulator on a busy machine stutters, and its arm with it; a real arm's states must be fresher."""
_YES_NO = ("true", "false")


@dataclass(frozen=True)
class Argument:
    """An argument of `dreamitate rollout` and of `rollout.launch.py`; no choices: any text."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodeStart:
    """One process of the graph, or a driver's launch file. `arguments` go to what is no node of ours, such as RViz.

    launch_arguments: of an `executable` that is a launch file. own_python: the node is started by its installed
    program, with the Python that it was installed for, where there is one.
    """

    name: str
    package: str
    executable: str
    parameters: dict[str, Value] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    arguments: tuple[str, ...] = ()
    ours: bool = True
    launch_arguments: dict[str, str] = field(default_factory=dict)
    own_python: bool = False

    @property
    def is_launch_file(self) -> bool:
        """Whether this stands for all that a driver's launch file starts."""
        return self.executable.endswith("launch.py")


def arguments() -> tuple[Argument, ...]:
    """Return all arguments of a rollout, with what the configuration offers as choices."""
    return (
        Argument("task", "sweeping", "What is to be done.", tuple(rollout_task_names())),
        Argument("seed", "1", f"Of the scene and of everything random: 0..{LARGEST_SEED}."),
        Argument("robot", TASK_ROBOT, f"The arm; '{TASK_ROBOT}' is the task's own.", (TASK_ROBOT, *robot_names())),
        Argument(
            "hardware", "sim", "Simulated, the drivers' mock arms, or real cameras and arm.", ("sim", "mock", "real")
        ),
        Argument("generator", "svd", "Who dreams: the video model, or a demonstration shown again.", GENERATORS),
        Argument("tracker", "region", "Who finds the tool in the dream.", TRACKERS),
        Argument("planner", "embedded", "Who plans the arm's motion.", PLANNERS),
        Argument("robot_ip", "", "Address of the real arm."),
        Argument("camera_1_serial", "", "Serial number of the real camera 1."),
        Argument("camera_2_serial", "", "Serial number of the real camera 2."),
        Argument("model", "", "Folder of a trained model; empty: the task's own under models/."),
        Argument("replay", "", "Clip folder for generator:=replay; empty: the simulator demonstrates the scene."),
        Argument("runs", "runs", "Where the rollout's folder is made."),
        Argument("start", "true", "true: roll out once and end; false: wait for goals on the action.", _YES_NO),
        Argument("record", "true", "Write a bag of the run.", _YES_NO),
        Argument("approve", "false", "Wait for a person's approval before the arm moves.", _YES_NO),
        Argument("rviz", "false", "Show the run in RViz.", _YES_NO),
        Argument("log_level", "info", "How much the nodes log.", ("debug", "info", "warn", "error")),
    )


def check_arguments(given: Mapping[str, str]) -> dict[str, str]:
    """Return all arguments with their defaults filled in.

    Raises DreamitateError that names an argument or a value that does not exist, and the known ones.
    """
    known = {argument.name: argument for argument in arguments()}
    for name in given:
        if name not in known:
            raise unknown("argument", name, known)
    values = {name: given.get(name, argument.default) for name, argument in known.items()}
    for name, argument in known.items():
        if argument.choices and values[name] not in argument.choices:
            raise unknown(name, values[name], argument.choices)
    seed = values["seed"]
    if not (seed.isascii() and seed.isdigit() and int(seed) <= LARGEST_SEED):
        raise DreamitateError(f"The seed must be a whole number from 0 to {LARGEST_SEED}; it is {seed!r}.")
    return values


def rollout_nodes(given: Mapping[str, str], folder: Path | None = None) -> list[NodeStart]:
    """Return the processes of a rollout, in the order in which they are stopped: who commands the arm goes first.

    folder: the folder of the one rollout that starts at once; None: the coordinator makes one.
    Raises DreamitateError for what is unknown or not there yet.
    """
    values = check_arguments(given)
    task = load_task(values["task"])
    robot = load_robot(task.robot if values["robot"] == TASK_ROBOT else values["robot"])
    hardware, tool, arms = values["hardware"], task.tools[0], load_arms(task, robot.name)
    if len(arms) > 1 and (hardware != "sim" or values["planner"] != "embedded"):
        raise DreamitateError(
            f"Task {task.name!r} moves {len(arms)} arms: they are rolled out with hardware:=sim and planner:=embedded;"
            f" asked for are {hardware} and {values['planner']}."
        )
    check_packages(robot, hardware, values["planner"])
    controller = hardware_controller(robot, hardware)
    seed, replay = int(values["seed"]), values["replay"]
    demonstration = ""
    if values["generator"] == "replay" and not replay:
        if hardware == "real":
            raise DreamitateError(
                "hardware:=real has no simulator to demonstrate: generator:=replay needs replay:=CLIP."
            )
        replay = demonstration = str((folder or Path(values["runs"])).resolve() / "demonstration")
    coordinator: dict[str, Value] = {
        "task": task.name,
        "seed": seed,
        "start": values["start"] == "true",
        "record": values["record"] == "true",
        "runs": str(Path(values["runs"]).resolve()),
        "folder": str(folder.resolve()) if folder else "",
        "generator": values["generator"],
        "robot": robot.name,
        "controller": controller,
        "simulated": hardware == "sim",
    }
    generator: dict[str, Value] = {
        "task": task.name,
        "generator": values["generator"],
        "model": values["model"],
        "replay": replay,
    }
    executor: dict[str, Value] = {
        "robot": robot.name,
        "planner": values["planner"],
        "controller": controller,
        "task": task.name if len(arms) > 1 else "",
        "approve": values["approve"] == "true",
    }
    if hardware == "sim":
        executor["max_joint_state_age_s"] = SIMULATED_JOINT_STATE_AGE_S
    elif "payload" in robot.settings["driver"][hardware]:
        executor["payload_of"] = tool
    sim: dict[str, Value] = {
        "task": task.name,
        "robot": robot.name,
        "controller": controller,
        "seed": seed,
        "demonstration": demonstration,
        "arm": hardware == "sim",
    }
    nodes = [_start(COORDINATOR, coordinator), _start(EXECUTOR, executor)]
    if values["planner"] == "moveit":
        nodes.append(replace(_start(MOVEIT, {"robot": robot.name}), own_python=True))
    nodes += [_start(TRACKER, {"tracker": values["tracker"]}), _start(GENERATOR, generator)]
    if hardware != "real":
        nodes.append(_start(SIM, sim))
    if values["record"] == "true":
        recorder: dict[str, Value] = {"out": coordinator["runs"], "task": task.name, "compression": "zstd"}
        nodes.append(_start(RECORDER, recorder))
    if hardware != "sim":
        nodes.append(_start(FRAMES, {"task": task.name, "robot": robot.name, "root": root_frame(robot, hardware)}))
        nodes += _drivers(robot, load_tool(tool), values)
    return [*nodes, _rviz()] if values["rviz"] == "true" else nodes


def _drivers(robot: Robot, tool: Tool, values: Mapping[str, str]) -> list[NodeStart]:
    """Return the launch files of the arm's driver and, where they are real, the cameras'."""
    launches = {"arm": arm_launch(robot, tool, values["hardware"], values["robot_ip"])}
    if values["hardware"] == "real":
        for number in (1, 2):
            launches[f"camera_{number}"] = camera_launch(number, values[f"camera_{number}_serial"])
    return [
        NodeStart(name, package, file, ours=False, launch_arguments=given)
        for name, (package, file, given) in launches.items()
    ]


def find_program(package: str, executable: str) -> Path | None:
    """Return the program of a ROS package that is installed, None where it is not."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        program = Path(prefix) / "lib" / package / executable
        if prefix and program.is_file():
            return program
    return None


def _start(interface: NodeInterface, parameters: dict[str, Value]) -> NodeStart:
    names = {parameter.name for parameter in interface.parameters}
    if not names >= set(parameters):
        raise KeyError(f"{interface.name} has no parameter {sorted(set(parameters) - names)}")
    return NodeStart(interface.name, interface.package, interface.executable, parameters)


def _rviz() -> NodeStart:
    if find_program("rviz2", "rviz2") is None:
        raise DreamitateError(
            "rviz:=true needs RViz, and there is no rviz2 here. Source a ROS 2 that has it, or leave it out."
        )
    arguments = ("-d", str(config_dir() / "rviz" / "rollout.rviz"))
    return NodeStart("rviz", "rviz2", "rviz2", arguments=arguments, ours=False)
