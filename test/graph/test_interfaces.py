"""What the running nodes really offer is what `dreamitate.interfaces` says, and the README's table says it all."""

from pathlib import Path
from typing import Any

from dreamitate.interfaces import EVERYWHERE, IN_SIMULATION, NODES, table
from dreamitate_ros.interface import NodeInterface

README = Path(__file__).parents[2] / "README.md"
CONTROLLER = "joint_trajectory_controller"
ATTEMPTS = 10
"""A node's services may be discovered a little later than its topics."""


def test_the_readme_has_every_line_of_the_table() -> None:
    readme = README.read_text()
    missing = [line for line in table().splitlines() if line and line not in readme]
    assert not missing, "run `python -m dreamitate.interfaces` and put its output into README.md:\n" + "\n".join(
        missing
    )


def test_the_table_names_everything() -> None:
    text = table()
    for node in NODES:
        named = [*node.parameters, *node.publishes, *node.subscribes, *node.services, *node.actions, *node.calls]
        for thing in (node, *named):
            assert f"`{thing.name}`" in text, thing.name


def test_the_running_graph_offers_exactly_what_the_table_says(standing_graph: Any) -> None:
    while len(standing_graph.events("diagnosed")) < len(IN_SIMULATION):
        standing_graph.wait_for("diagnosed")
    expected = {node.name: _offers(node) for node in IN_SIMULATION}
    for _ in range(ATTEMPTS):
        standing_graph.command("graph")
        found = standing_graph.wait_for("graph")["nodes"]
        if found == expected:
            break
    for name, offers in expected.items():
        assert found[name] == offers, name


def _offers(node: NodeInterface) -> dict[str, Any]:
    return {
        "publishes": sorted(_topics(node, [*node.publishes, EVERYWHERE])),
        "subscribes": sorted(_topics(node, node.subscribes)),
        "services": sorted([_full(node, service.name), service.type] for service in node.services),
        "actions": sorted([_full(node, action.name), action.type] for action in node.actions),
        "parameters": sorted(parameter.name for parameter in node.parameters),
    }


def _topics(node: NodeInterface, topics: Any) -> list[list[str]]:
    return [[_full(node, name), topic.type] for topic in topics for name in topic.names()]


def _full(node: NodeInterface, name: str) -> str:
    name = name.replace("<controller>", CONTROLLER)
    return name if name.startswith("/") else f"/{node.name}{name[1:]}" if name.startswith("~") else f"/{name}"
