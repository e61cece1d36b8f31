"""The conditions under which tracking is measured, and what each must reach."""

from dataclasses import dataclass

from dreamitate_track.synthetic import Conditions, Spoil

REPORTING_SEEDS, DEVELOPMENT_SEEDS = range(0, 30), range(1000, 1030)
"""Test clips for reports, and those to develop with."""


@dataclass(frozen=True)
class Condition:
    """One row of the table. bar: median mm, 95 % mm, median degrees, 95 % degrees, or None; fusions: to compare."""

    shows: Conditions
    bar: tuple[float, float, float, float] | None
    whole_share: float = 0.0


CONDITIONS: dict[str, Condition] = {
    "768x448": Condition(Conditions(), (2.0, 4.5, 1.0, 2.2)),
    "384x224": Condition(Conditions(width=384, height=224), (2.6, 6.0, 1.6, 3.5)),
    "192x112": Condition(Conditions(width=192, height=112), (3.8, 8.5, 3.5, 7.0)),
    "disagreement": Condition(Conditions(spoil=Spoil(shift_px=2.0, bias_px=8.0)), (4.0, 7.5, 1.2, 2.8)),
    "head": Condition(Conditions(tracked="head"), (3.5, 8.0, 3.0, 7.0)),
    "handle": Condition(Conditions(tools="scoop", tracked="handle"), (3.5, 8.0, 3.0, 7.0)),
    "mirrored": Condition(Conditions(tools="plates"), (3.0, 7.0, 1.5, 3.5)),
    "big_hand": Condition(Conditions(hand_m=0.055), None, 0.95),
    "any_yaw": Condition(Conditions(any_yaw=True), None, 0.95),
}
