"""When the coordinator has another dream: after a refusal, and never after a motion that nobody judged."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from dreamitate_msgs.action import ExecuteTrajectory, GenerateVideo, TrackTool

from dreamitate.attempts import Attempts
from dreamitate.coordinator_node import CoordinatorNode
from dreamitate_core.errors import DreamitateError
from dreamitate_ros.stage_node import StageError

DONE = {"success": True, "figures": {}, "text": "Done."}
LOST = StageError(ExecuteTrajectory.Result.BAD_TRACK, "The tool is lost.")
UNSEEN = StageError(TrackTool.Result.TOOL_NOT_FOUND, "No frame shows the tool.")
NO_IMAGES = StageError(GenerateVideo.Result.NO_IMAGES, "The camera sends nothing.")
NOT_APPROVED = StageError(ExecuteTrajectory.Result.NOT_APPROVED, "A person said no.")

Outcome = StageError | dict[str, Any] | None


def roll_out(outcomes: list[Outcome], moves: int = 1, stage: str = "plan") -> Any:
    """Carry out a rollout whose attempts end so: an error in a stage, a verdict, or None where nobody judges.

    Return the run; fails where an attempt follows that should not.
    """
    tries = Attempts(moves, "iou" if moves > 1 else "", None)
    ending = SimpleNamespace(success=None, figures={}, text="")
    run = SimpleNamespace(tries=tries, another=tries.another, name=stage, ending=ending, seeds=[], verdict={})
    run.say = lambda _: None
    run.all_refused = lambda last: StageError(last.code, f"All {tries.number}: {last}")
    left = iter(outcomes)

    def attempt(_: object, __: object, seed: int) -> None:
        run.seeds.append(seed + tries.number - 1)
        outcome = next(left)
        if isinstance(outcome, Exception):
            raise outcome
        tries.add(outcome)

    node = SimpleNamespace(
        value=lambda _: False,  # not simulated: there is no scene to set up
        _attempt=attempt,
        _verdicts=SimpleNamespace(publish=lambda _: None),
        _verdict=lambda *_: None,
    )
    stages: Callable[..., None] = CoordinatorNode._stages
    stages(node, run, None, 5)
    assert not list(left)
    return run


@pytest.mark.parametrize("refusal", [LOST, UNSEEN])
def test_a_refused_dream_is_followed_by_another(refusal: StageError) -> None:
    run = roll_out([refusal, refusal, DONE])
    assert run.seeds == [5, 6, 7]
    assert run.ending.success
    assert run.verdict["text"] == "Done. Attempt 3 of 3, 2 refused."


def test_the_first_dream_says_nothing_of_attempts() -> None:
    assert roll_out([DONE]).verdict == DONE


def test_after_four_it_ends() -> None:
    with pytest.raises(DreamitateError, match="All 4: The tool is lost"):
        roll_out([LOST] * 4)


@pytest.mark.parametrize("problem", [NO_IMAGES, NOT_APPROVED])
def test_what_another_dream_does_not_mend_ends_it(problem: StageError) -> None:
    with pytest.raises(StageError) as error:
        roll_out([problem])
    assert error.value is problem


def test_no_dream_follows_what_ended_a_motion() -> None:
    with pytest.raises(StageError):
        roll_out([LOST], stage="execute")


@pytest.mark.parametrize("outcomes", [[None], [LOST, None]])
def test_where_nobody_judges_the_arm_moves_once(outcomes: list[Outcome]) -> None:
    run = roll_out(outcomes)
    assert (run.tries.carried_out, run.verdict, run.ending.success) == (1, {}, None)


def test_refused_dreams_count_among_the_four_of_a_task_with_several_moves() -> None:
    short = {"success": False, "figures": {"iou": 0.5}, "text": "IoU 0.5."}
    run = roll_out([short, LOST, short, short], moves=4)
    assert run.seeds == [5, 6, 7, 8]
    assert run.verdict["figures"] == {"iou": 0.5, "attempt": 1.0, "attempts": 4.0, "attempts_refused": 1.0}
