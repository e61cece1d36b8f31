"""What made a result: machine, versions, source revision. Enough to repeat it."""

import hashlib
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from dreamitate_core.revision import git
from dreamitate_core.revision import git_revision as git_revision

PACKAGES = (
    *("dreamitate", "numpy", "scipy", "opencv-python-headless", "torch", "diffusers", "mujoco", "numba"),
    *("pin", "coal", "toppra", "ros-rclpy"),
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that shape a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def source_fingerprint() -> str:
    """Return a short hash of the committed and uncommitted state of `src/` and `config/`.

    Outside a repository it is that of the installed version.
    """
    trees = git("rev-parse", "HEAD:src", "HEAD:config")
    text = trees + git("diff", "HEAD", "--", "src", "config") if trees else versions()["dreamitate"]
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """Return the first 12 digits of the SHA-256 of a file, or of all files in a folder by name; empty where missing."""
    if not path.exists():
        return ""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:12]


def machine() -> dict[str, Any]:
    """Return the machine's processor, cores, memory in GiB and system."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_gib, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
