"""Two arms in step: one time law for both, kept apart all the way; what one cannot do, neither does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice, product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup
from dreamitate_core.plan import Plan
from dreamitate_core.progress import Progress
from dreamitate_core.task import Task
from dreamitate_core.trajectory import ToolTrajectory

from .arms_apart import ArmsApart
from .branches import Stations
from .embedded import DETOURED_MOST, EmbeddedPlanner, Wanted, furthest
from .moves import Way, make_moves, make_plan, make_way
from .refusal import PlanRefused, Reason
from .timing import limits_of
from .track_check import FEWEST_POSES

Array = NDArray[np.float64]

WAYS_EACH = 5
"""How many ways of each arm are combined."""
TIME_ROUNDING_S = 1e-6


class PairPlanner:
    """One task's two arms. Raises PlanRefused that names the arm, the waypoint, the number and the limit."""

    def __init__(self, task: Task, arms: Sequence[ArmSetup]) -> None:
        self._planners = [EmbeddedPlanner(task, arm) for arm in arms]
        self._names = [arm.name for arm in arms]
        both = self._planners
        self._apart = ArmsApart(arms, [p.chain for p in both], [p.world for p in both], [p.reach_m for p in both])
        first = self._planners[0].robot.dof
        self._columns = slice(None, first), slice(first, None)
        self._limits = limits_of(*(arm.robot for arm in arms))

    def plan(
        self, tracks: Sequence[ToolTrajectory], start_positions: Sequence[ArrayLike], progress: Progress
    ) -> list[Plan]:
        """Return one plan per arm with the same times: both start together, follow in step, and stop together."""
        progress("check", 0.0)
        wanted = []
        for name, planner, track, start in zip(self._names, self._planners, tracks, start_positions, strict=True):
            with _naming(name):
                wanted.append(planner.look(track, start))
        self._check_starts(wanted)
        span_s = self._common_span(tracks, wanted)
        number = max(p.stations_needed(w.path, span_s) for p, w in zip(self._planners, wanted, strict=True))
        alone = [p.stations(w, span_s, number) for p, w in zip(self._planners, wanted, strict=True)]
        stations = [self._seen(alone, own) for own in (0, 1)]
        progress("reach", 0.2)
        way = self._search(stations, wanted, progress)
        progress("timing", 0.8)
        moves = make_moves(way, self._limits, self._planners[0].settings)
        plans = []
        for planner, want, track, own in zip(self._planners, wanted, tracks, self._columns, strict=True):
            times = track.time_s[want.frames]
            times, notes = times[(times >= span_s[0]) & (times <= span_s[1])], [*want.notes, moves.note()]
            plans.append(make_plan(moves, own, planner.arm, planner.chain, want.path, times, notes))
        return plans

    def _check_starts(self, wanted: Sequence[Wanted]) -> None:
        contact = self._apart.contact(np.concatenate([want.start for want in wanted])[None])
        if contact is not None:
            raise PlanRefused(Reason.START_STATE, f"where the arms are now, {contact[1]}. Move one away by hand.")

    def _common_span(self, tracks: Sequence[ToolTrajectory], wanted: Sequence[Wanted]) -> tuple[float, float]:
        """Return the first and the last time of the clip at which both tools are known."""
        one, two = (track.time_s for track in tracks)
        if len(one) != len(two) or np.abs(one - two).max() > TIME_ROUNDING_S:
            at = 0 if len(one) != len(two) else int(np.abs(one - two).argmax())
            text = f"the two tools are tracked at different times ({one[at]:.3f} s and {two[at]:.3f} s)."
            raise PlanRefused(Reason.NOT_IN_STEP, text, at, abs(one[at] - two[at]), TIME_ROUNDING_S)
        common = np.intersect1d(wanted[0].frames, wanted[1].frames)
        if len(common) < FEWEST_POSES:
            text = f"both tools are seen together in {len(common)} frames; at least {FEWEST_POSES} are needed."
            raise PlanRefused(Reason.LOST_TRACK, text, None, len(common), FEWEST_POSES)
        paths = [want.path for want in wanted]
        return max(float(path.time_s[0]) for path in paths), min(float(path.time_s[-1]) for path in paths)

    def _seen(self, stations: Sequence[Stations], own: int) -> Stations:
        """Return an arm's stations with the other tool's tip in them."""
        planner, other = self._planners[own], self._planners[1 - own]
        to_own = se3.inverse(planner.arm.transform_base_to_table) @ other.arm.transform_base_to_table
        poses = to_own @ stations[1 - own].transform_tool_to_base
        return replace(stations[own], other=poses[:, :3, :3] @ other.tool.tip + poses[:, :3, 3])

    def _search(self, stations: Sequence[Stations], wanted: Sequence[Wanted], progress: Progress) -> Way:
        """Return the first pair of ways that holds along the whole motion, one without detours if there is one."""
        each = []
        for name, planner, path, want in zip(self._names, self._planners, stations, wanted, strict=True):
            each.append(_Ways(name, planner, path, want.start, progress))
        for ways in each:
            ways.get(0)
        start = np.concatenate([want.start for want in wanted])
        home = np.concatenate([planner.robot.home for planner in self._planners])
        pairs = _Pairs(each, self._apart, stations[0], progress)
        for one, two in pairs.order:
            if each[0].straight(one) and each[1].straight(two) and (q := pairs.get(one, two)) is not None:
                there, back = self._connect(start, q[0], None), self._connect(q[-1], home, None)
                if there is not None and back is not None:
                    return make_way(q, stations[0], there, back)
        apart = (q for one, two in pairs.order if (q := pairs.get(one, two)) is not None)
        for q in islice(apart, DETOURED_MOST):
            there = self._connect(start, q[0], progress)
            back = None if there is None else self._connect(q[-1], home, progress)
            if there is not None and back is not None:
                return make_way(q, stations[0], there, back)
        if pairs.any_apart:
            raise PlanRefused(Reason.NO_FREE_PATH, "no way to the paths and home was found that touches nothing.")
        raise furthest(pairs.refusals)

    def _connect(self, start: Array, goal: Array, detour: Progress | None) -> Array | None:
        """Return vertices (K, dofs) from start to goal for both arms, or None where nothing free is found.

        Both at once if they keep apart, else one after the other; with detours around things where that is asked for.
        """
        ways = []
        for planner, part in zip(self._planners, self._columns, strict=True):
            way = np.stack([start[part], goal[part]])
            if planner.space.contact(way) is not None:
                detoured = None if detour is None else planner.space.connect(start[part], goal[part], detour)
                if detoured is None:
                    return None
                way = detoured
            ways.append(way)
        one, two = ways
        first = np.concatenate([_beside(one, two[:1]), _beside(one[-1:], two[1:])])
        second = np.concatenate([_beside(one[:1], two), _beside(one[1:], two[-1:])])
        both = [np.stack([start, goal])] if len(one) == len(two) == 2 else []
        return next((way for way in [*both, first, second] if self._apart.contact(way) is None), None)


def _beside(one: Array, two: Array) -> Array:
    """Return (K, dofs): the vertices of one arm beside the other's, of which one stands still (has one vertex)."""
    number = max(len(one), len(two))
    return np.concatenate([np.broadcast_to(part, (number, part.shape[1])) for part in (one, two)], axis=1)


class _Ways:
    """The ways (N, dof) that hold for one arm alone, looked for when they are asked for."""

    def __init__(
        self, name: str, planner: EmbeddedPlanner, stations: Stations, start: Array, progress: Progress
    ) -> None:
        self._name, self._found = name, list[Array]()
        self._planner, self._start = planner, start
        self._straight: dict[int, bool] = {}
        self._refusals: list[PlanRefused] = []
        self._left = planner.ways(stations, start, progress, self._refusals)

    def get(self, number: int) -> Array | None:
        """Return the way of that number, None where there are fewer. Raises PlanRefused where there is none at all."""
        with _naming(self._name):
            while len(self._found) <= number:
                way = next(self._left, None)
                if way is None and not self._found:
                    raise furthest(self._refusals)
                if way is None:
                    return None
                self._found.append(way)
        return self._found[number]

    def straight(self, number: int) -> bool:
        """Whether there is the way of that number, and the straight motions to it and home touch nothing."""
        if number not in self._straight:
            way, space = self.get(number), self._planner.space
            self._straight[number] = way is not None and (
                space.contact(np.stack([self._start, way[0]])) is None
                and space.contact(np.stack([way[-1], self._planner.robot.home])) is None
            )
        return self._straight[number]


class _Pairs:
    """The arms' ways side by side (N, dofs), each pair looked at once."""

    def __init__(self, each: Sequence[_Ways], arms_apart: ArmsApart, stations: Stations, progress: Progress) -> None:
        self.order = sorted(product(range(WAYS_EACH), repeat=2), key=sum)
        self.refusals: list[PlanRefused] = []
        self._each, self._arms_apart, self._stations, self._progress = each, arms_apart, stations, progress
        self._seen: dict[tuple[int, int], Array | None] = {}

    @property
    def any_apart(self) -> bool:
        """Whether the arms keep apart in any pair that was looked at."""
        return any(q is not None for q in self._seen.values())

    def get(self, one: int, two: int) -> Array | None:
        """Return a pair, None where there is none or the arms do not keep apart."""
        if (one, two) not in self._seen:
            self._progress("both arms", 0.6)
            self._seen[one, two] = self._look(one, two)
        return self._seen[one, two]

    def _look(self, one: int, two: int) -> Array | None:
        first, second = self._each[0].get(one), self._each[1].get(two)
        if first is None or second is None:
            return None
        q = np.concatenate([first, second], axis=1)
        contact = self._arms_apart.contact(q)
        if contact is None:
            return q
        text = f"{self._stations.on_the_way(contact[0])}{contact[1]}."
        self.refusals.append(PlanRefused(Reason.ARMS_COLLIDE, text, int(self._stations.waypoint[contact[0]])))
        return None


@contextmanager
def _naming(arm: str) -> Iterator[None]:
    """Give refusals the name of the arm whose path it is."""
    try:
        yield
    except PlanRefused as refused:
        raise refused.of(arm) from None
