"""The page on adding a task, followed to the letter: its files are written, a demonstration and an episode are run."""

import re
from pathlib import Path

import numpy as np
import pytest

from dreamitate.pipeline import run_episode
from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import config_dir
from dreamitate_core.task import load_task
from dreamitate_sim.demonstrations import demonstration
from dreamitate_sim.objects import load_objects
from dreamitate_sim.scene import make_scene

PAGE = Path(__file__).resolve().parents[2] / "docs" / "new_task.md"
SIZE = (192, 112)
"""The small models' size, in place of the paper's."""


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the configuration with the page's files, and the page's module on Python's path."""
    config = tmp_path / "config"
    for file in (path for path in config_dir().rglob("*") if path.is_file()):
        copy = config / file.relative_to(config_dir())
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(file)
    for name, text in page_files().items():
        small = text.replace("width: 768", f"width: {SIZE[0]}").replace("height: 448", f"height: {SIZE[1]}")
        (tmp_path / name).write_text(small)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(config))
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def page_files() -> dict[str, str]:
    """What the page has written where: for each heading that names a file, its block."""
    found = re.findall(r"^## [^`\n]*`([^`]+)`\n.*?^```\w+\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    return dict(found)


def test_the_page_s_task_is_demonstrated_and_done(workplace: Path) -> None:
    assert set(page_files()) == {"config/tasks/nudge.yaml", "config/objects/nudge.yaml", "nudge.py"}
    task = load_task("nudge")
    clip = demonstration(task, 1, "train", *SIZE)
    assert clip is not None
    assert (clip.info["task"], clip.video.view_2.shape) == ("nudge", (12, SIZE[1], SIZE[0], 3))
    assert clip.info["moved_m"] == pytest.approx(0.05, abs=0.012)
    assert np.abs(clip.video.view_1[-1].astype(int) - clip.video.view_1[0]).max() > 100  # the hand and the pusher
    result = run_episode("nudge", 1000, "replay")
    assert result.success, result
    assert result.figures["error_m"] <= 0.012
    train, test = ({kind.name for kind in load_objects("nudge", "blocks", split)} for split in ("train", "test"))
    assert not train & test


def test_a_module_that_is_not_there_is_one_line(workplace: Path) -> None:
    file = workplace / "config" / "tasks" / "nudge.yaml"
    file.write_text(file.read_text().replace("scene: nudge", "scene: nowhere.nudge"))
    with pytest.raises(DreamitateError, match=r"'nowhere.nudge', which cannot be imported.*PYTHONPATH") as raised:
        make_scene(load_task("nudge"), 1, "train")
    assert "\n" not in str(raised.value)
    file.with_name("nothing.yaml").write_text(file.read_text().replace("scene: nowhere.nudge", "scene: json"))
    with pytest.raises(DreamitateError, match="Unknown task scene 'nothing'. Known: "):
        make_scene(load_task("nothing"), 1, "train")
