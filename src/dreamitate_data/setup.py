from setuptools import find_packages, setup

package = "dreamitate_data"

setup(
    name=package,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    package_data={package: ["py.typed"]},
    install_requires=[
        *("PyYAML", "av", "dreamitate_core", "dreamitate_gen", "dreamitate_track", "lz4", "numpy"),
        *("opencv-python-headless", "pyarrow", "rosbags", "scipy", "zstandard"),
    ],
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="From a table to a dataset: calibrate, record, cut clips, label, export.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "calibration_node = dreamitate_data.calibration_node:main",
            "capture_node = dreamitate_data.capture_node:main",
            "record_session_node = dreamitate_data.record_session_node:main",
            "recorder_node = dreamitate_data.recorder_node:main",
        ]
    },
)
