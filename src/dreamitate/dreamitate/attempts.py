"""The dreams of one rollout, carried out or refused; the best attempt counts (paper section 4.5)."""

from typing import Any

from dreamitate_core.task import Task

from .run_folder import RunFolder

MOST_DREAMS = 4
"""Of a rollout: one that is refused is followed by another, before anything moves (the paper's most, section 4.5)."""


def moves_of(task: Task, simulated: bool) -> int:
    """Return how often the arms of a rollout may move: real ones once, for nobody judges and a person looks between."""
    return task.attempts if simulated else 1


class Attempts:
    """Counts a rollout's attempts, each a dream that is refused or carried out, and remembers the best one's verdict.

    The running attempt fills the rollout's folder; earlier ones are put away into folders inside it, and in the end the
    best one's, or where none was carried through the last one's, contents stand in the rollout's own.
    """

    def __init__(self, moves: int, best_by: str, folder: RunFolder | None, most: int = MOST_DREAMS) -> None:
        """moves: attempts that may be carried out; best_by: the verdict's figure that decides; folder: the rollout's,
        None where nothing is kept; most: dreams in all, where moves are not more."""
        self.moves, self.most, self._best_by, self._folder = moves, max(moves, most), best_by, folder
        self._best: tuple[int, dict[str, Any]] | None = None
        self._refused = 0
        self.carried_out = 0
        """Attempts in which the arms moved, and came to the end of their paths."""
        self.number = 0
        """Of the running attempt, from 1 on."""

    def another(self) -> bool:
        """Begin another attempt, unless one has succeeded or all are used up; return whether."""
        succeeded = self._best is not None and self._best[1]["success"]
        if succeeded or self.carried_out == self.moves or self.number == self.most:
            return False
        if self._folder is not None and self.number:
            self._folder.put_away(self.number)
        self.number += 1
        return True

    def refuse(self, why: str) -> None:
        """Note that the running attempt was refused before anything moved, and why."""
        self._refused += 1
        if self._folder is not None:
            self._folder.add_refusal(why)

    def add(self, verdict: dict[str, Any] | None) -> bool:
        """Note that the running attempt was carried out, with its verdict (success, figures, text), None where nobody
        judges; return whether it is the best so far."""
        self.carried_out += 1
        if verdict is None:
            return False
        if self._folder is not None and self.moves > 1:
            self._folder.add_judgement(verdict["text"])
        if self._best is not None and not self._worth(verdict) > self._worth(self._best[1]):
            return False
        self._best = self.number, verdict
        return True

    @property
    def is_judged(self) -> bool:
        """Whether there is a verdict."""
        return self._best is not None

    def verdict(self) -> dict[str, Any]:
        """Return the best attempt's verdict, which says, where there may be several, which it was of how many.

        Raises ValueError where none was added.
        """
        if self._best is None:
            raise ValueError("No attempt was carried through.")
        number, verdict = self._best
        if self.moves == 1 and self.number == 1:
            return verdict
        refused = self._refused
        figures = {"attempt": float(number), "attempts": float(self.number), "attempts_refused": float(refused)}
        said = f"{verdict['text']} Attempt {number} of {self.number}{f', {refused} refused' if refused else ''}."
        return {**verdict, "figures": {**verdict["figures"], **figures}, "text": said}

    def close(self) -> None:
        """Let the best attempt's contents stand in the rollout's own folder."""
        if self._folder is not None and self._best is not None and self._best[0] != self.number:
            self._folder.put_away(self.number)
            self._folder.adopt(self._best[0])

    def _worth(self, verdict: dict[str, Any]) -> tuple[bool, float]:
        return verdict["success"], verdict["figures"][self._best_by] if self._best_by else 0.0
