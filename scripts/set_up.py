"""Set up what Dreamitate needs on a machine without ROS: libraries, messages and its own packages, all in .venv.

Says what it does and how long it takes, does nothing twice, goes on after an interruption, and lets only one of two
that run at once do the work. Uses the standard library only. `make setup` calls it.
"""

import ctypes
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / ".set_up"
REQUIREMENTS = [ROOT / "requirements.txt", ROOT / "constraints.txt"]
MESSAGES = ["src/without_ros/tf2_msgs", "src/without_ros/control_msgs", "src/dreamitate_msgs"]
PYTHONS = ((3, 11), (3, 13))
"""The oldest and the newest Python that all pinned libraries have wheels for."""
SIGN_OF_LIFE_S = 15.0
CUDA_PACKAGES = ("cuda-bindings", "cuda-toolkit", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-nccl-cu13", "triton")

sys.path.insert(0, str(ROOT / "src" / "dreamitate_core"))
from dreamitate_core.software_gl import install_command, missing_gl_packages  # noqa: E402 - its place is known only now


class SetUpError(Exception):
    """Something that the user must mend; the text says what and how."""


@dataclass(frozen=True)
class Step:
    """Work that is done once for each value of `key`, the hash of what it depends on."""

    name: str
    title: str
    key: str
    act: Callable[[Path], None]
    """Does it, with its output in the log file of that path; raises SetUpError."""

    def is_done(self) -> bool:
        """Whether the step was completed for this key."""
        stamp = STAMPS / self.name
        return stamp.is_file() and stamp.read_text() == self.key

    def do(self) -> None:
        """Do it, and leave the stamp once it is complete."""
        STAMPS.mkdir(parents=True, exist_ok=True)
        (STAMPS / self.name).unlink(missing_ok=True)
        self.act(STAMPS / f"{self.name}.log")
        partial = STAMPS / f"{self.name}.partial"
        partial.write_text(self.key)
        partial.replace(STAMPS / self.name)


def main() -> int:
    """Do the missing steps; return the exit code."""
    try:
        check_machine()
        if not missing_steps():
            print("Set-up: complete, nothing to do.")
            return 0
        with only_one():
            set_up()
    except SetUpError as error:
        print(f"Set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Set-up: interrupted. The next call goes on from here.", file=sys.stderr)
        return 130
    return 0


def set_up() -> None:
    """Do the missing steps one after the other, numbered, each with its time."""
    steps = missing_steps()
    began = time.monotonic()
    for number, step in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {step.title}", flush=True)
        step_began = time.monotonic()
        step.do()
        print(f"      done in {time.monotonic() - step_began:.0f} s", flush=True)
    print(f"Set-up: complete after {time.monotonic() - began:.0f} s.", flush=True)


def missing_steps() -> list[Step]:
    """Return the steps that are not done; all of them where .venv must be made anew."""
    steps = all_steps()
    return [step for step in steps if not step.is_done()] if steps[0].is_done() else steps


def all_steps() -> list[Step]:
    """Return the steps in order."""
    venv = Step("venv", f"Make .venv with Python {python_version()}", f"{ROOT} {python_version()}", make_venv)
    return [
        venv,
        Step("libraries", "Install the pinned libraries of requirements.txt", key_of(REQUIREMENTS), install_libraries),
        *(message_step(ROOT / place) for place in MESSAGES),
        packages_step(),
    ]


def message_step(package: Path) -> Step:
    """Return the step that builds an interface package with ROS's own generators and installs it."""
    sources = [path for path in package.rglob("*") if path.is_file()]
    return Step(
        package.name,
        f"Build the messages of {package.name}",
        key_of([*sources, ROOT / "src/without_ros/wheels.cmake"]),
        lambda log: pip(["-v", "--no-deps", "--no-build-isolation", str(package)], log),
    )


def packages_step() -> Step:
    """Return the step that puts our own packages on Python's path as they lie here."""
    set_up_files = sorted((ROOT / "src").glob("*/setup.py"))
    editable = [word for file in set_up_files for word in ("-e", str(file.parent))]
    return Step(
        "packages",
        "Install Dreamitate's own packages (editable)",
        key_of([*set_up_files, *(file.with_name("setup.cfg") for file in set_up_files)]),
        lambda log: pip(["--no-deps", "--no-build-isolation", *editable], log),
    )


def check_machine() -> None:
    """Raise SetUpError where the machine lacks what pip cannot bring; all missing Debian packages in one line."""
    oldest, newest = PYTHONS
    if not oldest <= sys.version_info[:2] <= newest:
        raise SetUpError(
            f"Python {python_version()} has no ROS wheels; Python {oldest[0]}.{oldest[1]} to "
            f"{newest[0]}.{newest[1]} have. Name another: make PYTHON=python{newest[0]}.{newest[1]} ..."
        )
    missing = missing_gl_packages()
    if not shutil.which("g++"):
        missing.append("g++")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing.append("python3-dev")
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if missing:
        raise SetUpError(f"Debian packages are missing: {', '.join(missing)}. Run: {install_command(missing)}")
    if VENV.exists() and not STAMPS.exists():
        raise SetUpError(f"{VENV} is there, but this set-up did not make it. Move it away or remove it, and run again.")


def python_version() -> str:
    """Return this Python's version as far as libraries depend on it: "3.11"."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def make_venv(log: Path) -> None:
    """Make .venv anew, with the pinned pip."""
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    STAMPS.mkdir()
    pip(["-c", str(ROOT / "constraints.txt"), "pip"], log)


def install_libraries(log: Path) -> None:
    """Install requirements.txt; without an NVIDIA driver, refuse CUDA's gigabytes at once."""
    pinned = sum(file.read_text().count("==") for file in REQUIREMENTS)
    remove_half_installed()
    words = ["-r", str(REQUIREMENTS[0])]
    if not has_nvidia_driver():
        without_cuda = STAMPS / "without_cuda.txt"
        without_cuda.write_text("".join(f"{name}<0\n" for name in CUDA_PACKAGES))
        words += ["-c", str(without_cuda)]
    try:
        pip(words, log, lambda: f"{len(installed())} of about {pinned} libraries are in place; ")
    except SetUpError:
        if re.search(rf"({'|'.join(CUDA_PACKAGES)})<0", log.read_text()):
            raise SetUpError(
                "pip finds only CUDA builds of torch, and this machine has no NVIDIA driver. Point pip to a place "
                "that has the CPU build (PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL; PyTorch's installation page names "
                "one), then run this again."
            ) from None
        raise


def remove_half_installed() -> None:
    """Make pip see what an interrupted pip left: it writes INSTALLER and RECORD last."""
    for folder in installed():
        if not ((folder / "INSTALLER").is_file() and (folder / "RECORD").is_file()):
            shutil.rmtree(folder)


def installed() -> list[Path]:
    """Return pip's records of the libraries in .venv."""
    return list(VENV.glob("lib/python*/site-packages/*.dist-info"))


def has_nvidia_driver() -> bool:
    """Whether CUDA programs can run here."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def pip(words: list[str], log: Path, how_far: Callable[[], str] = str) -> None:
    """Run `pip install` in .venv with its output in the log; now and then say how far it is and what it is at."""
    command = [str(PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar=off", *words]
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    began = time.monotonic()
    with (
        log.open("w") as file,
        subprocess.Popen(command, env=environment, stdout=file, stderr=file, close_fds=False) as process,
    ):
        while process.poll() is None:
            try:
                process.wait(SIGN_OF_LIFE_S)
            except subprocess.TimeoutExpired:
                last = log.read_text(errors="replace").strip().rpartition("\n")[2]
                print(f"      {time.monotonic() - began:4.0f} s: {how_far()}{last.strip()[:70]}", flush=True)
    if process.returncode != 0:
        errors = [line.strip() for line in log.read_text(errors="replace").splitlines() if "error" in line.lower()]
        raise SetUpError(f"pip failed: {errors[-1] if errors else 'see its log'} (all of it: {log.relative_to(ROOT)})")


def key_of(files: list[Path]) -> str:
    """Return the hash of the files' names and contents."""
    digest = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock of the repository's folder; wait where another process has it.

    The system frees it once this process and a pip that outlives it (they share the open folder) have ended.
    """
    folder = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(folder, True)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Set-up: another one is at work; waiting for it.", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(folder)


if __name__ == "__main__":
    sys.exit(main())
