"""Fusions by name: `joint` fits both views and all frames together; `midpoint` is the paper's, for comparison."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.progress import Progress

from . import midpoint as paper
from .detect import Eyes
from .joint import Fit, fit
from .lines import NO_BARE, NO_IMAGE, UNKNOWNS, view_system
from .maps import Maps, make_maps
from .model import Model, simplified
from .palette import Palette
from .pose import multiplied
from .prior import USUAL
from .scene import Level, Views

Array = NDArray[np.float64]

COARSE_WIDTH, FINE_WIDTHS = 192, (384, 768)
LEARNING_ROUNDS = 3
"""How often the prior is corrected at each iteration on the finest pictures."""
COARSE_CELL_M, FINE_CELL_M, FINE_FACES = 0.006, 0.0015, 3000


@dataclass(frozen=True)
class Start:
    """Where fitting starts. poses: (12, 4, 4) body to reference; seen: (12,) frames in which the tool was found."""

    views: Views
    model: Model
    palette: Palette
    poses: Array
    seen: NDArray[np.bool_]


def joint(start: Start, progress: Progress) -> Fit:
    """Return the path fitted to both views and all frames together, coarse to fine, then with the clip's own prior."""
    fitted = Fit(start.poses, np.zeros((2, 3)), np.zeros((12, 6, 6)), np.zeros((12, 2)))
    for width in widths(start.views):
        eyes, maps = look(start, width, fitted.poses)
        for reach, iterations in ((8, 6), (4, 6)) if width == COARSE_WIDTH else ((5, 7),):
            fitted = fit(eyes, maps, None, fitted, USUAL, reach, 1.0, 0.5, iterations, start.seen, progress)
    level = start.views.level(width)
    return fit(eyes, maps, level, fitted, USUAL, reach, 1.0, 0.5, 9, start.seen, progress, LEARNING_ROUNDS)


def midpoint(start: Start, progress: Progress) -> Fit:
    """Return the path of the paper's fusion: each view and frame alone, then midpoint and mean rotation, gated."""
    alone = np.repeat(start.poses[:, None], 2, axis=1)
    weight = np.zeros((len(alone), 2))
    for width in widths(start.views):
        eyes, maps = look(start, width, start.poses)
        for t in np.flatnonzero(start.seen):
            progress("fitting each view alone", t / len(alone))
            for view in range(2):
                alone[t, view], weight[t, view] = _alone(eyes, maps[t, view], alone[t, view], view)
    origins = se3.inverse(eyes.reference_to_cameras)[:, :3, 3]
    both = paper.midpoint(np.swapaxes(alone, 0, 1), weight.T, np.zeros(3), origins)
    poses = np.where((both.views > 0)[:, None, None], both.poses, start.poses)
    return Fit(poses, np.full((2, 3), np.nan), both.covariance(), weight)


FUSIONS = {"joint": joint, "midpoint": midpoint}


def widths(views: Views) -> list[int]:
    """Return the widths at which a clip is looked at, coarse to fine; none above the video's but the second."""
    return [COARSE_WIDTH, *(width for width in FINE_WIDTHS if width <= max(views.full_width, FINE_WIDTHS[0]))]


def look(start: Start, width: int, poses: Array) -> tuple[Eyes, Maps]:
    """Return eyes and maps (12, 2, L + 1, h, w) at a width, filled near poses (12, 4, 4); the coarsest wholly."""
    level = start.views.level(width)
    if width == COARSE_WIDTH:
        model = simplified(start.model, COARSE_CELL_M)
        return Eyes(model, start.views.reference_to_cameras, level.intrinsics), make_maps(level, start.palette)
    model = simplified(start.model, FINE_CELL_M, FINE_FACES)
    eyes = Eyes(model, start.views.reference_to_cameras, level.intrinsics)
    return eyes, make_maps(level, start.palette, _windows(eyes, poses, level, 14))


def _windows(eyes: Eyes, poses: Array, level: Level, margin_px: int) -> NDArray[np.int64]:
    """Return (12, 2, 4) first and last row, first and last column around the tool at poses (12, 4, 4) and a margin."""
    height, width = level.images.shape[2:4]
    boxes = np.zeros((len(poses), 2, 4), np.int64)
    for step, pose in enumerate(poses):
        for view, (fx, fy, cx, cy) in enumerate(eyes.intrinsics):
            x, y, z = se3.transform_points(eyes.reference_to_cameras[view] @ pose, eyes.body[0]).T
            if z.min() > 0.05:
                u, v = fx * x / z + cx, fy * y / z + cy
                rows = np.clip([v.min() - margin_px, v.max() + margin_px], 0, height)
                columns = np.clip([u.min() - margin_px, u.max() + margin_px], 0, width)
                boxes[step, view] = [*rows, *columns]
    return boxes


def _alone(eyes: Eyes, maps: Maps, pose: Array, view: int) -> tuple[Array, float]:
    """Return the pose (4, 4) fitted to one view of one frame, maps (L + 1, h, w), and the weight of its lines."""
    H, g, weight = np.empty((UNKNOWNS, UNKNOWNS)), np.empty(UNKNOWNS), 0.0
    hold = np.diag([1 / 0.05**2] * 3 + [1 / 0.3**2] * 3)
    for reach in (8, 8, 8, 8, 5, 5, 5, 5):
        to_camera = multiplied(eyes.reference_to_cameras[view], pose)
        weight = view_system(
            *eyes.body,
            to_camera,
            eyes.intrinsics[view],
            maps,
            NO_IMAGE,
            NO_BARE,
            reach,
            1.0,
            0.5,
            0.0,
            *eyes.buffers,
            H,
            g,
        )
        twist = np.linalg.solve(H[:6, :6] + hold, g[:6])
        length, angle = float(np.linalg.norm(twist[:3])), float(np.linalg.norm(twist[3:]))
        twist *= min(1.0, 0.05 / max(1e-9, length), 0.35 / max(1e-9, angle))
        pose = pose @ se3.exp(twist)
    return pose, weight
