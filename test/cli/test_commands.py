"""Every command: what a user gets wrong gives one line that says what to do, and the right exit code."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dreamitate import cli
from dreamitate.commands import rollout
from dreamitate_core.camera import load_rig, write_rig
from dreamitate_core.clip import write_image
from dreamitate_core.errors import Cancelled

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run the command in this process; return its exit code and what it wrote to stderr."""

    def run(*arguments: object) -> tuple[int, str]:
        code = cli.main([str(argument) for argument in arguments])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a process would be started."""

    def refuse(*_: object, **__: object) -> None:
        pytest.fail("a process was started")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)


def check_one_line(code: int, said: str, *parts: str) -> None:
    assert code == cli.USER_ERROR
    assert said.count("\n") == 1, said
    assert said.startswith("dreamitate: ")
    for part in parts:
        assert part in said


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (["task:=juggling"], ["task", "'juggling'", "sweeping"]),
        (["robot:=r2d2"], ["robot", "'r2d2'", "ur5"]),
        (["seed:=-1"], ["seed", "'-1'", "0 to"]),
        (["seed:=one"], ["seed", "'one'"]),
        (["seed:=99999999999"], ["seed", "2147483647"]),
        (["generator:=magic"], ["generator", "'magic'", "replay", "svd"]),
        (["tracker:=eyes"], ["tracker", "'eyes'", "region"]),
        (["planner:=hope"], ["planner", "'hope'", "embedded"]),
        (["hardware:=toy"], ["hardware", "'toy'", "sim"]),
        (["colour:=red"], ["argument", "'colour'", "task"]),
        (["sweeping"], ["'sweeping'", "name:=value"]),
        (["generator:=replay", "replay:=/nowhere"], ["/nowhere"]),
    ],
)
def test_rollout_refuses(command: Command, no_process: None, values: list[str], parts: list[str]) -> None:
    check_one_line(*command("rollout", *values), *parts)


def test_rollout_names_missing_weights(
    command: Command, no_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DREAMITATE_MODELS", str(tmp_path))
    check_one_line(*command("rollout", "generator:=svd"), str(tmp_path / "sweeping"), "dreamitate train", "replay")


def test_rollout_names_missing_gl(tmp_path: Path) -> None:
    """In a process of its own: a GL device that is not there."""
    code = (
        "import os, sys; os.environ['MUJOCO_EGL_DEVICE_ID'] = '99'\n"
        "from dreamitate.cli import main; sys.exit(main(['rollout', 'generator:=replay']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    check_one_line(done.returncode, done.stderr, "GL", "apt-get install")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["fly"], ["'fly'", "rollout", "--help"]),
        ([], ["COMMAND", "--help"]),
        (["track", "nowhere", "--out", "t.npz"], ["nowhere"]),
        (["track", "nowhere"], ["--out"]),
        (["plan", "nowhere.npz", "--task", "sweeping", "--out", "p.npz"], ["nowhere.npz"]),
        (["plan", "t.npz", "--task", "juggling", "--out", "p.npz"], ["'juggling'", "sweeping"]),
        (["plan", "t.npz", "--task", "sweeping", "--robot", "r2d2", "--out", "p.npz"], ["'r2d2'", "ur5"]),
        (["dream", "a.png", "b.png", "--task", "juggling", "--out", "c"], ["'juggling'", "sweeping"]),
        (["dream", "a.png", "b.png", "--task", "sweeping", "--out", "c"], ["a.png"]),
        (["dream", "a.png", "b.png", "--task", "sweeping", "--seed", "-3", "--out", "c"], ["'-3'"]),
        (["demonstrate", "--task", "sweeping", "--count", "0", "--out", "d"], ["'0'"]),
        (["demonstrate", "--task", "juggling", "--count", "1", "--out", "d"], ["'juggling'"]),
        (["train", "--task", "juggling", "--data", "d"], ["'juggling'"]),
        (["train", "--task", "sweeping", "--data", ".", "--finish"], ["--finish", "--start"]),
        (["train", "--task", "push_shape", "--data", ".", "--closer"], ["--closer", "--start"]),
        (["train", "--task", "sweeping", "--data", ".", "--finish", "--closer"], ["--finish", "--closer", "one"]),
        (["bench", "tasks", "--task", "juggling", "--seeds", "1000"], ["'juggling'"]),
        (["bench", "tasks", "--task", "sweeping", "--seeds", "9-3"], ["9-3"]),
        (["bench", "tasks", "--task", "sweeping", "--seeds", "x"], ["'x'"]),
        (["bench", "luck"], ["'luck'", "tasks"]),
    ],
)
def test_command_refuses(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], parts: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    check_one_line(*command(*arguments), *parts)
    assert list(tmp_path.iterdir()) == []


def test_dream_refuses_a_grey_and_a_corrupt_photo(command: Command, tmp_path: Path) -> None:
    write_image(tmp_path / "good.png", np.zeros((72, 128, 3), np.uint8))
    (tmp_path / "corrupt.png").write_bytes((tmp_path / "good.png").read_bytes()[:40])
    arguments = ["--task", "sweeping", "--out", tmp_path / "clip"]
    check_one_line(*command("dream", tmp_path / "good.png", tmp_path / "corrupt.png", *arguments), "corrupt.png")
    assert not (tmp_path / "clip").exists()


def test_ctrl_c_is_one_line_and_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for interruption in (KeyboardInterrupt, Cancelled):
        monkeypatch.setattr(rollout, "run", lambda _, error=interruption: (_ for _ in ()).throw(error()))
        code, said = command("rollout")
        assert (code, said) == (cli.INTERRUPTED, "dreamitate: Interrupted.\n")


def test_help_is_instant() -> None:
    """`dreamitate --help` loads no library: not even numpy."""
    code = (
        "import sys; from dreamitate.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print([name for name in ('numpy', 'cv2', 'torch', 'mujoco', 'rclpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
    for name in cli.COMMANDS:
        assert f"    {name}" in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0
    assert f"dreamitate {name}" in capsys.readouterr().out


def test_rollout_help_lists_all_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    from dreamitate.graph import arguments

    with pytest.raises(SystemExit):
        cli.main(["rollout", "--help"])
    said = capsys.readouterr().out
    for argument in arguments():
        assert f"{argument.name}:={argument.default}" in said
        assert argument.description in said


def test_cameras_file_without_table_is_refused(command: Command, tmp_path: Path) -> None:
    from dataclasses import replace

    from dreamitate_core.trajectory import ToolTrajectory, write_tracks

    write_rig(tmp_path / "cameras.json", replace(load_rig("paper"), transform_reference_to_table=None))
    poses = np.tile(np.eye(4), (12, 1, 1))
    covariance = np.tile(1e-6 * np.eye(6), (12, 1, 1))
    track = ToolTrajectory("brush", "reference", np.arange(12.0), poses, covariance, np.ones(12), np.full(12, 2))
    write_tracks(tmp_path / "t.npz", {"brush": track})
    code, said = command(
        *("plan", tmp_path / "t.npz", "--task", "sweeping", "--out", tmp_path / "p.npz"),
        *("--cameras", tmp_path / "cameras.json"),
    )
    check_one_line(code, said, "transform_reference_to_table")
