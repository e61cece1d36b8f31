"""Each package declares exactly what it imports, and requirements.txt names all of it."""

import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from catkin_pkg.package import parse_package

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("src/*/setup.py"))
OURS = {path.parent.name for path in ROOT.glob("src/**/package.xml")}
ROSDEP_KEYS = {
    "PIL": "python3-pil",
    "accelerate": "python3-accelerate-pip",
    "av": "python3-av-pip",
    "cv2": "python3-opencv",
    "diffusers": "python3-diffusers-pip",
    "huggingface_hub": "python3-huggingface-hub-pip",
    "lz4": "python3-lz4",
    "matplotlib": "python3-matplotlib",
    "mcap_ros2": "python3-mcap-ros2-support-pip",
    "mujoco": "python3-mujoco-pip",
    "numba": "python3-numba",
    "numpy": "python3-numpy",
    "peft": "python3-peft-pip",
    "psutil": "python3-psutil",
    "pyarrow": "python3-pyarrow-pip",
    "rosbags": "python3-rosbags-pip",
    "safetensors": "python3-safetensors-pip",
    "scipy": "python3-scipy",
    "toppra": "python3-toppra-pip",
    "torch": "python3-torch-pip",
    "tqdm": "python3-tqdm",
    "transformers": "python3-transformers-pip",
    "trimesh": "python3-trimesh-pip",
    "yaml": "python3-yaml",
    "zstandard": "python3-zstandard",
}
"""What an import is called in package.xml; ROS packages and our own are called what they are imported as."""
BUILDS_ON_IT = {("dreamitate", "dreamitate_bench")}
"""Imports in the opposite direction of the dependency, of what may be absent: the command runs benchmarks if there."""

ON_REQUEST = {"ray"}
"""Not installed with us; what uses them says how to install them."""

ELSEWHERE = "worker"
"""Folders of this name run in an environment of the user's, with what is there."""

ONLY_WITH_ROS = {"launch", "launch_ros"}
"""There are no wheels of these; what uses them is tested where ROS is installed."""


def imported(files: list[Path]) -> set[str]:
    """Return the top-level names of all modules that the files import, Python's own left out."""
    names = set()
    for file in (file for file in files if ELSEWHERE not in file.parts):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_declares_exactly_what_it_imports(package: Path) -> None:
    launch_files = ROOT.glob("launch/*.py") if package.name == "dreamitate" else []  # installed with it
    names = imported([*(package / package.name).rglob("*.py"), *launch_files]) - {package.name}
    names -= {name for name in names if (package.name, name) in BUILDS_ON_IT} | ON_REQUEST
    declared = {dependency.name for dependency in parse_package(str(package)).exec_depends}
    assert declared == {ROSDEP_KEYS.get(name, name) for name in names}


def test_requirements_name_all_that_is_imported() -> None:
    pinned = _names("requirements.txt") | {name for name in _names("constraints.txt") if name.startswith("ros-")}
    distributions = {**packages_distributions(), "coal": ["coal"], "pinocchio": ["pin"]}  # these two lie in a subfolder
    here = OURS | {path.stem for path in ROOT.glob("test/**/*.py")}
    names = imported([*ROOT.glob("src/*/*/**/*.py"), *ROOT.glob("test/**/*.py")]) - here
    missing = {
        name
        for name in names - ONLY_WITH_ROS - ON_REQUEST
        if not {_canonical(found) for found in [f"ros-{name}", *distributions.get(name, [])]} & pinned
    }
    assert missing == set()


def _names(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {_canonical(line.partition("==")[0].partition("[")[0]) for line in lines if "==" in line}


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")
