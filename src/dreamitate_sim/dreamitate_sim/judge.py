"""How a trial ended: success, with the figures that it rests on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """success: by the task's criterion; figures: by name, with the unit in the name; text: one sentence."""

    success: bool
    figures: dict[str, float]
    text: str
