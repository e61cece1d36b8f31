"""Which hypothesis in each frame? The best path through all frames by the Viterbi algorithm."""

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
SCORE_SCALE = 0.03
"""Neighbouring pixels are not independent: the sum of log-likelihood ratios counts this much."""


def best_path(candidates: list[list[Hypothesis]]) -> list[int]:
    """Return per frame the index of the chosen hypothesis, or -1 for none (worth a score of zero)."""
    states = [[*frame, None] for frame in candidates]
    value = [np.array([0.0 if h is None else SCORE_SCALE * h.score for h in frame]) for frame in states]
    back: list[NDArray[np.int64]] = []
    for t in range(1, len(states)):
        cost = np.array([[_cost(a, b) for a in states[t - 1]] for b in states[t]])
        total = value[t - 1][None] - cost
        back.append(total.argmax(axis=1))
        value[t] = value[t] + total.max(axis=1)
    index = [int(value[-1].argmax())]
    for pointers in reversed(back):
        index.append(int(pointers[index[-1]]))
    index.reverse()
    return [i if i < len(frame) else -1 for i, frame in zip(index, candidates, strict=True)]


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


def margin(candidates: list[list[Hypothesis]], path: list[int]) -> float:
    """Return by what share the path's score beats that of the best turned-over hypotheses of the same frames."""
    own = other = 0.0
    for frame, index in zip(candidates, path, strict=True):
        if index < 0:
            continue
        chosen = frame[index]
        turned = [h.score for h in frame if se3.rotation_distance_rad(h.pose, chosen.pose) > TURNED_RAD]
        own += chosen.score
        other += max([0.0, *turned])
    return 1.0 if own <= 0 else (own - other) / own
