"""`dreamitate approve RUN [--refuse]`: answer a rollout that waits for approval before its arm moves."""

import argparse
import subprocess
import sys
from pathlib import Path

from dreamitate_core.errors import DreamitateError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("rollout", type=Path, metavar="RUN", help="the rollout's folder; look at its preview.png first")
    parser.add_argument("--refuse", action="store_true", help="the arm shall not move")


def run(options: argparse.Namespace) -> int:
    """Answer in the rollout's ROS domain. Raises DreamitateError where no rollout runs there."""
    from ..domain import DOMAIN
    from ..ros_environment import ros_environment
    from ..run_folder import RUNNING, read_json

    record = read_json(options.rollout / "verdict.json")
    if "domain" not in record.get("settings", {}):
        raise DreamitateError(f"{options.rollout} is not the folder of a rollout that `dreamitate rollout` started.")
    if record["ended"] != RUNNING:
        raise DreamitateError(f"The rollout {options.rollout} has ended already: {record['ended']}.")
    environment = {**ros_environment(), DOMAIN: str(record["settings"]["domain"])}
    line = [sys.executable, "-m", "dreamitate.approval_node", "refuse" if options.refuse else "approve"]
    return subprocess.run(line, env=environment, check=False).returncode
