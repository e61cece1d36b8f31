"""The workspace builds with colcon as it is, and what it installs is whole: nodes, launch files, configuration, models.

ROS comes from the virtual environment here: its wheels, and what they lack (`src/without_ros`). The interface package
takes longest; it is kept in `build/colcon` for as long as its files are the same. All others are built anew each time.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from catkin_pkg.package import parse_package

from dreamitate.domain import held_domain
from dreamitate.graph import NodeStart, rollout_nodes
from dreamitate.ros_environment import ros_environment
from dreamitate.supervise import command

pytest.importorskip("ros_wheels_bootstrapper", reason="builds on top of ROS's wheels, which are not here")

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_ROS = ROOT / "src" / "without_ros"
BASE = ROOT / "build" / "colcon"
INSTALL = BASE / "install"

FOLDERS = sorted(path.parent for path in ROOT.glob("src/*/package.xml"))
INTERFACES = [folder for folder in FOLDERS if (folder / "CMakeLists.txt").is_file()]
NODES = sorted(
    (file.parents[1].name, file.stem) for file in ROOT.glob("src/*/*/*_node.py") if "\ndef main(" in file.read_text()
)


@pytest.fixture(scope="module")
def workspace() -> Iterator[dict[str, str]]:
    """Build the workspace; give the environment that sourcing it makes."""
    BASE.mkdir(parents=True, exist_ok=True)
    with (BASE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _forget_what_is_old()
        _build()
        yield _sourced()


def _forget_what_is_old() -> None:
    """Leave of the last build only the interface package, and that only if none of its files has changed."""
    digest = hashlib.sha256(sys.prefix.encode())
    for path in sorted(path for folder in [*INTERFACES, WITHOUT_ROS] for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    stamp = BASE / "interfaces.sha256"
    same = stamp.is_file() and stamp.read_text() == digest.hexdigest()
    kept = {folder.name for folder in INTERFACES} if same else set()
    for folder in [*BASE.glob("build/*"), *BASE.glob("install/*")]:
        if folder.is_dir() and folder.name not in kept:
            shutil.rmtree(folder)
    stamp.write_text(digest.hexdigest())


def _build() -> None:
    environment = ros_environment()
    environment["PATH"] = f"{sys.prefix}/bin:{environment['PATH']}"
    environment["CMAKE_PREFIX_PATH"] = sys.prefix
    bases = ["--base-paths", str(ROOT / "src")]
    places = [f"--build-base={BASE / 'build'}", f"--install-base={INSTALL}"]
    cmake = ["-GNinja", "-DBUILD_TESTING=OFF", f"-DCMAKE_PROJECT_INCLUDE={WITHOUT_ROS / 'wheels.cmake'}"]
    built = subprocess.run(
        ["colcon", f"--log-base={BASE / 'log'}", "build", *bases, *places, "--cmake-args", *cmake],
        env=environment,
        cwd=BASE,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr


def _sourced() -> dict[str, str]:
    listed = subprocess.run(
        ["bash", "-c", f". {INSTALL}/setup.bash && env -0"], env=ros_environment(), capture_output=True, check=True
    )
    return dict(entry.split("=", 1) for entry in listed.stdout.decode().split("\0") if entry)


def test_every_package_is_found_and_installed(workspace: dict[str, str]) -> None:
    prefixes = workspace["AMENT_PREFIX_PATH"].split(":")
    for folder in FOLDERS:
        package = parse_package(str(folder))
        assert package.name == folder.name
        prefix = INSTALL / package.name
        assert str(prefix) in prefixes
        assert (prefix / "share" / package.name / "package.xml").is_file()
        assert (prefix / "share/ament_index/resource_index/packages" / package.name).is_file()


def test_a_ros_workspace_does_not_build_what_ros_has() -> None:
    listed = subprocess.run(
        [f"{sys.prefix}/bin/colcon", f"--log-base={os.devnull}", "list", "--names-only", "--base-paths", str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    names = listed.stdout.split()
    assert "dreamitate_msgs" in names
    assert not {"tf2_msgs", "control_msgs"} & set(names)


@pytest.mark.parametrize(("package", "node"), NODES)
def test_every_node_stands_where_ros2_run_looks(workspace: dict[str, str], package: str, node: str) -> None:
    program = INSTALL / package / "lib" / package / node
    assert program.is_file()
    assert os.access(program, os.X_OK)


def test_every_node_of_the_graph_is_such_a_node() -> None:
    assert {(node.package, node.executable) for node in rollout_nodes({}) if node.ours} <= set(NODES)


@pytest.mark.parametrize("folder", ["config", "launch", "models"])
def test_all_files_are_in_share(workspace: dict[str, str], folder: str) -> None:
    here = [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert here
    for path in here:
        installed = INSTALL / "dreamitate" / "share" / "dreamitate" / path.relative_to(ROOT)
        assert installed.is_file(), installed
        assert installed.read_bytes() == path.read_bytes()


def test_python_packages_and_configuration_come_from_the_workspace(workspace: dict[str, str]) -> None:
    names = [folder.name for folder in FOLDERS]
    program = (
        "import importlib, sys; from dreamitate_core.paths import config_dir\n"
        "for name in sys.argv[1:]: print(importlib.import_module(name).__file__)\n"
        "print(config_dir())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *names],
        env=workspace,
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line for line in ran.stdout.split() if not line.startswith(f"{INSTALL}/")] == []


def test_nodes_started_from_the_workspace_answer(workspace: dict[str, str], tmp_path: Path) -> None:
    arguments = {"start": "false", "generator": "replay", "runs": str(tmp_path)}
    nodes = [node for node in rollout_nodes(arguments) if node.ours]
    with held_domain({}) as domain:
        environment = {**workspace, "ROS_DOMAIN_ID": str(domain), "ROS_LOG_DIR": str(tmp_path / "log")}
        processes = [_started(node, environment, tmp_path / f"{node.name}.txt") for node in nodes]
        try:
            answers = _parameters([node.name for node in nodes], environment)
            alive = [process.poll() is None for process in processes]
        finally:
            codes = _ended(processes)
    said = {node.name: (tmp_path / f"{node.name}.txt").read_text() for node in nodes}
    assert all(alive), said
    for node in nodes:
        assert set(node.parameters) <= set(answers[node.name]), said[node.name]
    assert codes == [0] * len(nodes), said


def _started(node: NodeStart, environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start the installed program of a node with the command line that the graph gives it."""
    program = INSTALL / node.package / "lib" / node.package / node.executable
    arguments = command(node)[3:]  # what follows `python -m module`
    with output.open("wb") as file:
        return subprocess.Popen([str(program), *arguments], env=environment, cwd="/", stdout=file, stderr=file)


def _ended(processes: list[subprocess.Popen[bytes]]) -> list[int]:
    """Ask the nodes to end, as Ctrl-C does, and return their exit codes; who does not end is killed."""
    for process in processes:
        process.send_signal(signal.SIGINT)
    for process in processes:
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
    return [process.wait() for process in processes]


_ASK = """
import json, sys
import rclpy
from rcl_interfaces.srv import ListParameters
rclpy.init()
node = rclpy.create_node("asker")
answers = {}
for name in sys.argv[1:]:
    client = node.create_client(ListParameters, f"/{name}/list_parameters")
    if not client.wait_for_service(120.0):
        sys.exit(f"{name} does not answer")
    for _ in range(30):  # a node that does not know this client yet is not heard
        future = client.call_async(ListParameters.Request())
        rclpy.spin_until_future_complete(node, future, timeout_sec=2.0)
        if future.done():
            break
    else:
        sys.exit(f"{name} does not answer")
    answers[name] = future.result().result.names
print(json.dumps(answers))
"""


def _parameters(names: list[str], environment: dict[str, str]) -> dict[str, list[str]]:
    """Ask each node for its parameters, from another process."""
    asked = subprocess.run([sys.executable, "-c", _ASK, *names], env=environment, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    answers: dict[str, list[str]] = json.loads(asked.stdout)
    return answers
