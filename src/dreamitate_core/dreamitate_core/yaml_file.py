"""YAML files that a person wrote."""

from pathlib import Path
from typing import Any

import yaml

from .errors import DreamitateError


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the named values in a YAML file. Raises DreamitateError, in one line, where it is unreadable or no such
    file."""
    try:
        data = yaml.safe_load(path.read_text())
    except OSError as error:
        raise DreamitateError(f"{path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DreamitateError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise DreamitateError(f"{path} must hold named values, as `name: value`; it holds {type(data).__name__}.")
    return data
