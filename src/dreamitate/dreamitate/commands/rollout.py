"""`dreamitate rollout task:=T [name:=value ...]`."""

import argparse
from pathlib import Path

from dreamitate_core.errors import DreamitateError

READY_LIMIT_S = 180.0
"""How long all nodes together may take to be ready."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: those of the launch file, in its form."""
    from ..graph import arguments

    lines = []
    for argument in arguments():
        choices = f" [{', '.join(argument.choices)}]" if argument.choices else ""
        lines.append(f"  {argument.name + ':=' + argument.default:24} {argument.description}{choices}")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "arguments and their defaults:\n" + "\n".join(lines)
    parser.add_argument("values", nargs="*", metavar="name:=value", help="see below")


def run(options: argparse.Namespace) -> int:
    """Check everything, start the graph, wait for its end, and say what happened and where to look."""
    from ..graph import check_arguments, rollout_nodes
    from ..preflight import check_rollout

    values = check_arguments(parse(options.values))
    rollout_nodes(values)
    check_rollout(values)

    from ..domain import DOMAIN, held_domain
    from ..ros_environment import ros_environment
    from ..run_folder import RunFolder
    from ..supervise import Supervisor

    environment = ros_environment()
    with held_domain(environment) as domain:
        environment[DOMAIN] = str(domain)
        if values["start"] == "false":
            logs = Path(values["runs"]) / "log"
            supervisor = Supervisor(rollout_nodes(values), environment, logs, "coordinator", _say)
            return supervisor.run(READY_LIMIT_S, values["log_level"])
        folder = RunFolder.create(Path(values["runs"]), _settings(values, domain))
        nodes = rollout_nodes(values, folder.path)
        _say(f"{len(nodes)} processes in ROS domain {domain}; logs in {folder.path / 'log'}")
        supervisor = Supervisor(nodes, environment, folder.path / "log", "coordinator", _say)
        code = supervisor.run(READY_LIMIT_S, values["log_level"])

    from .. import ending  # slow to import; the nodes have begun meanwhile, and ended

    ending.close_what_was_cut_off(folder, supervisor.reason, interrupted=code == 130)
    try:
        if values["hardware"] == "sim":
            ending.add_afterthoughts(folder)
    except DreamitateError as error:
        _say(f"not measured afterwards: {error}")
    print(ending.last_lines(folder.path))
    return code


def parse(texts: list[str]) -> dict[str, str]:
    """Return the values of texts like `task:=sweeping`. Raises DreamitateError for another form."""
    values = {}
    for text in texts:
        name, separator, value = text.partition(":=")
        if not separator or not name:
            raise DreamitateError(f"{text!r} is not of the form name:=value, as in task:=sweeping.")
        values[name] = value
    return values


def _settings(values: dict[str, str], domain: int) -> dict[str, object]:
    """Return what the folder keeps: all arguments with nothing left open, and the hash of the weights."""
    from dreamitate_core.paths import models_dir
    from dreamitate_core.task import load_task

    from ..graph import TASK_ROBOT
    from ..provenance import weights_hash

    robot = load_task(values["task"]).robot if values["robot"] == TASK_ROBOT else values["robot"]
    settings: dict[str, object] = {**values, "seed": int(values["seed"]), "robot": robot, "domain": domain}
    if values["generator"] == "svd":
        settings["weights"] = weights_hash(Path(values["model"]) if values["model"] else models_dir() / values["task"])
    return settings


def _say(text: str) -> None:
    print(f"rollout: {text}", flush=True)
