"""Stable Video Diffusion's speed settings, on a tiny random one."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dreamitate_bench.dream_svd import measure_svd, svd_last_line, svd_table
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task
from dreamitate_gen.svd import SvdGenerator

PHOTOS = torch.rand(1, 2, 3, 32, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def generator(tiny_svd: Path, tiny_task: Task, tmp_path: Path) -> Callable[..., SvdGenerator]:
    """Return a maker of generators with settings of their own."""
    folder = tmp_path / "svd"
    shutil.copytree(tiny_svd, folder)

    def make(**settings: Any) -> SvdGenerator:
        (folder / "model.json").write_text(json.dumps(settings))
        return SvdGenerator(tiny_task, folder)

    return make


def test_the_layout_changes_nothing(generator: Callable[..., SvdGenerator]) -> None:
    exact, last = generator(), generator(channels_last=True)
    layouts = [
        made.model.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last) for made in (exact, last)
    ]
    assert layouts == [False, True]
    assert (last.dream_frames(PHOTOS, 0) - exact.dream_frames(PHOTOS, 0)).abs().max() < 1e-4


def test_eight_bits_without_torchao_say_what_is_missing(
    generator: Callable[..., SvdGenerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchao", None)
    with pytest.raises(DreamitateError, match="pip install torchao"):
        generator(quantize="int8")


def test_deep_blocks_are_computed_in_every_nth_step(generator: Callable[..., SvdGenerator]) -> None:
    made = generator(steps=5, cache_every=2)
    unet = made.model.unet
    counts = {"first": 0, "deep": 0}

    def count(name: str) -> Callable[..., None]:
        def note(*_: Any) -> None:
            counts[name] += 1

        return note

    unet.down_blocks[0].resnets[0].register_forward_hook(count("first"))
    unet.mid_block.resnets[0].register_forward_hook(count("deep"))
    one = made.dream_frames(PHOTOS, 0)
    assert counts == {"first": 5, "deep": 3}
    made.dream_frames(PHOTOS, 1)
    assert torch.equal(made.dream_frames(PHOTOS, 0), one)  # nothing is kept from one dream to the next
    exact = generator(steps=5).dream_frames(PHOTOS, 0)
    assert 0 < (one - exact).abs().mean() < 0.05


def test_the_unet_is_compiled_on_demand(generator: Callable[..., SvdGenerator]) -> None:
    assert generator().model.unet._compiled_call_impl is None
    assert generator(compile=True).model.unet._compiled_call_impl is not None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quantize": "int3"}, "Known: int8"),
        ({"cache_every": 0}, "from 1 on"),
        ({"cache_every": 2, "guidance": 2.0}, "guidance 1.0"),
        ({"cache_every": 2, "compile": True}, "do not go together"),
    ],
)
def test_wrong_settings_are_refused(
    generator: Callable[..., SvdGenerator], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(DreamitateError, match=said):
        generator(**settings)


def test_the_settings_are_measured_against_the_stock_pipeline(tiny_svd: Path, tmp_path: Path) -> None:
    folder = tmp_path / "svd"
    shutil.copytree(tiny_svd, folder)
    (folder / "model.json").write_text(json.dumps({"width": 64, "height": 64}))
    rows = measure_svd("sweeping", folder, ["ours", "cache 2"], steps=2, threads=1)
    assert [row["kind"] for row in rows] == ["stock pipeline", "ours", "cache 2"]
    assert rows[1]["difference_of_255"] < 0.02 < rows[2]["difference_of_255"]
    assert all(row["peak_MiB"] > 100 and row["seconds"] > 0 for row in rows)
    assert len(svd_table(rows).splitlines()) == 4
    assert "times as fast as the stock pipeline" in svd_last_line(rows)
    with pytest.raises(DreamitateError, match="cache 3"):
        measure_svd("sweeping", folder, ["cache 9"], steps=2, threads=1)
