"""Clips go to a LeRobotDataset v3.0 and back; its tables say what is in them; damaged ones are refused in one line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from dreamitate.cli import main
from dreamitate_core.clip import Clip, read_clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task
from dreamitate_data import lerobot_layout as layout
from dreamitate_data.lerobot_read import import_lerobot
from dreamitate_data.lerobot_stats import of_numbers, together
from dreamitate_data.lerobot_write import export_lerobot
from dreamitate_sim.demonstrator import demonstrate
from dreamitate_sim.scene import make_scene


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three labelled clips, one of them for testing."""
    folder = tmp_path_factory.mktemp("clips")
    clip = demonstrate(make_scene(load_task("sweeping"), 1002, "test"), 0, 160, 96)
    assert clip.truth is not None
    for number, name in enumerate(("train/a", "train/b", "test/c")):
        shifted = {"brush": clip.truth["brush"] + np.pad(np.full((1, 1), 0.01 * number), ((0, 3), (3, 0)))}
        write_clip(
            folder / name, replace(clip, truth=shifted, info={**clip.info, "task": "sweeping", "number": number})
        )
    return folder


@pytest.fixture(scope="module")
def dataset(data: Path) -> Path:
    out = data.parent / "dataset"
    assert main(["export", str(data), "--format", "lerobot", "--out", str(out)]) == 0
    return out


def test_clips_come_back(data: Path, dataset: Path, tmp_path: Path) -> None:
    assert import_lerobot(dataset, tmp_path / "back") == 3
    for name in ("train/a", "train/b", "test/c"):
        before, after = read_clip(data / name), read_clip(tmp_path / "back" / name)
        assert before.truth is not None
        assert after.truth is not None
        np.testing.assert_allclose(after.truth["brush"], before.truth["brush"], atol=2e-7)
        for one, two in zip(before.rig.cameras, after.rig.cameras, strict=True):
            np.testing.assert_array_equal(one.K, two.K)
            np.testing.assert_array_equal(one.transform_camera_to_reference, two.transform_camera_to_reference)
        np.testing.assert_allclose(after.tools[0].mesh.vertices, before.tools[0].mesh.vertices)
        assert after.info == before.info
        assert _psnr_db(before, after) > 35
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back"]


def test_the_tables_are_those_of_lerobot(data: Path, dataset: Path) -> None:
    info = json.loads((dataset / "meta/info.json").read_text())
    assert (info["codebase_version"], info["fps"], info["total_episodes"], info["total_frames"]) == ("v3.0", 4, 3, 39)
    assert info["splits"] == {"train": "0:2", "test": "2:3"}
    rows = pq.read_table(dataset / "data/chunk-000/file-000.parquet")
    names = {name for name, feature in info["features"].items() if feature["dtype"] != "video"}
    assert set(rows.column_names) == names
    assert rows["index"].to_pylist() == list(range(39))
    assert rows["episode_index"].to_pylist() == [0] * 13 + [1] * 13 + [2] * 13
    np.testing.assert_allclose(rows["timestamp"].to_numpy(), np.tile(np.arange(13) / 4, 3))
    clip = read_clip(data / "train/b")
    assert clip.truth is not None
    assert clip.rig.transform_reference_to_table is not None
    first = np.array(rows["action"].to_pylist()[13])
    wanted = (clip.rig.transform_reference_to_table @ clip.truth["brush"][0])[:3, 3]
    np.testing.assert_allclose(first[:3], wanted, atol=1e-6)  # at t = 0: where the tool is at t = 1
    episodes = pq.read_table(dataset / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [row["tasks"] for row in episodes] == [["Sweep a particle onto the star."]] * 3
    for key in layout.VIEWS:
        spans = [(row[f"videos/{key}/from_timestamp"], row[f"videos/{key}/to_timestamp"]) for row in episodes]
        assert spans == [(0.0, 3.25), (3.25, 6.5), (6.5, 9.75)]
    tasks = pq.read_table(dataset / "meta/tasks.parquet")
    assert json.loads(tasks.schema.metadata[b"pandas"])["index_columns"] == ["__index_level_0__"]
    stats = json.loads((dataset / "meta/stats.json").read_text())
    assert stats["action"]["count"] == [39]
    assert np.shape(stats[layout.VIEWS[0]]["mean"]) == (3, 1, 1)
    np.testing.assert_allclose(stats["action"]["mean"], np.mean(rows["action"].to_pylist(), axis=0), atol=1e-6)
    np.testing.assert_allclose(stats["action"]["std"], np.std(rows["action"].to_pylist(), axis=0), atol=1e-6)


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    random = np.random.default_rng(7)
    values = random.normal(size=(90, 3))
    parts = together([of_numbers(values[:20]), of_numbers(values[20:])])
    whole = of_numbers(values)
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(parts[name], whole[name])


def test_what_cannot_be_exported_is_said(data: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(DreamitateError, match="is there already"):
        export_lerobot(data, dataset)
    with pytest.raises(DreamitateError, match="holds no clip folders"):
        export_lerobot(tmp_path, tmp_path / "out")
    other = tmp_path / "clips"
    shutil.copytree(data / "train", other)
    (other / "b" / "truth.npz").unlink()
    with pytest.raises(DreamitateError, match=r"b has no labels for 'brush'. Run: dreamitate label"):
        export_lerobot(other, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DreamitateError, match="cannot be written"):
        export_lerobot(data, tmp_path / "file" / "out")


@pytest.mark.parametrize("seed", range(1000, 1030))
def test_damaged_datasets_are_refused_in_one_line(seed: int, dataset: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    damaged = tmp_path / "damaged"
    shutil.copytree(dataset, damaged)
    skipped = ("stats.json", "tasks.parquet")  # LeRobot's, not needed on the way back
    files = sorted(path for path in damaged.rglob("*") if path.is_file() and path.name not in skipped)
    file = files[seed % len(files)]
    whole = file.read_bytes()
    if random.random() < 0.3:
        file.unlink()
    else:
        file.write_bytes(whole[: int(random.integers(0, int(0.9 * len(whole))))])
    with pytest.raises(DreamitateError) as refusal:
        import_lerobot(damaged, tmp_path / "out")
    assert "\n" not in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


def _psnr_db(one: Clip, two: Clip) -> float:
    error = one.video.frames().astype(float) - two.video.frames()
    return float(20 * np.log10(255 / np.sqrt((error**2).mean())))
