"""Supervise fake nodes as the command does: python -m plain.run_supervisor FOLDER NAME=BEHAVIOUR ..."""

import os
import sys
from pathlib import Path

from dreamitate import supervise
from dreamitate.graph import NodeStart
from dreamitate_ros.interface import Value

supervise.KILL_AFTER_S, supervise.ARM_STOPS_WITHIN_S = 3.0, 1.0

folder = Path(sys.argv[1])
nodes = []
for text in sys.argv[2:]:
    name, behaviour = text.split("=")
    settings: dict[str, Value] = {"name": name, "behaviour": behaviour, "diary": str(folder / "diary")}
    nodes.append(NodeStart(name, "plain", "fake_node", settings))
supervisor = supervise.Supervisor(
    nodes, dict(os.environ), folder / "log", nodes[0].name, lambda text: print(text, flush=True)
)
code = supervisor.run(ready_limit_s=4.0)
print(f"reason: {supervisor.reason}", flush=True)
sys.exit(code)
