"""Tools that look nearly the same when they are turned over, and tracks that flip between the two."""

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from dreamitate_core import se3

Array = NDArray[np.float64]

POINTS = 500
ALIKE = 0.04
"""Nine tenths of a turned surface must be nearer to itself than this share of the mesh's size to be mistaken for it."""


def half_turns(mesh: trimesh.Trimesh) -> Array:
    """Return (G, 4, 4) motions of the tool frame, identity first: half turns under which the mesh looks nearly alike.

    The axes are the principal axes of its surface, through its middle.
    """
    points = np.asarray(trimesh.sample.sample_surface(mesh, POINTS, seed=0)[0])
    middle = points.mean(axis=0)
    axes = np.linalg.svd(points - middle, full_matrices=False)[2]
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    tree = KDTree(points)
    spacing = float(tree.query(points, 2)[0][:, 1].mean())
    found = [np.eye(4)]
    for axis in axes:
        turn = Rotation.from_rotvec(np.pi * axis).as_matrix()
        motion = se3.make_transform(turn, middle - turn @ middle)
        apart = np.quantile(tree.query(se3.transform_points(motion, points))[0], 0.9)
        if float(apart) - spacing < ALIKE * size:
            found.append(motion)
    return np.stack(found)


def undone(poses: Array, scores: Array, turns: Array) -> Array:
    """Return poses (V, T, 4, 4) in one common frame, each turned so that no view and no step is flipped over.

    scores: (V, T) of the poses, 0 where there is none. The way round that most of the score speaks for is taken.
    """
    if not scores.any() or len(turns) == 1:
        return poses
    chosen = poses.copy()
    start_view, start = np.unravel_index(int(scores.argmax()), scores.shape)
    which = np.zeros(scores.shape, int)
    for view in [int(start_view), *(v for v in range(len(poses)) if v != start_view)]:
        near = chosen[start_view, start]
        for steps in (range(start, poses.shape[1]), range(start - 1, -1, -1)):
            before = near
            for step in steps:
                if scores[view, step] > 0:
                    ways = poses[view, step] @ turns
                    which[view, step] = int(se3.rotation_distance_rad(ways, before).argmin())
                    chosen[view, step] = before = ways[which[view, step]]
    votes = np.bincount(which.ravel(), scores.ravel(), len(turns))
    return chosen @ turns[int(votes.argmax())]
