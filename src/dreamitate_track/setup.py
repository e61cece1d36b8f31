from setuptools import find_packages, setup

package = "dreamitate_track"

setup(
    name=package,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    package_data={package: ["py.typed", "fix.html"]},
    install_requires=["numba", "numpy", "opencv-python-headless", "scipy", "trimesh"],
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="Where is the tool? Joint two-view region tracking of known tools in stereo clips.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["tracker_node = dreamitate_track.tracker_node:main"]},
)
