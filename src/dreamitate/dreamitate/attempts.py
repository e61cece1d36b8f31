"""Several attempts at one task, each from where the one before left things; the best counts (paper section 4.5)."""

from typing import Any

from .run_folder import RunFolder


class Attempts:
    """Counts the attempts of a rollout and remembers the best one's verdict.

    Each has a folder of its own inside the rollout's; in the end the best one's contents, or where none was carried
    through the last one's, are moved up. A task with one attempt needs no folders inside.
    """

    def __init__(self, most: int, best_by: str, folder: RunFolder | None) -> None:
        """best_by: the verdict's figure that decides; folder: the rollout's, None where nothing is kept."""
        self.most, self._best_by = most, best_by
        self._whole = self.folder = folder
        self._best: tuple[int, dict[str, Any]] | None = None
        self._judged = 0
        self.number = 0
        """Of the running attempt, from 1 on."""

    def another(self) -> bool:
        """Begin another attempt, with its `folder`, unless one has succeeded or all are used up; return whether."""
        if self.number == self.most or (self._best is not None and self._best[1]["success"]):
            return False
        self._put_demonstration_away()
        self.number += 1
        if self._whole is not None and self.most > 1:
            self.folder = self._whole.attempt(self.number)
        return True

    def add(self, verdict: dict[str, Any]) -> bool:
        """Note the running attempt's verdict (success, figures, text); return whether it is the best so far."""
        self._judged += 1
        if self._best is not None and not self._worth(verdict) > self._worth(self._best[1]):
            return False
        self._best = self.number, verdict
        return True

    @property
    def any_done(self) -> bool:
        """Whether an attempt was carried through and judged."""
        return self._best is not None

    def verdict(self) -> dict[str, Any]:
        """Return the best attempt's verdict, which says, where there may be several, which it was of how many.

        Raises ValueError where none was added.
        """
        if self._best is None:
            raise ValueError("No attempt was carried through.")
        number, verdict = self._best
        if self.most == 1:
            return verdict
        refused = self.number - self._judged
        figures = {"attempt": float(number), "attempts": float(self.number), "attempts_refused": float(refused)}
        said = f"{verdict['text']} Attempt {number} of {self.number}{f', {refused} refused' if refused else ''}."
        return {**verdict, "figures": {**verdict["figures"], **figures}, "text": said}

    def close(self) -> None:
        """Move the best attempt's contents up, into the rollout's own folder."""
        self._put_demonstration_away()
        if self._whole is not None and self.most > 1 and self.number:
            self._whole.adopt(self._best[0] if self._best else self.number)

    def _put_demonstration_away(self) -> None:
        """What the simulator demonstrated for an attempt stays with it."""
        if self._whole is not None and self.folder is not None and self.folder is not self._whole:
            shown = self._whole.path / "demonstration"
            if shown.is_dir():
                shown.rename(self.folder.path / shown.name)

    def _worth(self, verdict: dict[str, Any]) -> tuple[bool, float]:
        return verdict["success"], verdict["figures"][self._best_by] if self._best_by else 0.0
