"""Where the tools go: what most of the image encoder's answers agree on.

A demonstration that is moved on the table is one, too (`moves`). So the image encoder is asked about the photos as they
are and moved in several ways (test-time augmentation), and each time it says several whole paths. All are moved back
and compared in space, each as a whole, so that different ways of doing the task are never mixed: the path that has the
most others near it is taken, and is averaged with those.
"""

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dreamitate_core import se3
from dreamitate_core.camera import Image, StereoRig, crop_and_resize
from dreamitate_core.task import Task

from .dataset import ANYWHERE, LEFT_RIGHT, mirrored_part
from .moves import moved_photos, random_move
from .picture_size import PictureSize
from .places import Places

Array = NDArray[np.float64]

LOOKS = 12
"""Times that the photos are moved, beside once that they are not."""
NEAR_M = 0.025
"""How far apart paths are at most that go the same way, as a root mean square over their points."""


def agreed_paths(
    places: Callable[[Tensor], Places],
    photos: tuple[Image, Image],
    rig: StereoRig,
    size: PictureSize,
    task: Task,
    seed: int,
    count: int = 1,
) -> Array:
    """Return the paths (count, 12, P, 3) of the tools' points that are agreed on most, the first most, in the reference
    frame.

    places: the image encoder's answers to photos (B, 2, 3, H, W) of that size in 0..1; photos: both cameras' whole
    pictures, as `rig` describes them. Where the rig does not say where the table is, the photos are not moved.
    """
    paths, likely = answered_paths(places, photos, rig, size, task.surface_height_m, list(_moves(rig, task, seed)))
    return most_agreed(paths, likely, count)


def answered_paths(
    places: Callable[[Tensor], Places],
    photos: tuple[Image, Image],
    rig: StereoRig,
    size: PictureSize,
    surface_height_m: float,
    moves: Sequence[Array | None],
) -> tuple[Array, Array]:
    """Return the paths (N, 12, P, 3), in the reference frame, that the image encoder answers with when the photos are
    moved on the table by each of the moves (4, 4), moved back; and how likely it takes each (N,) to be."""
    whole = round(size.width / size.region), round(size.height / size.region)
    pair = np.stack([crop_and_resize(photo, *whole) for photo in photos])
    rig = rig.cropped_and_resized(*whole)
    fitted = rig.cropped_and_resized(size.width, size.height, size.region)
    looks = [pair if move is None else moved_photos(pair, rig, move, surface_height_m) for move in moves]
    answers = places(torch.stack([_seen(look, size) for look in looks]))
    found, likely = answers.points_of_ways().cpu().numpy(), answers.preferences.float().softmax(1).cpu().numpy()
    paths = [
        _moved_back(triangulated(fitted, way.astype(float)), rig, move)
        for ways, move in zip(found, moves, strict=True)
        for way in ways
    ]
    return np.stack(paths), likely.ravel().astype(float)


def pixels_of(paths: Array, rig: StereoRig, size: PictureSize) -> Tensor:
    """Return pixels (N, 2, 12, P, 2), in pictures of that size, of paths (N, 12, P, 3) in the reference frame."""
    fitted = rig.cropped_and_resized(size.width, size.height, size.region)
    pixels = [[camera.project(path)[0] for camera in fitted.cameras] for path in paths]
    return torch.tensor(np.array(pixels), dtype=torch.float32)


def most_agreed(paths: Array, weight: Array, count: int = 1, near_m: float = NEAR_M) -> Array:
    """Return the `count` paths (count, ...) that most of the paths (N, 12, P, 3) agree on, metres, with weights (N,).

    Those that agree with one are left out for the next; where none are left, all are asked again.
    """
    apart = np.sqrt(np.square(paths[:, None] - paths[None]).sum(-1).mean((2, 3)))
    left = np.ones(len(paths), bool)
    chosen = []
    for _ in range(count):
        left = left if left.any() else np.ones(len(paths), bool)
        cost = (np.minimum(apart, near_m) * (weight * left)).sum(1)
        best = int(np.where(left, cost, np.inf).argmin())
        near = left & (apart[best] < near_m)
        chosen.append(np.average(paths[near], axis=0, weights=weight[near]))
        left = left & ~near
    return np.stack(chosen)


def triangulated(rig: StereoRig, pixels: Array) -> Array:
    """Return the points (..., 3), in the reference frame, that are seen at pixels (2, ..., 2) of both cameras."""
    flat = []
    for camera, seen in zip(rig.cameras, pixels, strict=True):
        distortion = camera.distortion if camera.distortion.size else None
        flat.append(cv2.undistortPoints(np.ascontiguousarray(seen.reshape(-1, 1, 2)), camera.K, distortion)[:, 0].T)
    views = [se3.inverse(camera.transform_camera_to_reference)[:3] for camera in rig.cameras]
    joined = cv2.triangulatePoints(*views, *flat)
    return np.asarray((joined[:3] / joined[3]).T.reshape(*pixels.shape[1:-1], 3))


def _moves(rig: StereoRig, task: Task, seed: int) -> Iterator[Array | None]:
    """Yield moves of the table (4, 4), first none."""
    yield None
    if rig.transform_reference_to_table is None:
        return
    random, mirrored = torch.Generator().manual_seed(seed), mirrored_part(task) != "nothing"
    for _ in range(LOOKS):
        yield random_move(random, mirrored, task.turn_rad, np.zeros((1, 3)), ANYWHERE)


def _seen(pair: NDArray[np.uint8], size: PictureSize) -> Tensor:
    """Return the photos (2, 3, H, W) in 0..1 as the model sees them."""
    fitted = np.stack([crop_and_resize(photo, size.width, size.height, size.region) for photo in pair])
    return torch.from_numpy(fitted).permute(0, 3, 1, 2).float() / 255


def _moved_back(path: Array, rig: StereoRig, move: Array | None) -> Array:
    """Return the path (12, P, 3), in the reference frame, of what was moved on the table, where it was before."""
    if move is None:
        return path
    to_table = rig.transform_reference_to_table
    assert to_table is not None
    back = se3.transform_points(se3.inverse(to_table) @ np.linalg.inv(move) @ to_table, path)
    return back[:, LEFT_RIGHT] if np.linalg.det(move[:3, :3]) < 0 else back
