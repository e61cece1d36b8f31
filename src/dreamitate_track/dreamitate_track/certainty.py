"""Which way round? Paths that tell otherwise are all fitted on finer pictures, where details settle it.

First the colours of all pixels decide. Where they hardly differ, contours do: on the finest pictures, a tool that is
the wrong way round has its edges and markings where none are drawn.
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

MARGIN = 0.1
"""Where two ways round score nearer than this share, in the frames in which they differ, contours decide."""
CONTOUR_MARGIN = 0.15
"""Where their contours weigh nearer than this share too, neither is certain."""
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
    doubted = [way for way in fitted if _differ(best, way).any() and not _clear(best, way, MARGIN)]
    if not doubted:
        return replace(start, poses=best[0]), True
    outlined = [_outlined(replace(start, poses=poses), progress) for poses, _ in (best, *doubted)]
    best = max(outlined, key=lambda way: way[1].sum())
    others = [way for way in outlined if _differ(best, way).any()]
    return replace(start, poses=best[0]), all(_clear(best, way, CONTOUR_MARGIN) for way in others)


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


def _outlined(start: Start, progress: Progress) -> Way:
    """Return the path (12, 4, 4) fitted from a start on the finest pictures, and the weight of its contours (12,)."""
    fitted = joint(start, progress)
    return fitted.poses, fitted.weight.sum(axis=1)


def _fitted(start: Start, progress: Progress) -> Way:
    """Return the path (12, 4, 4) fitted from a start, and its sums of log-likelihood ratios (12,), on pictures of the
    second width."""
    fitted = Fit(start.poses, np.zeros((2, 3)), np.zeros((12, 6, 6)), np.zeros((12, 2)))
    for width, reach, iterations in zip(widths(start.views)[:2], (6, 5), (8, 5), strict=True):
        eyes, maps = look(start, width, fitted.poses)
        fitted = fit(eyes, maps, None, fitted, USUAL, reach, 1.0, 0.5, iterations, start.seen, progress)
    eyes, maps = look(start, widths(start.views)[1], fitted.poses)
    values = [eyes.values(pose, of_frame)[:, 0].sum() for pose, of_frame in zip(fitted.poses, maps, strict=True)]
    return fitted.poses, np.array(values)
