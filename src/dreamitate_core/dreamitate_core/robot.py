"""Robots: `config/robots/<name>/` holds our own URDF and SRDF, and `robot.yaml` with what they cannot say."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DreamitateError, unknown
from .paths import config_dir
from .yaml_file import read_mapping

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Robot:
    """An arm. All per-joint arrays are (dof,), in the order of joint_names: rad, rad/s, rad/s^2."""

    name: str
    urdf: Path
    srdf: Path
    base_frame: str
    flange_frame: str
    joint_names: list[str]
    home: Array
    position_lower: Array
    position_upper: Array
    velocity_limit: Array
    acceleration_limit: Array
    settings: dict[str, Any]

    @property
    def dof(self) -> int:
        """The number of joints."""
        return len(self.joint_names)


def robot_names() -> list[str]:
    """Return the names of the robots in the configuration, sorted."""
    return sorted(file.parent.name for file in (config_dir() / "robots").glob("*/robot.yaml"))


def load_robot(name: str) -> Robot:
    """Return the robot of that name. Raises DreamitateError: unknown (with the known names) or unreadable."""
    if name not in robot_names():
        raise unknown("robot", name, robot_names())
    folder = config_dir() / "robots" / name
    path = folder / "robot.yaml"
    settings = read_mapping(path)
    try:
        return _robot(name, settings, folder)
    except KeyError as missing:
        raise DreamitateError(f"{path} lacks {missing}.") from None
    except (TypeError, ValueError) as error:
        raise DreamitateError(f"{path} is not a robot's file: {error}.") from None


def _robot(name: str, settings: dict[str, Any], folder: Path) -> Robot:
    names = list(settings["joint_names"])
    limits = ("home", "position_lower", "position_upper", "velocity_limit", "acceleration_limit")
    arrays = {key: np.array(settings[key], float) for key in limits}
    for key, array in arrays.items():
        if array.shape != (len(names),):
            raise DreamitateError(f"{key} in {folder}/robot.yaml must have {len(names)} numbers, one per joint.")
    return Robot(
        name=name,
        urdf=folder / settings["urdf"],
        srdf=folder / settings["srdf"],
        base_frame=settings["base_frame"],
        flange_frame=settings["flange_frame"],
        joint_names=names,
        settings=settings,
        **arrays,
    )
