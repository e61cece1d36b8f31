"""The drivers of `hardware:=mock` and `hardware:=real`: their launch files and arguments, and what is missing."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from dreamitate_core.errors import DreamitateError
from dreamitate_core.robot import Robot
from dreamitate_core.tool import Tool

CAMERA_PACKAGE = "realsense2_camera"
CAMERA_PROFILE = "1280x720x30"
NEWEST = "rolling"


def distribution() -> str:
    """Return the name of the ROS distribution that is sourced, the newest where none says its name."""
    return os.environ.get("ROS_DISTRO", NEWEST)


def of_distribution(table: Mapping[str, Any]) -> Any:
    """Return what a table by ROS distribution holds for the one that is sourced, else its default."""
    return table.get(distribution(), table["default"])


def controller(robot: Robot, hardware: str) -> str:
    """Return the name of the arm's trajectory controller."""
    if hardware == "sim":
        return str(robot.settings["controller"]["default"])
    chosen = _driver(robot)[hardware].get("controller")
    return str(chosen or of_distribution(robot.settings["controller"]))


def root_frame(robot: Robot, hardware: str) -> str:
    """Return the frame that is put on the table: the arm's base, or what its driver ties the base to."""
    return robot.base_frame if hardware == "sim" else str(_driver(robot)["root_frame"])


def arm_launch(robot: Robot, tool: Tool, hardware: str, robot_ip: str) -> tuple[str, str, dict[str, str]]:
    """Return package, launch file and arguments of the arm's driver. Raises DreamitateError without an address."""
    if hardware == "real" and not robot_ip:
        raise DreamitateError(f"hardware:=real needs the address of the {robot.name}: robot_ip:=192.168.1.10, say.")
    assert tool.mesh_path is not None
    driver = _driver(robot)
    words = {
        "robot_ip": robot_ip,
        "controller": controller(robot, hardware),
        "tool_mass_kg": f"{float(tool.settings.get('mass_kg', 0.0)):g}",
        "tool_mesh": str(tool.mesh_path.resolve()),
        **_mount(tool),
    }
    arguments = of_distribution(driver[hardware]["arguments"])
    filled = {name: str(text).format(**words) for name, text in arguments.items()}
    return str(driver["launch_package"]), str(driver[hardware]["launch_file"]), filled


def camera_launch(number: int, serial: str) -> tuple[str, str, dict[str, str]]:
    """Return package, launch file and arguments of one camera's driver. Raises DreamitateError without a serial."""
    name = f"camera_{number}"
    if not serial:
        raise DreamitateError(
            f"hardware:=real needs {name}_serial:= and a camera's serial number; `rs-enumerate-devices -s` lists them."
        )
    # The static transforms are those of the calibration: the driver's own would give the optical frame two parents.
    return (
        CAMERA_PACKAGE,
        "rs_launch.py",
        {
            "camera_namespace": "/",
            "camera_name": name,
            "serial_no": f"_{serial.removeprefix('_')}",  # or the launch file would take it for a number
            "rgb_camera.color_profile": CAMERA_PROFILE,
            "enable_depth": "false",
            "publish_tf": "false",
        },
    )


def check_packages(robot: Robot, hardware: str, planner: str) -> None:
    """Raise DreamitateError that names all ROS packages that are missing, and how to get them."""
    steps: dict[str, list[str]] = {}
    if hardware != "sim":
        _note_missing(_driver(robot), steps)
    if hardware == "real":
        install = "sudo apt install ros-{distribution}-realsense2-camera"
        _note_missing({"packages": [CAMERA_PACKAGE], "install": install}, steps)
    if planner == "moveit":
        _note_missing(robot.settings["moveit"], steps)
    if steps:
        names = ", ".join(dict.fromkeys(name for missing in steps.values() for name in missing))
        asked = (f"hardware:={hardware}" if hardware != "sim" else "", "planner:=moveit" if planner == "moveit" else "")
        what = " ".join(text for text in asked if text)
        raise DreamitateError(
            f"{what} needs ROS packages that are not here: {names}. Install them: {'; '.join(steps)}. "
            "Then source ROS and the workspace."
        )


def has_package(name: str, prefixes: Iterable[str] | None = None) -> bool:
    """Return whether a ROS package is installed under one of the prefixes, by default those that are sourced."""
    given = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefixes is None else prefixes
    index = Path("share/ament_index/resource_index/packages") / name
    return any(prefix and (Path(prefix) / index).is_file() for prefix in given)


def _note_missing(wanted: Mapping[str, Any], steps: dict[str, list[str]]) -> None:
    missing = [name for name in wanted["packages"] if not has_package(name)]
    if missing:
        step = " ".join(str(wanted["install"]).format(distribution=distribution()).split())
        steps[step] = missing


def _driver(robot: Robot) -> Mapping[str, Any]:
    driver = robot.settings.get("driver")
    if not driver:
        raise DreamitateError(f"config/robots/{robot.name}/robot.yaml names no driver. Use hardware:=sim.")
    return dict(driver)


def _mount(tool: Tool) -> dict[str, str]:
    """Return where the tool and its tip are on the flange, as a URDF says it: xyz in metres, rpy in rad."""
    place = tool.transform_tool_to_flange
    tip = place[:3, :3] @ tool.tip + place[:3, 3]
    rpy = Rotation.from_matrix(place[:3, :3]).as_euler("xyz")
    return {"tool_xyz": _numbers(place[:3, 3]), "tool_rpy": _numbers(rpy), "tip_xyz": _numbers(tip)}


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.6f}" for value in np.asarray(values, float) + 0.0)
