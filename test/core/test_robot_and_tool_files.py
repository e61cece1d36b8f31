"""What is wrong with a robot's or a tool's file is one clear line."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import config_dir
from dreamitate_core.robot import load_robot
from dreamitate_core.tool import load_tool

Change = Callable[[str], str]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with one robot and one tool."""
    for folder in ("robots/ur5", "tools/pusher"):
        shutil.copytree(config_dir() / folder, tmp_path / folder)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(tmp_path))
    return tmp_path


def without(name: str) -> Change:
    return lambda text: text.replace(f"{name}:", f"not_{name}:", 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: "joint_names: [a, b\n", "robot.yaml is not YAML: .*line"),
        (lambda _: "- ur5\n", "must hold named values"),
        (without("joint_names"), "robot.yaml lacks 'joint_names'"),
        (without("urdf"), "robot.yaml lacks 'urdf'"),
        (without("home"), "robot.yaml lacks 'home'"),
        (lambda text: text.replace("home: [", "home: [far, ", 1), "robot.yaml is not a robot's file: .*far"),
        (lambda text: text.replace("home: [", "home: [0.0, ", 1), "must have 6 numbers, one per joint"),
    ],
)
def test_a_robots_file(change: Change, said: str, config: Path) -> None:
    path = config / "robots" / "ur5" / "robot.yaml"
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    with pytest.raises(DreamitateError, match=said) as error:
        load_robot("ur5")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [pusher\n", "tool.yaml is not YAML: .*line"),
        ("- pusher\n", "must hold named values"),
        ("name: pusher\n", "must have a name and a mesh"),
    ],
)
def test_a_tools_file(text: str, said: str, config: Path) -> None:
    (config / "tools" / "pusher" / "tool.yaml").write_text(text)
    with pytest.raises(DreamitateError, match=said) as error:
        load_tool("pusher")
    assert "\n" not in str(error.value)
