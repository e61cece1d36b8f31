"""Where may the tool be in each frame? First without any idea, then handed on from frame to frame, both ways."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.progress import Progress

from .detect import Eyes, Hypothesis, Place, distinct, places, spread_rotations
from .maps import Maps

Array = NDArray[np.float64]
Candidates = list[list[Hypothesis]]

ROTATIONS = 400
KEPT = 8
ANY_TURN_RAD = 4.0
PLACE_M = 0.08
"""Hypotheses nearer to each other than this are in one place."""
LOOK_AROUND = se3.exp(np.array([[0.0] * 6, *(s * a for a in np.eye(6)[3:] for s in (-0.35, 0.35))]))[:, :3, :3]
"""(7, 3, 3): as it was, or turned 20 degrees either way about each axis."""


def search(eyes: Eyes, maps: Maps, tools: int, progress: Progress) -> Candidates:
    """Return per frame the best distinct hypotheses of a search without any idea where the tool is.

    tools: how many there are that may look alike; each is looked for in so many more places.
    """
    rotations = spread_rotations(ROTATIONS)

    def one(own: Eyes, step: int) -> list[Hypothesis]:
        tried: list[Hypothesis] = []
        for place in places(maps[step], own, 1 + tools):
            tried += distinct(own.searched(place, rotations, maps[step]), 12, 0.3, 0.03)
        refined = [own.refined(h.pose, maps[step], 4) for h in distinct(tried, 16 * tools, 0.3, 0.03)]
        return distinct(refined, KEPT * tools, 0.2, 0.02)

    return list(_side_by_side(one, eyes, len(maps), "searching for the tool", progress))


def search_again(eyes: Eyes, maps: Maps, candidates: Candidates, tools: int, progress: Progress) -> Candidates:
    """Return per frame the best distinct hypotheses on new maps, handed on from frame to frame, both ways."""
    kept, steps = KEPT * tools, len(maps)

    def renewed(own: Eyes, step: int) -> list[Hypothesis]:
        return distinct([own.refined(h.pose, maps[step], 3) for h in candidates[step]], kept, 0.2, 0.02)

    found = list(_side_by_side(renewed, eyes, steps, "searching for the tool again", progress))
    there = [places(of_frame, eyes, 1 + tools) for of_frame in maps]
    for way in (1, -1):
        for step in range(1, steps) if way == 1 else range(steps - 2, -1, -1):
            progress("handing the tool on", step / steps)
            before = handed_on(found[step - way], tools)
            if 0 <= step - 2 * way < steps and before and found[step - 2 * way]:
                before.append(se3.interpolate(found[step - 2 * way][0].pose, before[0], 2.0))
            tried = [eyes.refined(pose, maps[step], 4) for pose in before]
            tried += _moved_there(eyes, maps[step], there[step], before)
            found[step] = distinct([*found[step], *tried], kept, 0.2, 0.02)

    def around(own: Eyes, step: int) -> list[Hypothesis]:
        climbed = [own.climbed(pose, maps[step]) for pose in handed_on(found[step], tools)[: 1 + tools]]
        return distinct([*found[step], *climbed], kept, 0.2, 0.02)

    found = list(_side_by_side(around, eyes, steps, "looking around", progress))
    for step in range(1, steps - 1):
        if found[step - 1] and found[step + 1]:
            between = se3.interpolate(found[step - 1][0].pose, found[step + 1][0].pose, 0.5)
            found[step] = distinct([*found[step], eyes.refined(between, maps[step], 4)], kept, 0.2, 0.02)
    return found


def handed_on(hypotheses: list[Hypothesis], tools: int) -> list[Array]:
    """Return the poses worth handing on: the best of each place, then the best three."""
    best = [*distinct(hypotheses, tools, ANY_TURN_RAD, PLACE_M), *hypotheses[:3]]
    return [h.pose for n, h in enumerate(best) if all(h is not earlier for earlier in best[:n])]


def _moved_there(eyes: Eyes, maps: Maps, there: list[Place], poses: list[Array]) -> list[Hypothesis]:
    """Return the best poses turned as the given ones (N, 4, 4), or nearly, at the places of one frame's evidence."""
    if not poses:
        return []
    rotations = np.concatenate([pose[:3, :3] @ LOOK_AROUND for pose in poses])
    tried = [h for place in there for h in distinct(eyes.searched(place, rotations, maps), 3, 0.15, 0.02)]
    return [eyes.refined(h.pose, maps, 4) for h in distinct(tried, 3 + len(there), 0.15, 0.02)]


def _side_by_side(
    one: Callable[[Eyes, int], list[Hypothesis]], eyes: Eyes, steps: int, stage: str, progress: Progress
) -> Iterator[list[Hypothesis]]:
    """Yield one(eyes of its own, step) of all steps, worked out on two cores."""
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        tasks = [pool.submit(one, eyes.copy(), step) for step in range(steps)]
        try:
            for step, task in enumerate(tasks):
                progress(stage, step / steps)
                yield task.result()
        finally:
            pool.shutdown(cancel_futures=True)
