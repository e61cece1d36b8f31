"""`dreamitate approve`: folders of which nothing waits are refused."""

import json
from pathlib import Path

import pytest

from dreamitate.cli import main


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (None, "is not the folder of a rollout"),
        ({"ended": "running", "settings": {"task": "sweeping"}}, "is not the folder of a rollout"),
        ({"ended": "completed", "settings": {"domain": 3}}, "has ended already: completed"),
    ],
)
def test_nothing_waits_there(tmp_path: Path, record: object, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    if record is not None:
        (tmp_path / "verdict.json").write_text(json.dumps(record))
    assert main(["approve", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
