"""Several attempts: the best counts, and what it left stands in the rollout's own folder."""

from pathlib import Path
from typing import Any

import pytest

from dreamitate.attempts import Attempts
from dreamitate.run_folder import RunFolder


def verdict(iou: float, success: bool = False) -> dict[str, Any]:
    return {"success": success, "figures": {"iou": iou}, "text": f"IoU {iou}."}


def begin(tries: Attempts, folder: Path, iou: float, success: bool = False) -> bool:
    """Begin an attempt, leave a file in the rollout's folder, and judge it."""
    assert tries.another()
    (folder / "plan.npz").write_text(str(tries.number))
    return tries.add(verdict(iou, success))


def test_the_best_counts_and_its_files_move_up(tmp_path: Path) -> None:
    tries = Attempts(3, "iou", RunFolder(tmp_path))
    (tmp_path / "verdict.json").write_text("{}")
    (tmp_path / "rollout").mkdir()
    assert [begin(tries, tmp_path, iou) for iou in (0.5, 0.7, 0.6)] == [True, True, False]
    assert not tries.another()
    tries.close()
    best = tries.verdict()
    assert best["figures"] == {"iou": 0.7, "attempt": 2.0, "attempts": 3.0, "attempts_refused": 0.0}
    assert best["text"] == "IoU 0.7. Attempt 2 of 3."
    assert (tmp_path / "plan.npz").read_text() == "2"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("attempt_1", "attempt_3", "judged.txt", "plan.npz", "rollout", "verdict.json")
    ]


def test_an_attempt_that_was_refused_is_counted(tmp_path: Path) -> None:
    tries = Attempts(2, "iou", RunFolder(tmp_path))
    assert tries.another()
    tries.refuse("The tool is lost.")
    begin(tries, tmp_path, 0.7)
    assert tries.verdict()["text"] == "IoU 0.7. Attempt 2 of 2, 1 refused."


def test_success_ends_it_even_over_a_better_figure(tmp_path: Path) -> None:
    tries = Attempts(4, "iou", RunFolder(tmp_path))
    begin(tries, tmp_path, 0.9)
    begin(tries, tmp_path, 0.86, success=True)
    assert not tries.another()
    assert tries.verdict()["success"]


def test_what_the_simulator_demonstrates_stays_with_its_attempt(tmp_path: Path) -> None:
    tries = Attempts(2, "iou", RunFolder(tmp_path))
    for number, iou in ((1, 0.8), (2, 0.2)):
        begin(tries, tmp_path, iou)
        (tmp_path / "demonstration").mkdir()
        (tmp_path / "demonstration" / "clip.json").write_text(str(number))
    tries.close()
    assert (tmp_path / "demonstration" / "clip.json").read_text() == "1"
    assert (tmp_path / "attempt_2" / "demonstration" / "clip.json").read_text() == "2"


def test_a_refused_dream_is_put_away_and_the_next_one_stands_in_the_folder(tmp_path: Path) -> None:
    tries = Attempts(1, "", RunFolder(tmp_path))
    assert tries.another()
    (tmp_path / "track.npz").write_text("lost")
    tries.refuse("The tool is lost.")
    begin(tries, tmp_path, 0.4)
    assert not tries.another()
    tries.close()
    assert (tmp_path / "plan.npz").read_text() == "2"
    assert [path.name for path in sorted((tmp_path / "attempt_1").iterdir())] == ["refused.txt", "track.npz"]
    assert (tmp_path / "attempt_1" / "refused.txt").read_text() == "The tool is lost.\n"
    assert tries.verdict()["figures"] == {"iou": 0.4, "attempt": 2.0, "attempts": 2.0, "attempts_refused": 1.0}


def test_the_last_one_stands_in_the_folder_where_all_were_refused(tmp_path: Path) -> None:
    tries = Attempts(1, "", RunFolder(tmp_path))
    while tries.another():
        (tmp_path / "track.npz").write_text(str(tries.number))
    tries.close()
    assert (tries.number, tries.is_judged) == (4, False)
    assert (tmp_path / "track.npz").read_text() == "4"
    assert (tmp_path / "attempt_3" / "track.npz").read_text() == "3"


def test_a_motion_that_was_stopped_is_no_refusal(tmp_path: Path) -> None:
    tries = Attempts(4, "iou", RunFolder(tmp_path))
    begin(tries, tmp_path, 0.6)
    assert tries.another()  # and the arm stops on its way
    assert tries.verdict()["text"] == "IoU 0.6. Attempt 1 of 2."


def test_no_fewer_dreams_than_moves() -> None:
    assert [Attempts(moves, "", None, most=1).most for moves in (1, 4)] == [1, 4]


def test_one_attempt_needs_no_folder_inside(tmp_path: Path) -> None:
    tries = Attempts(1, "", RunFolder(tmp_path))
    begin(tries, tmp_path, 0.4)
    tries.close()
    assert not tries.another()
    assert tries.verdict() == verdict(0.4)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.npz"]


def test_without_an_attempt_there_is_no_verdict(tmp_path: Path) -> None:
    tries = Attempts(2, "iou", RunFolder(tmp_path))
    assert tries.another()
    tries.close()
    assert not tries.is_judged
    with pytest.raises(ValueError, match="carried through"):
        tries.verdict()
