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
EXPLAINED, MOSTLY_EXPLAINED = 0.55, 0.75
"""Where a pose covers a smaller share of what looks like the tool nearby, it may lie anywhere in a larger thing, or is
somewhat beside the tool."""
REACHED = 0.8
"""Share of the largest evidence that counts as all of it."""
AGREEING = 0.3
"""Agreement of either view below which a pose is doubtful: behind a hand the other view alone may look well."""
SHOWS = 0.25
"""A view has a say from this share of the tool on."""
RECOGNISED, PART_RECOGNISED = 0.6, 0.0
"""Agreement with all the colours that a tool was given, and with each saturated one, from which it is that tool in half
of the frames: what is found teaches the tracker its colours, so that an arm comes to agree with a grey mesh. A dream
may draw a small part poorly, but it is rather the tool than not; a thing of one of the colours has -1 there."""
SATURATED_TRUST = 0.8
UNCERTAIN_M, UNCERTAIN_RAD = 0.007, 0.1
"""Standard deviations along the worst axis from which a pose is known in part: one view hardly shows the depth."""


@dataclass(frozen=True)
class Quality:
    """How well the pictures bear a path out.

    agreement: (12,) 0..1 how much of the visible tool looks like the tool, and weaker: the same of the view that bears
    the path out less; explained: (12,) 0..1 how much of what looks like the tool nearby is covered by it; visible:
    (12,) share of the tool that both views show; pixels: (12,).
    """

    agreement: Array
    weaker: Array
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
    found = np.zeros((frames, 5))
    for t in range(frames):
        inside = outside = 0.0
        gained, best, free_px, whole_px = np.zeros(2), np.full(2, 1e-6), np.zeros(2), np.zeros(2)
        for view in range(2):
            label = labels_seen(eyes, poses[t], view, width, height)
            covered = label != NOTHING
            part = np.maximum(label, 0)
            ratio, free = _seen(maps[t, view], label)
            gained[view] = (free * ratio).sum()
            best[view] += REACHED * LIMIT * (free * trust[part]).sum()
            evidence = maps[t, view, :-1].max(axis=0)
            evidence = np.where(evidence > EVIDENCE, evidence, 0.0)
            near = cv2.dilate(covered.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
            edge = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            inside += float(evidence[edge].sum())
            outside += float(evidence[near & ~edge].sum())
            free_px[view] = free.sum()
            whole_px[view] = eyes.area_px(poses[t], view)
        shows = free_px >= SHOWS * whole_px
        found[t] = (
            gained.sum() / best.sum(),
            (gained / best)[shows].min(initial=np.inf),
            inside / max(inside + outside, 1e-6),
            free_px.sum() / max(whole_px.sum(), 1.0),
            free_px.sum(),
        )
    return Quality(*found.T)


def recognised(eyes: Eyes, maps: Maps, trust: NDArray[np.float32], poses: Array) -> bool:
    """Return whether poses (12, 4, 4) body to reference show a tool's colours: all together, and each saturated one.

    maps: (12, 2, L + 1, h, w) and trust: (L,) of the palette before the clip taught it anything.
    """
    frames, _, labels, height, width = maps.shape
    gained, best, free_px = (np.zeros((frames, labels - 1)) for _ in range(3))
    for t in range(frames):
        for view in range(2):
            label = labels_seen(eyes, poses[t], view, width, height)
            ratio, free = _seen(maps[t, view], label)
            for part in range(labels - 1):
                own = label == part
                gained[t, part] += (free * ratio)[own].sum()
                best[t, part] += REACHED * LIMIT * trust[part] * free[own].sum()
                free_px[t, part] += free[own].sum()

    def median(parts: list[int]) -> float:
        shown = free_px[:, parts].sum(axis=1) >= SMALLEST_PX
        agreement = gained[:, parts].sum(axis=1)[shown] / best[:, parts].sum(axis=1)[shown]
        return float(np.median(agreement)) if shown.any() else np.nan

    saturated = [part for part in range(labels - 1) if trust[part] >= SATURATED_TRUST]
    return median([*range(labels - 1)]) >= RECOGNISED and not any(median([p]) < PART_RECOGNISED for p in saturated)


def _seen(maps: Maps, label: NDArray[np.int8]) -> tuple[NDArray[np.float32], Array]:
    """Return (h, w) the log-likelihood ratios of the labels (h, w) that a pose shows, and how far each pixel is free of
    what may hide the tool, 0 beside it. maps: (L + 1, h, w) of one picture."""
    ratio = np.take_along_axis(maps[:-1], np.maximum(label, 0)[None].astype(np.int64), axis=0)[0]
    return ratio, np.where(ratio > CLEAR, 1.0, 1.0 - maps[-1]) * (label != NOTHING)


def statuses(
    quality: Quality, covariance: Array, seen: NDArray[np.bool_], certain: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the status (12,).

    covariance: (12, 6, 6) of the twists; seen: (12,) frames in which the search found the tool; certain: (12,) that it
    is the tool, and which way round.
    """
    doubtful = _uncertain(covariance) | (quality.weaker < AGREEING) | (quality.explained < MOSTLY_EXPLAINED)
    status = np.empty(len(seen), np.int64)
    lost_before = False
    was_found = False
    for t in range(len(seen)):
        if quality.visible[t] < VISIBLE or quality.pixels[t] < SMALLEST_PX:
            status[t] = Status.NOT_VISIBLE
            continue
        alone = quality.explained[t] >= EXPLAINED
        if not seen[t] or quality.score[t] < LOST_SCORE or not alone or not certain[t]:
            status[t] = Status.LOST
            lost_before = was_found
            continue
        if quality.visible[t] < PARTIAL or doubtful[t]:
            status[t] = Status.PARTIAL
        else:
            status[t] = Status.RECOVERED if lost_before else Status.OK
        lost_before, was_found = False, True
    sure = np.isin(status, (Status.OK, Status.PARTIAL, Status.RECOVERED))
    if sure.sum() < ENOUGH_FRAMES:
        status[sure] = Status.LOST
    return status


def _uncertain(covariance: Array) -> NDArray[np.bool_]:
    """Return where (12,) the worst axis of covariances (12, 6, 6) is too uncertain."""
    variance_m2, variance_rad2 = (np.linalg.eigvalsh(covariance[:, k : k + 3, k : k + 3])[:, -1] for k in (0, 3))
    return np.asarray((variance_m2 > UNCERTAIN_M**2) | (variance_rad2 > UNCERTAIN_RAD**2))
