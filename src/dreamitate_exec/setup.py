from setuptools import find_packages, setup

package = "dreamitate_exec"

setup(
    name=package,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    package_data={package: ["py.typed"]},
    install_requires=["coal", "dreamitate_core", "numpy", "pin", "scipy", "toppra"],
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="From a tracked tool path to a checked, timed joint trajectory, and what stops the arm.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "executor_node = dreamitate_exec.executor_node:main",
            "moveit_planner_node = dreamitate_exec.moveit_planner_node:main",
        ]
    },
)
