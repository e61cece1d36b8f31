"""How far a tracked pose can be trusted: a score per frame, what is visible of the tool, and the status."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.trajectory import Status

from .detect import EVIDENCE, Eyes
from .learn import labels_seen
from .likelihood import CLEAR, LIMIT
from .raster import NOTHING

Array = NDArray[np.float64]
Maps = NDArray[np.float32]

LOST_SCORE = 0.25
ENOUGH_FRAMES = 5
"""A tool that is found in fewer frames of a clip than this is not there: a few pictures of anything look like it."""
VISIBLE, PARTIAL = 0.12, 0.45
"""Shares of the tool's picture, both views together, below which it counts as not visible, and as partly visible."""
SMALLEST_PX = 12.0
EXPLAINED = 0.55
"""Where a pose covers a smaller share of what looks like the tool nearby, it may lie anywhere in a larger thing."""


@dataclass(frozen=True)
class Quality:
    """How well the pictures bear a path out.

    agreement: (12,) 0..1 how much of the visible tool looks like the tool; explained: (12,) 0..1 how much of what
    looks like the tool nearby is covered by it; visible: (12,) share of the tool that both views show; pixels: (12,).
    """

    agreement: Array
    explained: Array
    visible: Array
    pixels: Array

    @property
    def score(self) -> Array:
        """(12,) 0..1."""
        return np.clip(self.agreement, 0, 1) * np.sqrt(np.clip(self.explained, 0, 1))


def judge(eyes: Eyes, maps: Maps, trust: NDArray[np.float32], poses: Array) -> Quality:
    """Return the quality of poses (12, 4, 4) body to reference on maps (12, 2, L + 1, h, w)."""
    frames, _, _, height, width = maps.shape
    found = np.zeros((frames, 4))
    for t in range(frames):
        gained = best = inside = outside = free_px = whole_px = 0.0
        for view in range(2):
            label = labels_seen(eyes, poses[t], view, width, height)
            covered = label != NOTHING
            part = np.maximum(label, 0)
            ratio = np.take_along_axis(maps[t, view], part[None].astype(np.int64), axis=0)[0]
            free = np.where(ratio > CLEAR, 1.0, 1.0 - maps[t, view, -1]) * covered
            gained += float((free * ratio).sum())
            best += float((free * trust[part] * LIMIT).sum())
            evidence = maps[t, view, :-1].max(axis=0)
            evidence = np.where(evidence > EVIDENCE, evidence, 0.0)
            near = cv2.dilate(covered.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
            edge = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            inside += float(evidence[edge].sum())
            outside += float(evidence[near & ~edge].sum())
            free_px += float(free.sum())
            whole_px += eyes.area_px(poses[t], view)
        found[t] = (
            gained / max(best, 1e-6) * 1.25,
            inside / max(inside + outside, 1e-6),
            free_px / max(whole_px, 1.0),
            free_px,
        )
    return Quality(*found.T)


def statuses(quality: Quality, seen: NDArray[np.bool_], settled: bool) -> NDArray[np.int64]:
    """Return the status (12,). seen: frames in which the search found the tool; settled: which way round is certain."""
    status = np.empty(len(seen), np.int64)
    lost_before = False
    was_found = False
    for t in range(len(seen)):
        if quality.visible[t] < VISIBLE or quality.pixels[t] < SMALLEST_PX:
            status[t] = Status.NOT_VISIBLE
            continue
        alone = quality.explained[t] >= EXPLAINED
        if not seen[t] or quality.score[t] < LOST_SCORE or not alone or not settled:
            status[t] = Status.LOST
            lost_before = was_found
            continue
        if quality.visible[t] < PARTIAL:
            status[t] = Status.PARTIAL
        else:
            status[t] = Status.RECOVERED if lost_before else Status.OK
        lost_before, was_found = False, True
    sure = np.isin(status, (Status.OK, Status.PARTIAL, Status.RECOVERED))
    if sure.sum() < ENOUGH_FRAMES:
        status[sure] = Status.LOST
    return status
