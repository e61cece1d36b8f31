"""Algorithms are plain Python: loading them loads no rclpy and no message package; only nodes do."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
ROS = ("rclpy", "dreamitate_msgs", "sensor_msgs", "geometry_msgs", "control_msgs", "tf2_msgs", "std_msgs", "launch")
FILES = sorted(
    file
    for setup in SRC.glob("*/setup.py")
    for file in (setup.parent / setup.parent.name).rglob("*.py")
    if not file.stem.endswith("_node") and "worker" not in file.parts  # workers run in an environment of the user's
)


def loaded(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield the modules that are imported when these statements run: functions' own imports are not."""
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            yield from (f"{statement.module or ''}.{alias.name}" for alias in statement.names)
        elif isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from loaded(statement.orelse)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            inner = [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt)]
            handlers = [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.ExceptHandler)]
            yield from loaded([*inner, *(part for handler in handlers for part in handler.body)])


def of_ros(code: str) -> list[str]:
    """Return what is imported that is ROS's, or a node of ours, which loads ROS."""
    modules = loaded(ast.parse(code).body)
    return [m for m in modules if m.split(".")[0] in ROS or any(part.endswith("_node") for part in m.split("."))]


def test_no_algorithm_loads_ros() -> None:
    assert len(FILES) > 100
    assert {str(file.relative_to(SRC)): found for file in FILES if (found := of_ros(file.read_text()))} == {}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import rclpy.node", ["rclpy.node"]),
        ("try:\n    from rclpy import node\nexcept ImportError:\n    pass", ["rclpy.node"]),
        ("try:\n    pass\nexcept ImportError:\n    import launch", ["launch"]),
        ("from .stage_node import Goal", ["stage_node.Goal"]),
        ("from . import stage_node", [".stage_node"]),
        ("class A:\n    import std_msgs", ["std_msgs"]),
        ("def main():\n    import rclpy", []),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rclpy", []),
        ("import numpy, launcher", []),
    ],
)
def test_it_would_be_seen(code: str, found: list[str]) -> None:
    assert of_ros(code) == found
