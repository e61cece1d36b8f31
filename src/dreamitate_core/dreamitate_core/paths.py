"""Where the configuration and the models lie: environment, ROS install space, or the repository."""

import os
from pathlib import Path

from .errors import DreamitateError


def config_dir() -> Path:
    """Return the folder of configuration files. Raises DreamitateError where there is none."""
    return _find("config", "DREAMITATE_CONFIG")


def models_dir() -> Path:
    """Return the folder of trained models. Raises DreamitateError where there is none."""
    return _find("models", "DREAMITATE_MODELS")


def _find(folder: str, variable: str) -> Path:
    chosen = os.environ.get(variable)
    if chosen:
        if not Path(chosen).is_dir():
            raise DreamitateError(f"{variable}={chosen} is not a folder. Unset it, or point it at a {folder} folder.")
        return Path(chosen)
    repository = Path(__file__).resolve().parents[3] / folder
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    for candidate in [*(prefix / "share" / "dreamitate" / folder for prefix in prefixes), repository]:
        if candidate.is_dir():
            return candidate
    raise DreamitateError(f"No {folder} folder was found. Source the workspace, or set {variable} to the folder.")
