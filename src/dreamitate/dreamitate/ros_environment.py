"""The environment variables that a process needs to use ROS; the one place where they are said."""

import os
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from dreamitate_core.paths import config_dir


def ros_environment() -> dict[str, str]:
    """Return this process's environment and, in it, what ROS needs; to be given to a new process.

    A ROS installation was sourced and is left as it is. ROS's wheels from PyPI need their libraries and ament prefix
    named before Python starts, and a discovery that works without multicast. What the user has set stays.
    """
    environment = dict(os.environ)
    environment.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(config_dir() / "dds" / "large_images.xml"))
    if find_spec("ros_wheels_bootstrapper") is None:
        return environment
    packages = Path(sysconfig.get_path("platlib"))
    libraries = [f"{sys.prefix}/lib", *map(str, sorted(packages.glob("ros_*.libs")))]
    environment["LD_LIBRARY_PATH"] = _with(libraries, environment.get("LD_LIBRARY_PATH"))
    environment["AMENT_PREFIX_PATH"] = _with([], environment.get("AMENT_PREFIX_PATH"), [sys.prefix])
    environment["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"  # or Python would start itself again, with its own guess
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return environment


def _with(first: list[str], present: str | None, last: list[str] | None = None) -> str:
    """Return a search path without repetitions: first, then what is present, then last."""
    entries = [*first, *(present or "").split(os.pathsep), *(last or [])]
    return os.pathsep.join(dict.fromkeys(entry for entry in entries if entry))
