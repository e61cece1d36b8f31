"""Track tools in each view alone with a single-image estimator: detect once, then refine on from step to step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig
from dreamitate_core.progress import Progress
from dreamitate_core.video import STEPS

from .estimator import Estimator, Guess
from .foreground import Box
from .hints import Hints

Array = NDArray[np.float64]

ACCEPTED = 0.8
"""The release has a person draw the box anew below this score."""
TRIES = 4
"""Steps in which a good detection is looked for before the best one so far is taken."""
AGAIN = 0.5
"""Below this score a pose that was tracked on is compared with a fresh detection."""
LOST = 0.2
"""Below this score a view has no pose."""
GAP_M = 0.1
"""Hypotheses of two views this far apart cost as much as a score of one."""


@dataclass
class ViewTracks:
    """Of one tool. poses: (2, 12, 4, 4) transform_tool_to_camera; scores: (2, 12), 0 where a view has no pose."""

    poses: Array
    scores: Array


class Sight:
    """What both views show, and who looks. boxes: by step and view, in pixels, those that may hold a tool."""

    def __init__(
        self,
        estimator: Estimator,
        pairs: NDArray[np.uint8],
        rig: StereoRig,
        tools: Sequence[str],
        boxes: list[list[list[Box]]],
        hints: Hints,
    ) -> None:
        self.tools, self._estimator, self._pairs, self._rig = list(tools), estimator, pairs, rig
        self._boxes, self._hints = boxes, hints

    def weight(self, step: int) -> float:
        """Return how much both views together show of what may be a tool; a person's box counts most."""
        said = sum(step == place[0] for name in self.tools if name in self._hints for place in self._hints[name].boxes)
        return min(sum(box.weight for box in view) for view in self._boxes[step]) + 1e9 * said

    def detected(self, step: int, view: int) -> dict[str, list[Guess]]:
        """Return per tool its hypotheses in one picture; each tool has a box of its own."""
        asked = [(name, box) for name in self.tools for box in self._boxes_of(name, step, view)]
        if not asked:
            return {name: [] for name in self.tools}
        camera = self._rig.cameras[view]
        corners = np.stack([box.corners for _, box in asked])
        names = [name for name, _ in asked]
        guesses = self._estimator.detect(self._pairs[step, view], camera.K, names, corners)
        best = {index: max((g.score for g in guesses if g.asked == index), default=0.0) for index in range(len(asked))}
        chosen = _assigned(self.tools, [(name, tuple(box.corners), best[n]) for n, (name, box) in enumerate(asked)])
        return {name: [g for g in guesses if g.asked == chosen.get(name)] for name in self.tools}

    def refined(self, step: int, view: int, poses: dict[str, Array]) -> dict[str, Guess]:
        """Return the poses refined on one picture."""
        names = list(poses)
        camera = self._rig.cameras[view]
        guesses = self._estimator.refine(self._pairs[step, view], camera.K, names, np.stack([*poses.values()]))
        return {names[guess.asked]: guess for guess in guesses}

    def in_reference(self, view: int, pose: Array) -> Array:
        """Return a pose tool to camera as tool to reference."""
        return self._rig.cameras[view].transform_camera_to_reference @ pose

    def _boxes_of(self, name: str, step: int, view: int) -> list[Box]:
        if name in self._hints and (step, view) in self._hints[name].boxes:
            return [Box(self._hints[name].boxes[step, view], 1.0)]
        if name in self._hints and (step, view) in self._hints[name].masks:
            rows, columns = np.nonzero(self._hints[name].masks[step, view])
            return [Box(np.array([columns.min(), rows.min(), columns.max(), rows.max()], float), 1.0)]
        return self._boxes[step][view][: len(self.tools)]


def track_views(sight: Sight, turns: dict[str, Array], progress: Progress) -> dict[str, ViewTracks]:
    """Return each tool's track in both views. turns: per tool the half turns (G, 4, 4) under which it looks alike."""
    tracks = {name: ViewTracks(np.tile(np.eye(4), (2, STEPS, 1, 1)), np.zeros((2, STEPS))) for name in sight.tools}
    start = _started(sight, tracks, turns, progress)
    done = 0
    for view in range(2):
        for way in (1, -1):
            last: dict[str, Array] = {}
            for name, track in tracks.items():
                if track.scores[view, start[name]] > 0:
                    last[name] = track.poses[view, start[name]]
            for step in range(STEPS) if way == 1 else range(STEPS - 1, -1, -1):
                progress("MegaPose: tracking on", done / (4 * STEPS))
                done += 1
                going = {name: pose for name, pose in last.items() if way * (step - start[name]) > 0}
                if going:
                    _step(sight, tracks, turns, step, view, going)
                    last.update({name: tracks[name].poses[view, step] for name in going})
    return tracks


def _started(
    sight: Sight, tracks: dict[str, ViewTracks], turns: dict[str, Array], progress: Progress
) -> dict[str, int]:
    """Enter the best detection of each tool into its track; return the step of each."""
    start, value = dict.fromkeys(sight.tools, 0), dict.fromkeys(sight.tools, 0.0)
    order = sorted((step for step in range(STEPS) if sight.weight(step) > 0), key=lambda step: -sight.weight(step))
    for number, step in enumerate(order[:TRIES] or range(STEPS)):
        progress("MegaPose: looking for the tool", number / TRIES)
        found = [sight.detected(step, view) for view in range(2)]
        for name in sight.tools:
            pair = _consistent(sight, found[0][name], found[1][name], turns[name])
            total = sum(guess.score for guess in pair if guess)
            if total > value[name]:
                start[name], value[name] = step, total
                tracks[name].scores[:] = 0
                for view, guess in enumerate(pair):
                    if guess and guess.score >= LOST:
                        tracks[name].poses[view, step], tracks[name].scores[view, step] = guess.pose, guess.score
        if all(total >= 2 * ACCEPTED for total in value.values()):
            break
    return start


def _consistent(sight: Sight, ones: list[Guess], twos: list[Guess], turns: Array) -> tuple[Guess | None, Guess | None]:
    """Return the pair of hypotheses that have good scores and agree; turned over counts as agreeing."""
    if not ones or not twos:
        return max(ones, key=lambda g: g.score, default=None), max(twos, key=lambda g: g.score, default=None)

    def value(pair: tuple[Guess, Guess]) -> float:
        one, two = (sight.in_reference(view, guess.pose) for view, guess in enumerate(pair))
        apart = float(np.linalg.norm(one[:3, 3] - two[:3, 3])) / GAP_M
        turn = float(se3.rotation_distance_rad(one @ turns, two).min()) / np.pi
        return pair[0].score + pair[1].score - min(1.0, apart) - turn

    return max(((one, two) for one in ones for two in twos), key=value)


def _step(
    sight: Sight,
    tracks: dict[str, ViewTracks],
    turns: dict[str, Array],
    step: int,
    view: int,
    before: dict[str, Array],
) -> None:
    """Track on from the poses before; detect anew those that come out badly. A pose that is lost stays where it was."""
    refined = sight.refined(step, view, before)
    bad = [name for name in before if name not in refined or refined[name].score < AGAIN]
    fresh = sight.detected(step, view) if bad else {}
    for name in before:
        options = [refined[name]] if name in refined else []
        if name in bad:
            options += fresh[name]

        def value(guess: Guess, near: Array = before[name], ways: Array = turns[name]) -> float:
            return guess.score - 0.5 * float(se3.rotation_distance_rad(guess.pose @ ways, near).min()) / np.pi

        best = max(options, key=value, default=None)
        found = best is not None and best.score >= LOST
        tracks[name].poses[view, step] = best.pose if best is not None and found else before[name]
        tracks[name].scores[view, step] = best.score if best is not None and found else 0.0


def _assigned(names: list[str], asked: list[tuple[str, tuple[float, ...], float]]) -> dict[str, int]:
    """Return per tool the index of what was asked, so that no two tools have one box and the scores are highest."""
    boxes = list(dict.fromkeys(box for _, box, _ in asked))
    index = {(name, box): n for n, (name, box, _) in enumerate(asked)}
    most, chosen = -1.0, {}
    slots = [*range(len(boxes)), *[-1] * len(names)]
    for places in set(permutations(slots, len(names))):
        taken = {name: index.get((name, boxes[place])) for name, place in zip(names, places, strict=True) if place >= 0}
        used = {name: n for name, n in taken.items() if n is not None}
        total = sum(asked[n][2] for n in used.values())
        if total > most:
            most, chosen = total, used
    return chosen
