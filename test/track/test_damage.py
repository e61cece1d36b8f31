"""Damaged clips: refused with a reason or given a status; `dreamitate bench damage` tries a thousand of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dreamitate_bench import damage
from dreamitate_bench.damage_files import damage_folder
from dreamitate_bench.damage_meshes import ABSENT
from dreamitate_bench.damages import DAMAGES, FATAL
from dreamitate_core.clip import Clip, read_clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.trajectory import Status
from dreamitate_track.quality import Quality, statuses
from dreamitate_track.track import track

SAYS = {
    "view_missing": r"View [12] shows nothing",
    "cameras_together": r"0 m apart",
    "cameras_in_millimetres": r"metres",
    "intrinsics_nan": r"camera 1",
    "intrinsics_negative": r"positive focal lengths",
    "extrinsics_infinite": r"transform_camera_to_reference of camera 2",
    "extrinsics_no_rotation": r"transform_camera_to_reference of camera 2",
    "mesh_in_millimetres": r"metres",
    "mesh_tiny": r"block.*m large",
    "mesh_empty": r"block.*empty",
    "mesh_nan": r"block.*not finite",
    "mesh_skin": r"skin",
    "tools_none": r"no tool",
    "tools_same_name": r"different names",
}


@pytest.mark.parametrize("name", sorted(FATAL))
def test_what_cannot_be_tracked_is_refused_by_name(small_clip: Clip, name: str) -> None:
    with pytest.raises(DreamitateError, match=SAYS[name]) as error:
        track(DAMAGES[name](np.random.default_rng(1), small_clip, small_clip))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["mesh_flat", "mesh_not_manifold", "mesh_colourless", "cameras_turned_away"])
def test_the_rest_is_tracked_or_refused_but_never_a_crash(small_clip: Clip, name: str) -> None:
    try:
        tracks = track(DAMAGES[name](np.random.default_rng(2), small_clip, small_clip))
    except DreamitateError:
        return
    assert all(np.isfinite(path.transform_tool_to_frame).all() for path in tracks.values())


def test_files_that_are_damaged_are_refused_or_read(small_clip: Clip, tmp_path: Path) -> None:
    refused = 0
    for seed in range(40):
        write_clip(tmp_path / "clip", replace(small_clip, truth=None))
        damage_folder(np.random.default_rng(seed), tmp_path / "clip")
        try:
            read_clip(tmp_path / "clip")
        except DreamitateError:
            refused += 1
    assert refused > 15


def test_the_bench_counts_what_it_must(small_clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "scene", lambda number, shows_tool: small_clip)
    monkeypatch.setattr(damage, "FOLDERS", 0.0)
    monkeypatch.setattr("dreamitate_bench.damages.DAMAGES", {"tools_none": DAMAGES["tools_none"]})
    rows = [damage.damage_one(seed) for seed in range(4)]
    assert [row["outcome"] for row in rows] == ["refused"] * 4

    def broken(rng: np.random.Generator, clip: Clip, other: Clip) -> Clip:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("dreamitate_bench.damages.DAMAGES", {"broken": broken})
    rows.append(damage.damage_one(9))
    assert rows[-1]["outcome"] == "crash"
    rows.append({**rows[0], "outcome": "tracked", "ok": 3, "damages": ["decoy"]})
    assert "1 crashes, 4 refused" in damage.last_line(rows)
    assert "ok in 1" in damage.last_line(rows)
    assert rows[-2]["said"] == "ZeroDivisionError: oh"
    assert "broken" in damage.table(rows)
    assert ABSENT not in [tool.name for tool in small_clip.tools]


def test_a_few_frames_or_a_larger_thing_of_its_colour_are_no_tool() -> None:
    def said(
        seen: int, explained: float, weaker: float = 1.0, spread_m: float = 0.001, doubted: int = -1
    ) -> np.ndarray:
        quality = Quality(np.ones(12), np.full(12, weaker), np.full(12, explained), np.ones(12), np.full(12, 500.0))
        covariance = np.tile(spread_m**2 * np.eye(6), (12, 1, 1))
        return statuses(quality, covariance, np.arange(12) < seen, np.arange(12) != doubted)

    assert (said(12, 1.0) == Status.OK).all()
    assert (said(5, 1.0)[:5] == Status.OK).all()
    assert (said(4, 1.0) == Status.LOST).all()
    assert (said(12, 0.5) == Status.LOST).all()
    assert (said(12, 0.7) == Status.PARTIAL).all()
    assert (said(12, 1.0, weaker=0.2) == Status.PARTIAL).all(), "one view does not show the tool where it would be"
    assert (said(12, 1.0, spread_m=0.01) == Status.PARTIAL).all(), "one view alone hardly shows the depth"
    assert [*np.flatnonzero(said(12, 1.0, doubted=3) == Status.LOST)] == [3], "another way round looks as well there"
