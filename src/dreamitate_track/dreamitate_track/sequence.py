"""Which hypothesis in each frame? The best path through all frames by the Viterbi algorithm."""

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .detect import Hypothesis

Array = NDArray[np.float64]

STEP_M, TURN_RAD = 0.06, 0.35
"""Usual step and turn from frame to frame; a generated hand moves about 30 cm in 12 frames."""
JUMP_COST = 12.0
"""The most that an unlikely step costs: then the tool was lost and found again."""
TURNED_RAD = 1.0
"""Two readings of a frame that differ more than this are different ways round."""
APART = 0.4
"""Two tools' middles are at least this share of the sum of their radii apart."""
MOST_CHOICES = 300
"""Of several tools' hypotheses in a frame so many combinations are weighed, those of the best ones."""
SCORE_SCALE = 0.03
"""Neighbouring pixels are not independent: the sum of log-likelihood ratios counts this much."""


def best_path(candidates: list[list[Hypothesis]]) -> list[int]:
    """Return per frame the index of the chosen hypothesis, or -1 for none (worth a score of zero)."""
    return best_paths([candidates], np.zeros(1))[0]


def best_paths(candidates: list[list[list[Hypothesis]]], radii_m: Array) -> list[list[int]]:
    """Return the best paths of several tools together, of which no two are in one place.

    candidates: per tool and frame; radii_m: (tools,) how large the tools are.
    Returned per tool and frame: the chosen hypothesis's index, or -1 for none.
    """
    most = round(MOST_CHOICES ** (1 / len(candidates)))
    frames = [[[*tool[t][:most], None] for tool in candidates] for t in range(len(candidates[0]))]
    choices = [_choices(frame, radii_m) for frame in frames]
    value = _worth(frames[0], choices[0])
    back: list[NDArray[np.int64]] = []
    for t in range(1, len(frames)):
        total = np.tile(value, (len(choices[t]), 1))
        for tool, (before, now) in enumerate(zip(frames[t - 1], frames[t], strict=True)):
            cost = np.array([[_cost(a, b) for a in before] for b in now])
            total -= cost[np.ix_(choices[t][:, tool], choices[t - 1][:, tool])]
        back.append(total.argmax(axis=1))
        value = _worth(frames[t], choices[t]) + total.max(axis=1)
    index = [int(value.argmax())]
    for pointers in reversed(back):
        index.append(int(pointers[index[-1]]))
    index.reverse()
    chosen = np.array([choices[t][i] for t, i in enumerate(index)])
    return [
        [int(i) if i < min(most, len(frame)) else -1 for i, frame in zip(chosen[:, tool], found, strict=True)]
        for tool, found in enumerate(candidates)
    ]


def _choices(frame: list[list[Hypothesis | None]], radii_m: Array) -> NDArray[np.int64]:
    """Return (N, tools): the indices of one state per tool, of which no two are in one place."""
    allowed = [
        choice
        for choice in product(*(range(len(states)) for states in frame))
        if all(
            _apart(frame[i][choice[i]], frame[j][choice[j]]) >= APART * (radii_m[i] + radii_m[j])
            for i, j in combinations(range(len(frame)), 2)
        )
    ]
    return np.array(allowed, np.int64)


def _apart(a: Hypothesis | None, b: Hypothesis | None) -> float:
    return np.inf if a is None or b is None else float(np.linalg.norm(a.pose[:3, 3] - b.pose[:3, 3]))


def _worth(frame: list[list[Hypothesis | None]], choices: NDArray[np.int64]) -> Array:
    """Return (N,) the scores of choices (N, tools)."""
    worth = np.zeros(len(choices))
    for tool, states in enumerate(frame):
        worth += np.array([0.0 if h is None else SCORE_SCALE * h.score for h in states])[choices[:, tool]]
    return worth


def _cost(a: Hypothesis | None, b: Hypothesis | None) -> float:
    if a is None or b is None:
        return 0.0 if a is b else 0.3 * JUMP_COST
    step = float(np.linalg.norm(a.pose[:3, 3] - b.pose[:3, 3])) / STEP_M
    turn = float(se3.rotation_distance_rad(a.pose, b.pose)) / TURN_RAD
    return min(JUMP_COST, 0.5 * step**2 + 0.5 * turn**2)


def filled(candidates: list[list[Hypothesis]], path: list[int]) -> tuple[Array, NDArray[np.bool_]]:
    """Return the path's poses (T, 4, 4), the gaps interpolated, and which frames (T,) had a hypothesis."""
    seen = np.array([i >= 0 for i in path])
    known = np.flatnonzero(seen)
    poses = np.empty((len(path), 4, 4))
    for t in range(len(path)):
        before, after = known[known <= t], known[known >= t]
        a = before[-1] if len(before) else after[0]
        b = after[0] if len(after) else before[-1]
        fraction = 0.0 if a == b else (t - a) / (b - a)
        poses[t] = se3.interpolate(candidates[a][path[a]].pose, candidates[b][path[b]].pose, fraction)
    return poses, seen


def turned_over(candidates: list[list[Hypothesis]], poses: Array, others: list[Array]) -> list[list[Hypothesis]]:
    """Return the hypotheses that are another way round than poses (T, 4, 4), but not where other tools are.

    others: the other tools' poses (T, 4, 4); where two tools are nearer, a hypothesis is taken to be the nearer's."""
    return [
        [
            h
            for h in frame
            if se3.rotation_distance_rad(h.pose, poses[t]) > TURNED_RAD
            and all(_distance(h.pose, poses[t]) < _distance(h.pose, other[t]) for other in others)
        ]
        for t, frame in enumerate(candidates)
    ]


def _distance(a: Array, b: Array) -> float:
    return float(np.linalg.norm(a[:3, 3] - b[:3, 3]))
