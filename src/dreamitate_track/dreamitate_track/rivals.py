"""Would the tool look as well another way round? Rivals are made from the path, not from what the search tried.

Which way round a tool is goes wrong where the search never tried the true one. Here the tool is turned where it is, in
all directions, in a few frames; the turns that look best are tried in all frames. Only evidence for which two ways tell
otherwise has a vote: what both explain says nothing of which is true.
"""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .detect import Eyes, Hypothesis, Place, distinct, spread_rotations
from .learn import labels_seen
from .raster import NOTHING
from .sequence import TURNED_RAD

Array = NDArray[np.float64]
Maps = NDArray[np.float32]

WAYS = 240
FRAMES = 3
"""Frames in which all turns are tried."""
REFINED, RIVALS = 10, 4
"""Turns that are refined in each of them, and those that are tried in all frames."""
ALIKE_RAD = 0.5
"""Turns nearer to each other than this are one."""
MARGIN = 0.2
"""A path must win its contested evidence by this share of it; true paths win by 0.3 to 0.9, wrong ones lose."""
NEAR = np.ones(5)
"""A frame's own evidence tells its way round, and so does that of the frames around it, which may show more."""


def way_round_is_certain(eyes: Eyes, maps: Maps, poses: Array, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return for which of poses (12, 4, 4) body to reference no other way round is as well borne out.

    In no frame where a rival comes near over all frames; and not where it is better for some frames: there the path
    has turned over. maps: (12, 2, L + 1, h, w); seen: (12,) frames in which the tool was found.
    """
    steps = np.flatnonzero(seen)
    certain = np.ones(len(poses), np.bool_)
    # Rivals are refined in each frame alone, so the path is, too.
    own = {step: _evidence(eyes, maps[step], eyes.refined(poses[step], maps[step], 4).pose) for step in steps}
    for turn in _best_turns(eyes, maps, poses, steps):
        won, contested = np.zeros(len(poses)), np.zeros(len(poses))
        for step in steps:
            rival = eyes.refined(poses[step] @ turn, maps[step], 4).pose
            if se3.rotation_distance_rad(rival, poses[step]) > TURNED_RAD:
                apart = own[step] - _evidence(eyes, maps[step], rival)
                won[step], contested[step] = apart.sum(), np.abs(apart).sum()
        certain &= (won >= 0) & (np.convolve(won, NEAR, "same") >= 0) & (won.sum() >= MARGIN * contested.sum())
    return certain


def _best_turns(eyes: Eyes, maps: Maps, poses: Array, steps: NDArray[np.int64]) -> list[Array]:
    """Return the motions (4, 4) of the body frame after which the tool looks best, all of them other ways round."""
    found: list[Hypothesis] = []
    rotations = spread_rotations(WAYS)
    for step in steps[np.linspace(0, len(steps) - 1, FRAMES + 2).round().astype(np.int64)[1:-1]]:
        pose, of_frame = poses[step], maps[step]
        values = eyes.values(pose, of_frame)
        free = values[:, 2]
        middles = np.column_stack([values[:, 3:] / np.maximum(free, 1.0)[:, None], free >= 1.0])
        tried = eyes.searched(Place(pose[:3, 3].copy(), middles, 1.0), pose[:3, :3] @ rotations, of_frame)
        turned = [h for h in tried if se3.rotation_distance_rad(h.pose, pose) > TURNED_RAD - ALIKE_RAD]
        for rough in distinct(turned, REFINED, ALIKE_RAD, np.inf):
            rival = eyes.refined(rough.pose, of_frame, 4)
            if se3.rotation_distance_rad(rival.pose, pose) > TURNED_RAD:
                share = rival.score / max(1.0, float(values[:, 0].sum()))
                found.append(Hypothesis(se3.inverse(pose) @ rival.pose, share))
    return [h.pose for h in distinct(found, RIVALS, ALIKE_RAD, np.inf)]


def _evidence(eyes: Eyes, maps: Maps, pose: Array) -> NDArray[np.float32]:
    """Return (2, h, w) the log-likelihood ratios of one frame's maps (2, L + 1, h, w) where the tool would be seen."""
    _, _, height, width = maps.shape
    shown = np.zeros((2, height, width), np.float32)
    for view in range(2):
        label = labels_seen(eyes, pose, view, width, height)
        part = np.maximum(label, 0)[None].astype(np.int64)
        shown[view] = np.where(label != NOTHING, np.take_along_axis(maps[view], part, axis=0)[0], 0.0)
    return shown
