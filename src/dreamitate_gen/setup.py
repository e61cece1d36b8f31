from setuptools import find_packages, setup

package = "dreamitate_gen"

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
        "accelerate",
        "diffusers",
        "dreamitate_core",
        "huggingface_hub",
        "numpy",
        "opencv-python-headless",
        "peft",
        "safetensors",
        "tensorboard",
        "torch",
        "transformers",
    ],
    entry_points={"console_scripts": ["generator_node = dreamitate_gen.generator_node:main"]},
    zip_safe=False,
    maintainer="Dreamitate developers",
    maintainer_email="maintainers@users.noreply.r-seed-2f4286e2.example",
    description="Dreamitate's stereo video model: training, sampling, replay, and the generator node.",
    license="Apache-2.0",
)
