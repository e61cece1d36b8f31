"""What made a result: machine, versions, source revision. Enough to repeat it."""

import hashlib
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from dreamitate_core.revision import git, untracked
from dreamitate_core.revision import git_revision as git_revision

PACKAGES = (
    *("dreamitate", "numpy", "scipy", "opencv-python-headless", "torch", "diffusers", "mujoco", "numba"),
    *("pin", "coal", "toppra", "ros-rclpy"),
)

SOURCES = (".py", ".yaml", ".json")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that shape a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def source_fingerprint(*more: Path) -> str:
    """Return a short hash of `src/` as it is, committed or not, and of `more`: files, and all files in
    folders. Outside a repository the installed version stands for `src/`."""
    tree = git("rev-parse", "HEAD:src")
    text = tree + git("diff", "HEAD", "--", "src") if tree else versions()["dreamitate"]
    files = [
        file for path in more for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()
    ]
    files += [file for file in untracked("src") if file.suffix in SOURCES]
    return hashlib.sha256((text + _digest(files)).encode()).hexdigest()[:12]


def weights_hash(model: Path) -> str:
    """Return the first 12 digits of the SHA-256 of a model's weights and settings (its cards and curves do not count):
    of all *.safetensors and *.json in a folder, by name, or of a file; empty where missing."""
    if not model.exists():
        return ""
    inside = [file for kind in ("*.safetensors", "*.json") for file in model.rglob(kind)]
    return _digest([model] if model.is_file() else sorted(inside))[:12]


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


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
