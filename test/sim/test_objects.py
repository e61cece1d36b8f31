"""The objects of a task: training and test sets are disjoint, and none looks like the brush."""

import colorsys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import config_dir
from dreamitate_core.task import load_task
from dreamitate_core.tool import colours_of, load_tool
from dreamitate_sim.objects import ObjectKind, load_objects
from dreamitate_sim.scene import make_scene

COUNTS = {
    ("particles", "train"): 6,
    ("particles", "test"): 6,
    ("distractors", "train"): 25,
    ("distractors", "test"): 15,
}


@pytest.fixture(scope="module")
def kinds() -> dict[tuple[str, str], list[ObjectKind]]:
    return {key: load_objects("sweeping", *key) for key in COUNTS}


def test_the_paper_s_numbers(kinds: dict[tuple[str, str], list[ObjectKind]]) -> None:
    assert {key: len(found) for key, found in kinds.items()} == COUNTS


@pytest.mark.parametrize("role", ["particles", "distractors"])
def test_splits_are_disjoint(kinds: dict[tuple[str, str], list[ObjectKind]], role: str) -> None:
    train, test = kinds[role, "train"], kinds[role, "test"]
    assert len({kind.name for kind in train + test}) == len(train) + len(test)
    shapes = {kind.parts for kind in train}
    assert not shapes & {kind.parts for kind in test}
    looks = {tuple((part.shape, part.colour) for part in kind.parts) for kind in train}
    assert not looks & {tuple((part.shape, part.colour) for part in kind.parts) for kind in test}


ROLES = [
    *(("sweeping", "particles"), ("sweeping", "distractors"), ("rotation", "objects"), ("push_shape", "pieces")),
    *(("scooping", role) for role in ("bowls", "beads", "distractors")),
]


@pytest.mark.parametrize(("task", "role"), ROLES)
def test_no_shape_is_in_both_splits_whatever_its_colour(task: str, role: str) -> None:
    train, test = (
        {tuple(replace(part, colour=(0, 0, 0)) for part in kind.parts) for kind in load_objects(task, role, split)}
        for split in ("train", "test")
    )
    assert train
    assert not train & test


@pytest.mark.parametrize("task", ["sweeping", "rotation", "scooping", "push_shape"])
def test_all_roles_are_looked_at(task: str) -> None:
    lists = yaml.safe_load((config_dir() / "objects" / f"{task}.yaml").read_text())
    assert set(lists) == {role for name, role in ROLES if name == task}


def test_sizes(kinds: dict[tuple[str, str], list[ObjectKind]]) -> None:
    for (role, _), found in kinds.items():
        low, high = (0.010, 0.021) if role == "particles" else (0.030, 0.080)
        for kind in found:
            assert low <= 2.0 * kind.radius <= high, kind.name
            assert kind.height <= 0.065, kind.name


def test_no_object_has_a_colour_of_the_brush(kinds: dict[tuple[str, str], list[ObjectKind]]) -> None:
    colours = np.unique(colours_of(load_tool("brush").mesh).vertex_colors[:, :3], axis=0) / 255.0
    brush = [hue for hue, saturation, value in (colorsys.rgb_to_hsv(*c) for c in colours) if saturation * value > 0.4]
    assert len(brush) == 3
    for found in kinds.values():
        for colour in (part.colour for kind in found for part in kind.parts):
            hue, saturation, value = colorsys.rgb_to_hsv(*(np.array(colour) / 255.0))
            if saturation * value > 0.2:
                assert min(abs((hue - other + 0.5) % 1.0 - 0.5) for other in brush) > 0.06, colour


def test_unknown_split_and_task_are_named() -> None:
    with pytest.raises(DreamitateError, match=r"'exam'. Known: test, train"):
        load_objects("sweeping", "particles", "exam")
    with pytest.raises(DreamitateError, match="no object list"):
        load_objects("juggling", "particles", "test")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("{shape: cube, size_mm: [1, 1, 1], colour: [1, 1, 1]}", "Unknown shape of thing 'cube'"),
        ("{shape: box, size_mm: [1, 1], colour: [1, 1, 1]}", "thing: a box has 3 positive sizes"),
        ("{shape: box, size_mm: [1, 1, 1]}", "missing or wrong: 'colour'"),
        ("", "thing has no parts"),
    ],
)
def test_wrong_entries_are_named(
    part: str, said: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("config")
    (folder / "objects").mkdir()
    entry = f"particles:\n  train:\n    - {{name: thing, mass_g: 1, parts: [{part}]}}\n"
    (folder / "objects" / "sweeping.yaml").write_text(entry)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(folder))
    with pytest.raises(DreamitateError, match=said):
        load_objects("sweeping", "particles", "train")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("grains: {train: [], test: []}", "particles, train: at least 1 objects are needed, there are none"),
        ("particles: {learn: []}", "particles, train: at least 1 objects are needed, there are none"),
        ("particles: {train: []}", "there are 0"),
        ("particles: [", "sweeping.yaml is not YAML: .*line 1"),
        ("- particles", "must hold named values"),
    ],
)
def test_a_list_that_is_renamed_empty_or_broken_is_one_line(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "sweeping.yaml").write_text(text)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(tmp_path))
    with pytest.raises(DreamitateError, match=said) as error:
        load_objects("sweeping", "particles", "train")
    assert "\n" not in str(error.value)


def test_too_few_distractors_are_told_before_a_scene_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = yaml.safe_load((config_dir() / "objects" / "sweeping.yaml").read_text())
    lists["distractors"]["test"] = lists["distractors"]["test"][:4]
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "sweeping.yaml").write_text(yaml.safe_dump(lists))
    task = load_task("sweeping")
    monkeypatch.setenv("DREAMITATE_CONFIG", str(tmp_path))
    with pytest.raises(DreamitateError, match="distractors, test: at least 5 objects are needed, there are 4"):
        make_scene(task, 1000, "test")
