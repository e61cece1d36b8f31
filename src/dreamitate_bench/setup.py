from setuptools import find_packages, setup

package = "dreamitate_bench"

setup(
    name=package,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package}"]),
        (f"share/{package}", ["package.xml"]),
    ],
    package_data={package: ["py.typed", "public_arms.json"]},
    install_requires=[
        "diffusers",
        "dreamitate",
        "dreamitate_core",
        "dreamitate_exec",
        "dreamitate_gen",
        "dreamitate_sim",
        "matplotlib",
        "numpy",
        "pillow",
        "safetensors",
        "torch",
        "transformers",
    ],
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="Dreamitate's measurements: whole tasks over many scenes, and the picture of the loop.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["sources_node = dreamitate_bench.sources_node:main"]},
)
