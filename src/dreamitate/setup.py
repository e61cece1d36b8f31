import os
from pathlib import Path

from setuptools import find_packages, setup

package = "dreamitate"
here = Path(__file__).parent


def shared_files(folder: str) -> list[tuple[str, list[str]]]:
    """Return what of a folder goes where in share/: colcon installs config, launch and models beside the package."""
    found = []
    for place, _, names in os.walk(here / folder, followlinks=True):
        relative = Path(place).relative_to(here)
        found.append((f"share/{package}/{relative}", [str(relative / name) for name in sorted(names)]))
    return [(target, names) for target, names in found if names]


setup(
    name=package,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
        *shared_files("config"),
        *shared_files("launch"),
        *shared_files("models"),
    ],
    package_data={package: ["py.typed", "page.css", "page.js"]},
    install_requires=["av", "dreamitate_core", "matplotlib", "numpy", "opencv-python-headless", "tqdm"],
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="What a user starts: the dreamitate command, the rollout coordinator, launch and configuration.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "dreamitate = dreamitate.cli:main",
            "approval_node = dreamitate.approval_node:main",
            "coordinator_node = dreamitate.coordinator_node:main",
            "frames_node = dreamitate.frames_node:main",
        ]
    },
)
