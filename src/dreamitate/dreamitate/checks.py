"""What a rollout needs of this machine, checked one by one: for `dreamitate doctor` and before a rollout starts."""

import importlib.util
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import config_dir, models_dir
from dreamitate_core.robot import load_robot, robot_names
from dreamitate_core.task import load_task, rollout_task_names, task_names
from dreamitate_core.tool import load_tool
from dreamitate_gen.model_source import local_folder

MESSAGE_PACKAGES = ("dreamitate_msgs", "control_msgs", "tf2_msgs", "sensor_msgs", "geometry_msgs")
PACKAGES = ("core", "gen", "track", "exec", "sim", "ros", "bench")
LIBRARIES = {
    **{f"dreamitate_{name}": f"dreamitate_{name}" for name in PACKAGES},
    "numpy": "numpy",
    "scipy": "scipy",
    "cv2": "opencv-python-headless",
    "av": "av",
    "mujoco": "mujoco",
    "torch": "torch",
    "diffusers": "diffusers",
    "numba": "numba",
    "pinocchio": "pin",
    "coal": "coal",
    "toppra": "toppra",
    "trimesh": "trimesh",
    "rosbags": "rosbags",
    "matplotlib": "matplotlib",
}
SMALLEST_FREE_GIB = 1.0


@dataclass(frozen=True)
class Check:
    """One thing. ok: it is there; said: what was found, or what is missing and what to do; needed: by the embedded
    rollout."""

    name: str
    ok: bool
    said: str
    needed: bool = True


def all_checks() -> Iterator[Check]:
    """Yield all checks, one as soon as it is known."""
    yield _python()
    yield _libraries()
    yield software_gl()
    yield ros()
    yield messages()
    yield _configuration()
    try:
        names = rollout_task_names()
    except DreamitateError:
        names = []
    for name in names:
        yield weights(name)
    yield _disk()
    yield _rviz()


def software_gl() -> Check:
    """Can MuJoCo render without a screen?"""
    try:
        from dreamitate_sim.gl import make_current

        make_current()
    except DreamitateError as error:
        return Check("rendering", False, str(error))
    return Check("rendering", True, "MuJoCo renders off screen")


def ros() -> Check:
    """Is there rclpy?"""
    if importlib.util.find_spec("rclpy") is None:
        return Check("ROS 2", False, "rclpy is missing. Run `make setup`, or source a ROS 2 installation.")
    try:
        version = metadata.version("ros-rclpy") + " (wheels)"
    except metadata.PackageNotFoundError:
        version = "of the sourced installation"
    return Check("ROS 2", True, f"rclpy {version}")


def messages() -> Check:
    """Are the interfaces built?"""
    missing = [name for name in MESSAGE_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        said = f"{', '.join(missing)} missing. Run `make setup`, or build the workspace with colcon and source it."
        return Check("interfaces", False, said)
    return Check("interfaces", True, ", ".join(MESSAGE_PACKAGES))


def weights(task: str, model: Path | None = None) -> Check:
    """Is there a trained model for the generator `svd`?"""
    try:
        folder = local_folder(model) if model else models_dir() / task
    except DreamitateError as error:
        return Check(f"model {task}", False, str(error))
    found = sorted(folder.rglob("*.safetensors")) if folder.is_dir() else []
    if not found:
        said = (
            f"No trained model (*.safetensors) in {folder}. Train one: dreamitate train --task {task} --data DIR; "
            "or use generator:=replay, which needs none."
        )
        return Check(f"model {task}", False, said)
    size = sum(file.stat().st_size for file in found) / 2**20
    return Check(f"model {task}", True, f"{size:.1f} MiB in {folder}")


def _python() -> Check:
    return Check("Python", True, f"{platform.python_version()} in {sys.prefix}")


def _libraries() -> Check:
    missing = [name for module, name in LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing:
        return Check("libraries", False, f"{', '.join(missing)} missing. Run `make setup`.")
    shown = ("mujoco", "torch", "pin", "opencv-python-headless")
    return Check("libraries", True, ", ".join(f"{name} {_version(name)}" for name in shown) + ", and the rest")


def _configuration() -> Check:
    """Do the tasks, their tools and all robots load?"""
    try:
        tasks = [load_task(name) for name in task_names()]
        for task in tasks:
            for tool in task.tools:
                load_tool(tool)
        robots = [load_robot(name) for name in robot_names()]
        for robot in robots:
            for path in (robot.urdf, robot.srdf):
                if not path.is_file():
                    return Check("configuration", False, f"{path} of robot {robot.name!r} is missing.")
        missing = [task.robot for task in tasks if task.robot not in robot_names()]
    except DreamitateError as error:
        return Check("configuration", False, str(error))
    if missing:
        return Check("configuration", False, f"No robot {missing[0]!r} in {config_dir() / 'robots'}.")
    said = f"tasks {', '.join(t.name for t in tasks)}; robots {', '.join(r.name for r in robots)}; {config_dir()}"
    return Check("configuration", bool(tasks and robots), said)


def _disk() -> Check:
    free_gib = shutil.disk_usage(Path.cwd()).free / 2**30
    if free_gib < SMALLEST_FREE_GIB:
        return Check("disk", False, f"only {free_gib:.2f} GiB free here; at least {SMALLEST_FREE_GIB:g} are needed")
    return Check("disk", True, f"{free_gib:.0f} GiB free here")


def _rviz() -> Check:
    if shutil.which("rviz2") is None:
        return Check("RViz", False, "no rviz2: rviz:=true will not work; all else does", needed=False)
    return Check("RViz", True, str(shutil.which("rviz2")), needed=False)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "of the system"
