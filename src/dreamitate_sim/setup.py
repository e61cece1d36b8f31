from setuptools import find_packages, setup

package = "dreamitate_sim"

setup(
    name=package,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    package_data={package: ["py.typed"]},
    install_requires=["dreamitate-core", "mujoco", "numpy", "opencv-python-headless", "PyYAML", "tqdm", "trimesh"],
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="Dreamitate's table in MuJoCo: tasks, cameras, arms with tools, and a demonstrator.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["sim_node = dreamitate_sim.sim_node:main"]},
)
