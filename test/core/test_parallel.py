"""Calls in other processes, and on a Ray cluster where Ray is installed."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamitate_core.errors import DreamitateError
from dreamitate_core.parallel import in_processes, on_ray


def test_every_call_has_its_result() -> None:
    assert sorted(in_processes(math.sqrt, [(4,), (9,)], 2)) == [((4,), 2.0), ((9,), 3.0)]
    assert list(in_processes(math.sqrt, [], 2)) == []


def test_what_a_call_raises_is_raised() -> None:
    with pytest.raises(ValueError, match="math domain error"):
        list(in_processes(math.sqrt, [(-1,)], 1))


def test_a_process_that_dies_is_said() -> None:
    with pytest.raises(DreamitateError, match="go on with fewer --workers"):
        list(in_processes(os._exit, [(1,)], 1))


def test_missing_ray_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DreamitateError, match="pip install ray"):
        list(on_ray(math.sqrt, [(4,)], "auto"))


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1", "ray://127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_said(address: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(DreamitateError, match="No Ray cluster"):
        list(on_ray(math.sqrt, [(4,)], address))


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Ray cluster of this machine alone."""
    pytest.importorskip("ray", reason="Ray is not installed")
    program = str(Path(sys.prefix) / "bin" / "ray")
    begin = [
        program,
        "start",
        "--head",
        "--port=0",
        "--include-dashboard=false",
        "--num-cpus=2",
        "--disable-usage-stats",
    ]
    subprocess.run(begin, check=True, capture_output=True)
    yield "auto"
    subprocess.run([program, "stop", "--force"], check=True, capture_output=True)


def test_ray_gives_the_same(cluster: str) -> None:
    assert sorted(on_ray(math.sqrt, [(4,), (9,)], cluster)) == [((4,), 2.0), ((9,), 3.0)]
    with pytest.raises(ValueError, match="math domain error"):
        list(on_ray(math.sqrt, [(-1,)], cluster))


def test_ray_s_machines_know_the_models_and_the_configuration(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMITATE_MODELS", "/elsewhere")
    assert list(on_ray(os.getenv, [("DREAMITATE_MODELS",)], cluster)) == [(("DREAMITATE_MODELS",), "/elsewhere")]
