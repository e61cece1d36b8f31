"""Which way round? Paths that tell otherwise are all fitted on finer pictures, where details settle it.

The colours of all pixels decide: first on pictures of the second width; ways that come near the best there are fitted
on the finest pictures too.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.progress import Progress

from .detect import Eyes, Hypothesis
from .fuse import COARSE_WIDTH, Start, joint, look, widths
from .joint import Fit, fit
from .maps import Maps
from .prior import USUAL
from .sequence import TURNED_RAD, best_path, filled

Array = NDArray[np.float64]
Way = tuple[Array, Array]
"""A path (12, 4, 4) and what each of its frames scores (12,)."""

DOUBT = 0.1
"""Where two ways round score nearer than this share, in the frames in which they differ, the finest pictures decide."""
MARGIN = 0.05
"""Where they score nearer than this share there too, neither is certain."""
MOST_PIECES = 3


def surest(start: Start, rivals: list[list[Hypothesis]], progress: Progress) -> tuple[Start, bool]:
    """Return the start on the best way round, and whether that is clearly better than every other.

    rivals: per frame, hypotheses that are another way round than the start's.
    """
    ways = [start.poses]
    path = best_path(rivals)
    if max(path) >= 0:
        ways.append(filled(rivals, path)[0])
    pieces = [_pieces(way, start.seen) for way in ways]
    if max(len(of_way) for of_way in pieces) > 1:
        eyes, maps = look(start, COARSE_WIDTH, start.poses)
        ways = [
            _carried_on(way, piece, start.seen, eyes, maps)
            for way, of_way in zip(ways, pieces, strict=True)
            for piece in of_way
        ]
    if len(ways) == 1:
        return start, True
    fitted = [_fitted(replace(start, poses=way), progress) for way in ways]
    best = max(fitted, key=lambda way: way[1].sum())
    doubted = [way for way in fitted if _differ(best, way).any() and not _clear(best, way, DOUBT)]
    if not doubted:
        return replace(start, poses=best[0]), True
    finest = [_finest(replace(start, poses=poses), progress) for poses, _ in (best, *doubted)]
    best = max(finest, key=lambda way: way[1].sum())
    others = [way for way in finest if _differ(best, way).any()]
    return replace(start, poses=best[0]), all(_clear(best, way, MARGIN) for way in others)


def _differ(one: Way, other: Way) -> NDArray[np.bool_]:
    """Return the frames (12,) in which two paths are different ways round."""
    return np.asarray(se3.rotation_distance_rad(one[0], other[0])) > TURNED_RAD


def _clear(best: Way, other: Way, margin: float) -> bool:
    """Whether one way scores better than another by that share, in the frames in which they differ."""
    frames = _differ(best, other)
    return bool((best[1] - other[1])[frames].sum() > margin * best[1][frames].sum())


def _pieces(poses: Array, seen: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the longest pieces, first step and one past the last, between which a path (12, 4, 4) turns over."""
    steps = np.flatnonzero(seen)
    turns = np.asarray(se3.rotation_distance_rad(poses[steps[1:]], poses[steps[:-1]]))
    cuts = [int(step) for step in steps[1:][turns > TURNED_RAD]]
    pieces = zip([0, *cuts], [*cuts, len(poses)], strict=True)
    return sorted(pieces, key=lambda piece: piece[0] - piece[1])[:MOST_PIECES]


def _carried_on(poses: Array, piece: tuple[int, int], seen: NDArray[np.bool_], eyes: Eyes, maps: Maps) -> Array:
    """Return a path (12, 4, 4) that is a piece of another, tracked on from there, both ways."""
    poses, (first, end) = poses.copy(), piece
    for steps, before in ((range(end, len(poses)), -1), (range(first - 1, -1, -1), 1)):
        for step in steps:
            last = poses[step + before]
            there = se3.make_transform(last[:3, :3], poses[step, :3, 3])
            if seen[step]:
                tried = [eyes.refined(pose, maps[step], 4) for pose in (last, there)]
                poses[step] = max(tried, key=lambda h: h.score).pose
            else:
                poses[step] = there
    return poses


def _finest(start: Start, progress: Progress) -> Way:
    """Return the path (12, 4, 4) fitted from a start on the finest pictures, and its sums there (12,)."""
    poses = joint(start, progress).poses
    return poses, _scores(start, widths(start.views)[-1], poses)


def _fitted(start: Start, progress: Progress) -> Way:
    """Return the path (12, 4, 4) fitted from a start on pictures of the second width, and its sums there (12,)."""
    fitted = Fit(start.poses, np.zeros((2, 3)), np.zeros((12, 6, 6)), np.zeros((12, 2)))
    for width, reach, iterations in zip(widths(start.views)[:2], (6, 5), (8, 5), strict=True):
        eyes, maps = look(start, width, fitted.poses)
        fitted = fit(eyes, maps, None, fitted, USUAL, reach, 1.0, 0.5, iterations, start.seen, progress)
    return fitted.poses, _scores(start, width, fitted.poses)


def _scores(start: Start, width: int, poses: Array) -> Array:
    """Return the sums (12,) of log-likelihood ratios of poses (12, 4, 4) on pictures of a width."""
    eyes, maps = look(start, width, poses)
    return np.array([eyes.values(pose, of_frame)[:, 0].sum() for pose, of_frame in zip(poses, maps, strict=True)])
