"""What a task file says of its goal and its attempts."""

from dataclasses import replace
from pathlib import Path

import pytest

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import load_task

TASK = "description: d\nrobot: ur5\ntools: [pusher]\nrig: paper\nclip_duration_s: 2.0\n"


def test_the_size_of_dreams_is_in_the_file() -> None:
    task = load_task("sweeping")
    assert task.dream_size == (768, 448)
    generator = {name: value for name, value in task.section("generator").items() if name != "width"}
    with pytest.raises(DreamitateError, match=r"sweeping.yaml needs the number width; it is missing"):
        replace(task, settings={**task.settings, "generator": generator}).dream_size  # noqa: B018


def test_push_shape_shows_its_goal_and_sweeping_does_not() -> None:
    push, sweep = load_task("push_shape"), load_task("sweeping")
    assert (push.shows_goal, push.attempts, push.best_by) == (True, 4, "iou")
    assert (sweep.shows_goal, sweep.attempts) == (False, 1)


def test_people_who_turn_things_have_a_habit() -> None:
    assert load_task("rotation").best_way_share > load_task("sweeping").best_way_share == 0.5


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("goal: picture", r"Unknown goal in .*bad.yaml 'picture'. Known: mask"),
        ("attempts: 0", "attempts must be a whole number from 1 on; it is 0"),
        ("attempts: many", "it is 'many'"),
        ("attempts: 3", "best_by must name the figure that decides"),
        ("best_way_share: 0", "best_way_share must be a number above 0 and at most 1; it is 0"),
        ("best_way_share: often", "it is 'often'"),
        ("turn_rad: 6.3", "turn_rad must be a number of radians from 0 to 3.1416; it is 6.3"),
        ("surface_height_m: 25", "surface_height_m must be a number of metres from 0 to 0.3; it is 25"),
        ("mirrored: maybe", "mirrored must be true or false; it is 'maybe'"),
        ("clip_duration_s: 0", "clip_duration_s must be a number of seconds above 0; it is 0"),
        ("clip_duration_s: .nan", "above 0; it is nan"),
        ("clip_duration_s: soon", "above 0; it is 'soon'"),
    ],
)
def test_what_makes_no_sense_is_named(line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "bad.yaml").write_text(TASK + line + "\n")
    monkeypatch.setenv("DREAMITATE_CONFIG", str(tmp_path))
    with pytest.raises(DreamitateError, match=said):
        load_task("bad")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"tools: [pusher\nrobot: ur5\n", "bad.yaml is not YAML: .*line 1"),
        (b"\xff\xfe\x00", "bad.yaml is not YAML"),
        (b"- sweeping\n", "must hold named values, .*; it holds list"),
        (b"", "it holds NoneType"),
        (b"robot: ur5\n", "bad.yaml lacks 'description'"),
        (TASK.replace("[pusher]", "7").encode(), "bad.yaml is not a task file: .*'int'"),
    ],
)
def test_a_file_that_is_no_task_is_one_line(
    text: bytes, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "bad.yaml").write_bytes(text)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(tmp_path))
    with pytest.raises(DreamitateError, match=said) as error:
        load_task("bad")
    assert "\n" not in str(error.value)


def test_a_task_file_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks" / "bad.yaml").mkdir(parents=True)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(tmp_path))
    with pytest.raises(DreamitateError, match=r"bad.yaml cannot be read: Is a directory"):
        load_task("bad")
