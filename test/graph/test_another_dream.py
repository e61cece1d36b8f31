"""When the coordinator has another dream: after a refusal, and never after a motion that nobody judged."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dreamitate_msgs.action import ExecuteTrajectory, GenerateVideo, TrackTool

from dreamitate.attempts import Attempts, moves_of
from dreamitate.coordinator_node import CoordinatorNode, _Run
from dreamitate.run_folder import Ending, RunFolder
from dreamitate_core.task import load_task
from dreamitate_exec.codes_node import CODE_OF_REASON
from dreamitate_exec.refusal import Reason
from dreamitate_ros.stage_node import StageError

DONE = {"success": True, "figures": {}, "text": "Done."}
SHORT = {"success": False, "figures": {"iou": 0.5}, "text": "IoU 0.5."}
LOST = StageError(ExecuteTrajectory.Result.BAD_TRACK, "The tool is lost.")
UNSEEN = StageError(TrackTool.Result.TOOL_NOT_FOUND, "No frame shows the tool.")

Outcome = StageError | dict[str, Any] | None
RollOut = Callable[..., _Run]


@pytest.fixture
def published() -> list[Ending]:
    """The endings whose verdicts were published."""
    return []


@pytest.fixture
def roll_out(tmp_path: Path, published: list[Ending]) -> RollOut:
    """Carry out a rollout whose attempts end so: an error in a stage, a verdict, or None where nobody judges.

    Fails where an attempt follows that should not, or one is missing.
    """

    def carry_out(outcomes: list[Outcome], moves: int = 1, stage: str = "plan", generator: str = "svd") -> _Run:
        tries = Attempts(moves, "iou" if moves > 1 else "", RunFolder(tmp_path))
        goal: Any = SimpleNamespace(progress=lambda *_: None)
        run, left = _Run(goal, RunFolder(tmp_path), tries), iter(outcomes)

        def attempt(run: _Run, _: object, seed: int) -> None:
            run.name = stage
            (tmp_path / "seen.txt").write_text(str(seed + tries.number - 1))
            outcome = next(left)
            if isinstance(outcome, Exception):
                raise outcome
            tries.add(outcome)

        node: Any = SimpleNamespace(
            value={"simulated": False, "generator": generator}.get,  # not simulated: there is no scene to set up
            _attempt=attempt,
            _verdicts=SimpleNamespace(publish=published.append),
            _verdict=lambda _, ending: ending,
            _take_verdict=lambda run, goal: CoordinatorNode._take_verdict(node, run, goal),
        )
        try:
            CoordinatorNode._stages(node, run, goal, 5)
        finally:
            tries.close()
            assert not list(left)
        return run

    return carry_out


@pytest.mark.parametrize("refusal", [LOST, UNSEEN])
def test_a_refused_dream_is_followed_by_another(
    roll_out: RollOut, refusal: StageError, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = roll_out([refusal, refusal, DONE])
    assert run.ending.success
    assert run.verdict["text"] == "Done. Attempt 3 of 3, 2 refused."
    folders = [tmp_path / "attempt_1", tmp_path / "attempt_2", tmp_path]
    assert [(folder / "seen.txt").read_text() for folder in folders] == ["5", "6", "7"]
    assert (tmp_path / "attempt_2" / "refused.txt").read_text() == f"plan: {refusal}\n"
    assert not (tmp_path / "refused.txt").exists()
    assert f"Dream 1 of at most 4 was refused: {refusal}" in capsys.readouterr().out


def test_the_first_dream_says_nothing_of_attempts(roll_out: RollOut) -> None:
    assert roll_out([DONE]).verdict == DONE


def test_after_four_it_ends(roll_out: RollOut) -> None:
    with pytest.raises(StageError, match="No frame"):
        roll_out([LOST, LOST, LOST, UNSEEN])


@pytest.mark.parametrize(
    "code",
    [
        GenerateVideo.Result.NO_IMAGES,
        GenerateVideo.Result.MODEL_FAILED,
        TrackTool.Result.INVALID_GOAL,
        ExecuteTrajectory.Result.NOT_APPROVED,
        ExecuteTrajectory.Result.EMERGENCY_STOP,
        ExecuteTrajectory.Result.PLANNING_FAILED,
        CODE_OF_REASON[Reason.START_STATE.value],
    ],
)
def test_what_another_dream_does_not_mend_ends_it(roll_out: RollOut, code: int) -> None:
    with pytest.raises(StageError) as error:
        roll_out([StageError(code, "No.")])
    assert error.value.code == code


def test_no_dream_follows_what_ended_a_motion(roll_out: RollOut) -> None:
    with pytest.raises(StageError):
        roll_out([LOST], stage="execute")


def test_how_the_best_push_ended_is_said_where_a_later_one_was_stopped(
    roll_out: RollOut, published: list[Ending]
) -> None:
    stopped = StageError(ExecuteTrajectory.Result.OFF_PATH, "The arm left its path.")
    with pytest.raises(StageError, match="left its path"):
        roll_out([SHORT, stopped], moves=4, stage="execute")
    (ending,) = published
    assert ending.success is False
    assert ending.figures == {"iou": 0.5, "attempt": 1.0, "attempts": 2.0, "attempts_refused": 0.0}
    assert ending.text.startswith("IoU 0.5.")


def test_a_refused_clip_is_not_shown_again(roll_out: RollOut) -> None:
    with pytest.raises(StageError, match="lost"):
        roll_out([LOST], generator="replay")
    assert roll_out([SHORT, LOST], moves=4, generator="replay").verdict["figures"]["iou"] == 0.5


@pytest.mark.parametrize("outcomes", [[None], [LOST, None]])
def test_where_nobody_judges_the_arm_moves_once(roll_out: RollOut, outcomes: list[Outcome]) -> None:
    run = roll_out(outcomes, moves=moves_of(load_task("push_shape"), simulated=False))
    assert (run.tries.carried_out, run.verdict, run.ending.success) == (1, {}, None)


def test_refused_dreams_count_among_the_four_of_a_task_with_several_moves(roll_out: RollOut) -> None:
    run = roll_out([SHORT, LOST, SHORT, SHORT], moves=moves_of(load_task("push_shape"), simulated=True))
    assert run.verdict["figures"] == {"iou": 0.5, "attempt": 1.0, "attempts": 4.0, "attempts_refused": 1.0}


def test_nothing_moves_after_an_emergency_stop_even_if_it_was_released() -> None:
    node: Any = SimpleNamespace(_heard=SimpleNamespace(stop_pressed=True))
    with pytest.raises(StageError) as error:
        CoordinatorNode._carry_out(node, None, None, [])  # type: ignore[arg-type]  # it does not come so far
    assert error.value.code == ExecuteTrajectory.Result.EMERGENCY_STOP


def test_every_reason_of_a_planner_has_a_code() -> None:
    assert set(CODE_OF_REASON) == {reason.value for reason in Reason}
