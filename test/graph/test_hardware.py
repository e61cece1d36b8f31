"""What drivers are started with, per arm and ROS distribution, and what is said where they are missing."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dreamitate.graph import NodeStart, rollout_nodes
from dreamitate.supervise import command
from dreamitate_core.arms import load_arms
from dreamitate_core.camera import load_rig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import load_robot
from dreamitate_core.task import load_task
from dreamitate_core.tool import load_tool
from dreamitate_exec.payload import fill_request, payload, refusal
from dreamitate_ros.static_frames import static_frames

PACKAGES = ("ur_robot_driver", "xarm_moveit_config", "xarm_controller", "uf_ros_lib", "realsense2_camera", "moveit_py")
REAL = {"hardware": "real", "robot_ip": "10.0.0.7", "camera_1_serial": "123456", "camera_2_serial": "_654321"}

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Have ROS packages installed, of a distribution."""
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.delenv("ROS_DISTRO", raising=False)

    def mark(*packages: str, distribution: str = "jazzy") -> None:
        monkeypatch.setenv("ROS_DISTRO", distribution)
        index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
        index.mkdir(parents=True, exist_ok=True)
        for package in packages:
            (index / package).touch()

    return mark


def nodes(**values: str) -> dict[str, NodeStart]:
    return {node.name: node for node in rollout_nodes(values)}


@pytest.mark.parametrize(
    ("values", "missing", "step"),
    [
        ({"hardware": "mock"}, "ur_robot_driver", "sudo apt install ros-jazzy-ur-robot-driver"),
        (REAL, "ur_robot_driver, realsense2_camera", "sudo apt install ros-jazzy-realsense2-camera"),
        ({"hardware": "mock", "robot": "xarm7"}, "xarm_moveit_config, xarm_controller, uf_ros_lib", "rosdep install"),
        ({"planner": "moveit"}, "moveit_py, moveit_configs_utils, ur_moveit_config", "ros-jazzy-moveit-py"),
    ],
)
def test_what_is_missing_is_named_at_once(install: Install, values: dict[str, str], missing: str, step: str) -> None:
    install()
    with pytest.raises(DreamitateError) as error:
        rollout_nodes(values)
    said = str(error.value)
    assert f"needs ROS packages that are not here: {missing}. Install them: " in said
    assert step in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("distribution", "mock", "real_controller"),
    [
        ("humble", "use_fake_hardware", "scaled_joint_trajectory_controller"),
        ("jazzy", "use_mock_hardware", "scaled_joint_trajectory_controller"),
        ("lyrical", "use_mock_hardware", "joint_trajectory_controller"),
    ],
)
def test_ur5_by_distribution(install: Install, distribution: str, mock: str, real_controller: str) -> None:
    install(*PACKAGES, distribution=distribution)
    found = nodes(hardware="mock")
    arm = found["arm"]
    assert (arm.package, arm.executable, arm.is_launch_file) == ("ur_robot_driver", "ur_control.launch.py", True)
    assert arm.launch_arguments[mock] == "true"
    assert arm.launch_arguments["ur_type"] == "ur5"
    assert arm.launch_arguments["initial_joint_controller"] == "joint_trajectory_controller"
    assert found["executor"].parameters["controller"] == "joint_trajectory_controller"
    assert "payload_of" not in found["executor"].parameters
    found = nodes(**REAL)
    assert found["arm"].launch_arguments["robot_ip"] == "10.0.0.7"
    assert mock not in found["arm"].launch_arguments
    assert found["arm"].launch_arguments["initial_joint_controller"] == real_controller
    for name in ("executor", "coordinator"):
        assert found[name].parameters["controller"] == real_controller
    assert found["executor"].parameters["payload_of"] == "brush"


def test_xarm7_is_told_of_the_tool(install: Install) -> None:
    install(*PACKAGES)
    for values in ({"hardware": "mock"}, REAL):
        arm = nodes(**values, robot="xarm7")["arm"]
        given = arm.launch_arguments
        assert arm.executable == f"_robot_moveit_{'fake' if values['hardware'] == 'mock' else 'realmove'}.launch.py"
        assert given["add_other_geometry"] == "true"
        mesh = given["geometry_mesh_filename"].removeprefix("file://")
        assert mesh.startswith("/")
        assert Path(mesh).is_file()
        tool = load_tool("brush")
        tip = np.array([float(number) for number in given["geometry_mesh_tcp_xyz"].strip('"').split()])
        np.testing.assert_allclose(tip, tool.transform_tool_to_flange[:3, 3], atol=1e-6)
        assert ("robot_ip" in given) == (values["hardware"] == "real")


def test_mock_arms_have_the_simulators_cameras(install: Install) -> None:
    install(*PACKAGES)
    found = nodes(hardware="mock", record="false")
    assert list(found) == ["coordinator", "executor", "tracker", "generator", "sim", "frames", "arm"]
    assert found["sim"].parameters["arm"] is False
    assert found["coordinator"].parameters["simulated"] is False
    assert found["frames"].parameters["root"] == "world"


def test_real_cameras(install: Install) -> None:
    install(*PACKAGES)
    found = nodes(**REAL, record="false")
    assert list(found) == [
        *("coordinator", "executor", "tracker", "generator", "frames", "arm", "camera_1", "camera_2")
    ]
    for number, serial in ((1, "_123456"), (2, "_654321")):
        camera = found[f"camera_{number}"]
        assert (camera.package, camera.executable) == ("realsense2_camera", "rs_launch.py")
        given = camera.launch_arguments
        assert (given["camera_namespace"], given["camera_name"]) == ("/", f"camera_{number}")
        assert given["serial_no"] == serial
        assert given["rgb_camera.color_profile"] == "1280x720x30"
        assert given["publish_tf"] == "false"
        words = command(camera)
        assert words[:4] == ["ros2", "launch", "realsense2_camera", "rs_launch.py"]
        assert f"serial_no:={serial}" in words


@pytest.mark.parametrize("name", ["robot_ip", "camera_1_serial", "camera_2_serial"])
def test_what_a_person_has_to_say_is_asked_for(install: Install, name: str) -> None:
    install(*PACKAGES)
    with pytest.raises(DreamitateError, match=f"{name}:="):
        rollout_nodes({**REAL, name: ""})


def test_a_replay_needs_a_clip_without_a_simulator(install: Install) -> None:
    install(*PACKAGES)
    with pytest.raises(DreamitateError, match="replay:=CLIP"):
        rollout_nodes({**REAL, "generator": "replay"})
    assert nodes(**REAL, generator="replay", replay="clip")["generator"].parameters["replay"] == "clip"


def test_moveit_plans_in_a_process_of_its_own(install: Install, tmp_path: Path) -> None:
    install(*PACKAGES, "moveit_configs_utils", "ur_moveit_config")
    planner = nodes(planner="moveit")["moveit_planner"]
    assert (planner.package, planner.executable) == ("dreamitate_exec", "moveit_planner_node")
    program = tmp_path / "lib" / "dreamitate_exec" / "moveit_planner_node"
    program.parent.mkdir(parents=True)
    program.touch()
    assert command(planner)[0] == str(program)  # with the Python of the workspace that it was installed for
    assert command(nodes(planner="moveit")["tracker"])[0] != str(program)


def test_static_frames_are_those_of_the_calibration() -> None:
    task, tool = load_task("sweeping"), load_tool("brush")
    frames = {child: (parent, pose) for parent, child, pose in static_frames(task, load_arms(task), "world")}
    rig = load_rig(task.rig)
    assert rig.transform_reference_to_table is not None
    for number, camera in enumerate(rig.cameras, start=1):
        parent, pose = frames[f"camera_{number}_color_optical_frame"]
        assert parent == "table"
        np.testing.assert_allclose(pose, rig.transform_reference_to_table @ camera.transform_camera_to_reference)
    assert frames["world"][0] == "table"
    assert frames["world"][1][1, 3] == 0.52
    assert frames["tool"][0] == "tool0"
    np.testing.assert_allclose(frames["tool"][1], tool.transform_tool_to_flange)
    assert frames["tool_tip"][0] == "tool"


def test_static_frames_of_two_arms_bear_their_prefixes() -> None:
    task = load_task("rotation")
    frames = {child: (parent, pose) for parent, child, pose in static_frames(task, load_arms(task), "link_base")}
    for arm in load_arms(task):
        assert frames[f"{arm.prefix}link_base"][0] == "table"
        np.testing.assert_allclose(frames[f"{arm.prefix}link_base"][1], arm.transform_base_to_table)
        assert frames[f"{arm.prefix}tool"][0] == f"{arm.prefix}link_eef"
        assert frames[f"{arm.prefix}tool_tip"][0] == f"{arm.prefix}tool"


@pytest.mark.parametrize("wrong", [{"hardware": "mock"}, {"planner": "moveit"}])
def test_two_arms_are_rolled_out_in_the_simulator_only(wrong: dict[str, str]) -> None:
    with pytest.raises(DreamitateError, match="moves 2 arms: they are rolled out with hardware:=sim and"):
        rollout_nodes({"task": "rotation", **wrong})


def test_payload_in_the_words_of_each_driver() -> None:
    tool = load_tool("brush")
    mass_kg, centre_m = payload(tool)
    assert mass_kg == 0.25
    assert 0.02 < centre_m[2] < 0.20  # between the flange and the head's underside
    ur = SimpleNamespace(mass=0.0, center_of_gravity=SimpleNamespace(x=0.0, y=0.0, z=0.0))
    fill_request(ur, tool, load_robot("ur5").settings["driver"]["real"]["payload"])
    assert (ur.mass, ur.center_of_gravity.z) == (0.25, pytest.approx(centre_m[2]))
    xarm = SimpleNamespace(weight=0.0, center_of_gravity=[])
    fill_request(xarm, tool, load_robot("xarm7").settings["driver"]["real"]["payload"])
    np.testing.assert_allclose(xarm.center_of_gravity, 1000 * centre_m)
    assert refusal(SimpleNamespace(success=True)) == refusal(SimpleNamespace(ret=0, message="")) == ""
    assert refusal(SimpleNamespace(ret=1, message="not ready")) == "not ready"
    assert "success=False" in refusal(SimpleNamespace(success=False))


def test_a_tool_without_a_mass_is_named() -> None:
    tool = load_tool("brush")
    del tool.settings["mass_kg"]
    with pytest.raises(DreamitateError, match="lacks mass_kg"):
        payload(tool)
