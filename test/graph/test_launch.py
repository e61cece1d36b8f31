"""The launch file describes its arguments and starts exactly the nodes of the graph's data."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from dreamitate.graph import arguments, rollout_nodes

REASON = "needs ROS's launch and launch_ros, which are in no package index: source a ROS 2 installation"
launch = pytest.importorskip("launch", reason=REASON)
launch_ros_actions = pytest.importorskip("launch_ros.actions", reason=REASON)

FILE = Path(__file__).parents[2] / "launch" / "rollout.launch.py"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the launch file gives to each Node, in order."""
    kept: list[dict[str, Any]] = []

    class Recorded(launch_ros_actions.Node):  # type: ignore[name-defined]
        def __init__(self, **settings: Any) -> None:
            kept.append(settings)
            super().__init__(**settings)

    monkeypatch.setattr(launch_ros_actions, "Node", Recorded)
    return kept


def description() -> Any:
    """Return the launch file's description."""
    spec = importlib.util.spec_from_file_location("rollout_launch", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def begin(values: dict[str, str]) -> None:
    """Carry out the description's actions, without starting any process."""
    context = launch.LaunchContext()
    context.launch_configurations.update(values)
    left = list(description().entities)
    while left:
        entity = left.pop(0)
        if not isinstance(entity, launch_ros_actions.Node | launch.actions.RegisterEventHandler):
            left = [*(entity.visit(context) or []), *left]


def test_arguments_are_described_with_their_choices() -> None:
    declared = {argument.name: argument for argument in description().get_launch_arguments()}
    assert set(declared) == {argument.name for argument in arguments()}
    for argument in arguments():
        found = declared[argument.name]
        assert argument.description in found.description
        assert tuple(found.choices or ()) == argument.choices
        assert "".join(part.text for part in found.default_value) == argument.default


@pytest.mark.parametrize("values", [{}, {"generator": "replay", "seed": "7", "approve": "true", "log_level": "warn"}])
def test_nodes_are_those_of_the_graph(started: list[dict[str, Any]], values: dict[str, str]) -> None:
    begin(values)
    expected = rollout_nodes(values)
    assert [settings["name"] for settings in started] == [node.name for node in expected]
    for settings, node in zip(started, expected, strict=True):
        assert (settings["package"], settings["executable"]) == (node.package, node.executable)
        assert settings["parameters"] == [node.parameters]
        assert settings["remappings"] == list(node.remappings)
        level = values.get("log_level", "info")
        assert settings["arguments"][-2:] == ["--log-level", f"{node.name}:={level}"]


def test_a_value_that_is_no_choice_is_refused(started: list[dict[str, Any]]) -> None:
    with pytest.raises(RuntimeError, match="nonsense"):
        begin({"task": "nonsense"})
    assert started == []


DRIVER = """
import json, os
from launch import LaunchDescription
from launch.actions import OpaqueFunction

def note(context):
    with open(os.environ["DREAMITATE_TEST_SEEN"], "a") as file:
        file.write(json.dumps({"file": __file__, **context.launch_configurations}) + chr(10))

def generate_launch_description():
    return LaunchDescription([OpaqueFunction(function=note)])
"""
"""A driver's launch file that only notes what it is given."""


def test_drivers_are_included_with_their_arguments_only(
    started: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    for package, file in (("ur_robot_driver", "ur_control.launch.py"), ("realsense2_camera", "rs_launch.py")):
        (index / package).touch()
        folder = tmp_path / "share" / package / "launch"
        folder.mkdir(parents=True)
        (folder / file).write_text(DRIVER)
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{os.environ.get('AMENT_PREFIX_PATH', '')}")
    monkeypatch.setenv("DREAMITATE_TEST_SEEN", str(tmp_path / "seen"))
    values = {"hardware": "real", "robot_ip": "10.0.0.7", "camera_1_serial": "1", "camera_2_serial": "2"}
    begin(values)
    expected = [node for node in rollout_nodes(values) if node.is_launch_file]
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert [Path(one.pop("file")).name for one in seen] == [node.executable for node in expected]
    for one, node in zip(seen, expected, strict=True):
        assert {name: value for name, value in one.items() if not name.startswith("ros_")} == node.launch_arguments
    assert [settings["name"] for settings in started] == [
        node.name for node in rollout_nodes(values) if not node.is_launch_file
    ]
