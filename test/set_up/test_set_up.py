"""The set-up does nothing twice, goes on after an interruption, and says in one line what only the user can mend."""

import importlib.util
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "scripts" / "set_up.py"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The set-up program, at work on a .venv in a temporary folder."""
    spec = importlib.util.spec_from_file_location("set_up", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "set_up", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMPS", tmp_path / ".venv" / ".set_up")
    monkeypatch.setattr(module, "missing_gl_packages", list)
    return module


def test_a_step_is_done_once_for_each_key_and_again_after_a_failure(program: ModuleType) -> None:
    done: list[Path] = []
    program.Step("thing", "", "1", done.append).do()
    assert program.Step("thing", "", "1", done.append).is_done()
    assert not program.Step("thing", "", "2", done.append).is_done()

    def fails(log: Path) -> None:
        raise program.SetUpError("no")

    with pytest.raises(program.SetUpError):
        program.Step("thing", "", "1", fails).do()
    assert not program.Step("thing", "", "1", done.append).is_done()
    assert len(done) == 1


def test_a_new_venv_means_that_all_steps_are_missing(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in program.all_steps()[1:]:
        program.STAMPS.mkdir(parents=True, exist_ok=True)
        (program.STAMPS / step.name).write_text(step.key)
    assert len(program.missing_steps()) == len(program.all_steps())
    (program.STAMPS / "venv").write_text(program.all_steps()[0].key)
    assert program.missing_steps() == []
    (program.STAMPS / "libraries").write_text("older requirements")
    assert [step.name for step in program.missing_steps()] == ["libraries"]


def test_the_key_depends_on_names_and_contents(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "ROOT", tmp_path)
    keys = set()
    for name, content in (("a.msg", "x"), ("a.msg", "y"), ("b.msg", "x")):
        file = tmp_path / name
        file.write_text(content)
        keys.add(program.key_of([file]))
    assert len(keys) == 3


WORKER = f"""
import pathlib, sys
sys.path.insert(0, {str(PROGRAM.parent)!r})
import set_up
folder = pathlib.Path(sys.argv[1])
set_up.ROOT, set_up.STAMPS, set_up.PYTHON = folder, folder / "stamps", folder / "pip"
set_up.all_steps = lambda: [set_up.Step("venv", "Work", "key", lambda log: set_up.pip([], log))]
set_up.check_machine = lambda: None
sys.exit(set_up.main())
"""


@pytest.fixture
def worker(tmp_path: Path) -> list[str]:
    """A command that sets up with a pip of our own: it notes that it began, and ends when someone opens the gate."""
    os.mkfifo(tmp_path / "gate")
    (tmp_path / "pip").write_text(f"#!/bin/sh\necho once >> {tmp_path}/work\ncat {tmp_path}/gate\n")
    (tmp_path / "pip").chmod(0o755)
    return [sys.executable, "-c", WORKER, str(tmp_path)]


def test_of_two_at_once_one_works_and_the_other_waits(worker: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(worker, stdout=subprocess.PIPE, text=True) as first:
        assert "Work" in _line(first)
        with subprocess.Popen(worker, stdout=subprocess.PIPE, text=True) as second:
            assert "waiting" in _line(second)
            (tmp_path / "gate").write_text("go")
            first.communicate()
            second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    assert (tmp_path / "work").read_text() == "once\n"


def test_a_pip_that_outlives_a_killed_set_up_is_waited_for(worker: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(worker, stdout=subprocess.PIPE, text=True) as first:
        assert "Work" in _line(first)
        with (tmp_path / "gate").open("w") as gate:  # opens once our pip is there to read
            first.kill()
            first.wait()
            with subprocess.Popen(worker, stdout=subprocess.PIPE, text=True) as second:
                assert "waiting" in _line(second)
                gate.close()
                assert "Work" in _line(second)
                (tmp_path / "gate").write_text("go")
                second.communicate()
    assert second.returncode == 0
    assert (tmp_path / "work").read_text() == "once\nonce\n"


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_what_an_interrupted_pip_left_is_made_visible_to_pip(program: ModuleType) -> None:
    packages = program.VENV / "lib" / "python3.11" / "site-packages"
    whole, half = packages / "whole-1.dist-info", packages / "half-1.dist-info"
    for folder in (whole, half):
        folder.mkdir(parents=True)
        (folder / "RECORD").touch()
    (whole / "INSTALLER").touch()
    program.remove_half_installed()
    assert whole.exists()
    assert not half.exists()


def test_all_missing_packages_are_named_in_one_line(program: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "missing_gl_packages", lambda: ["libegl1", "libopengl0"])
    monkeypatch.setattr(program.shutil, "which", lambda name: None)
    with pytest.raises(program.SetUpError, match=r"apt-get install -y libegl1 libopengl0 g\+\+$"):
        program.check_machine()


def test_a_machine_without_gl_drivers_is_told_before_anything_is_done() -> None:
    environment = {**os.environ, "LIBGL_DRIVERS_PATH": "/nowhere", "__EGL_VENDOR_LIBRARY_FILENAMES": "/nowhere"}
    ran = subprocess.run([sys.executable, str(PROGRAM)], env=environment, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.rstrip().endswith("sudo apt-get install -y libgl1-mesa-dri")


def test_a_venv_of_someone_else_is_left_alone(program: ModuleType) -> None:
    program.VENV.mkdir()
    with pytest.raises(program.SetUpError, match="did not make it"):
        program.check_machine()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("The user requested (constraint) cuda-toolkit<0\nERROR: ResolutionImpossible: ...", "no NVIDIA driver"),
        ("ERROR: Could not find a version that satisfies the requirement numpy==0", "numpy==0"),
    ],
)
def test_why_pip_failed_is_said(program: ModuleType, monkeypatch: pytest.MonkeyPatch, log: str, words: str) -> None:
    """The first log is what pip 26.3 really says where only CUDA builds are to be had."""
    monkeypatch.setattr(program, "has_nvidia_driver", lambda: False)
    monkeypatch.setattr(program, "ROOT", program.VENV.parent)
    monkeypatch.setattr(program, "PYTHON", program.VENV.parent / "python")
    program.STAMPS.mkdir(parents=True)
    program.PYTHON.write_text(f"#!/bin/sh\necho '{log}'\nexit 1\n")
    program.PYTHON.chmod(0o755)
    with pytest.raises(program.SetUpError, match=words):
        program.install_libraries(program.STAMPS / "libraries.log")


def test_the_pinned_versions_are_those_that_are_tested() -> None:
    pins = [
        (*line.split("=="), name)
        for name in ("requirements.txt", "constraints.txt")
        for line in (ROOT / name).read_text().splitlines()
        if line and line[0] not in "#-"
    ]
    assert len(pins) > 200
    differ = []
    for name, version, file in pins:
        try:
            installed = metadata.version(name.partition("[")[0]).partition("+")[0]
        except metadata.PackageNotFoundError:
            installed = version if file == "constraints.txt" else "none"  # some are for other systems only
        if installed != version:
            differ.append(f"{name}: {version} is pinned, {installed} is installed")
    assert not differ
