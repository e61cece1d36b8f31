"""The graph's data: what a rollout consists of, and what is refused in one line."""

from pathlib import Path

import pytest

from dreamitate.graph import arguments, check_arguments, rollout_nodes
from dreamitate.interfaces import NODES
from dreamitate_core.errors import DreamitateError


def test_six_nodes_who_commands_the_arm_first() -> None:
    names = ["coordinator", "executor", "tracker", "generator", "sim", "recorder"]
    assert [node.name for node in rollout_nodes({})] == names
    assert [node.name for node in rollout_nodes({"record": "false"})] == names[:-1]


def test_every_argument_is_described_and_its_default_allowed() -> None:
    for argument in arguments():
        assert argument.description.endswith(".")
        assert not argument.choices or argument.default in argument.choices, argument.name


def test_arguments_with_choices() -> None:
    choices = {argument.name for argument in arguments() if argument.choices}
    assert {"task", "robot", "hardware", "generator", "tracker", "planner"} <= choices


@pytest.mark.parametrize("name", ["task", "robot", "hardware", "generator", "tracker", "planner", "rviz", "log_level"])
def test_an_unknown_choice_is_named_with_the_known_ones(name: str) -> None:
    known = next(argument.choices for argument in arguments() if argument.name == name)
    with pytest.raises(DreamitateError) as error:
        check_arguments({name: "nonsense"})
    assert "'nonsense'" in str(error.value)
    assert all(choice in str(error.value) for choice in known)


@pytest.mark.parametrize("seed", ["-1", "x", "1.5", "", str(2**31), "²"])
def test_a_seed_that_is_none_is_named(seed: str) -> None:
    with pytest.raises(DreamitateError, match="seed must be a whole number from 0 to 2147483647"):
        check_arguments({"seed": seed})


def test_an_unknown_argument_is_named() -> None:
    with pytest.raises(DreamitateError, match=r"Unknown argument 'tsak'. Known: .*task"):
        check_arguments({"tsak": "sweeping"})


def test_rviz_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", "")
    with pytest.raises(DreamitateError, match="no rviz2 here"):
        rollout_nodes({"rviz": "true"})


def test_rviz_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "lib" / "rviz2" / "rviz2"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    node = rollout_nodes({"rviz": "true"})[-1]
    assert (node.package, node.executable, node.ours) == ("rviz2", "rviz2", False)
    assert Path(node.arguments[1]).is_file()


def test_replay_of_the_scene_at_hand_is_made_by_the_simulator(tmp_path: Path) -> None:
    nodes = {node.name: node for node in rollout_nodes({"generator": "replay"}, tmp_path)}
    assert nodes["sim"].parameters["demonstration"] == nodes["generator"].parameters["replay"]
    assert str(nodes["sim"].parameters["demonstration"]).startswith(str(tmp_path))


def test_the_coordinator_knows_that_a_clip_is_shown_again(tmp_path: Path) -> None:
    coordinator = rollout_nodes({"generator": "replay"}, tmp_path)[0]
    assert (coordinator.name, coordinator.parameters["generator"]) == ("coordinator", "replay")


def test_replay_of_a_clip_that_is_given(tmp_path: Path) -> None:
    nodes = {node.name: node for node in rollout_nodes({"generator": "replay", "replay": "clip"}, tmp_path)}
    assert nodes["sim"].parameters["demonstration"] == ""
    assert nodes["generator"].parameters["replay"] == "clip"


def test_every_node_is_given_only_parameters_that_it_has() -> None:
    interfaces = {node.name: node for node in NODES}
    for node in rollout_nodes({}):
        specs = {parameter.name: parameter for parameter in interfaces[node.name].parameters}
        for name, value in node.parameters.items():
            assert isinstance(value, type(specs[name].default)), name
            assert not specs[name].choices or value in specs[name].choices
