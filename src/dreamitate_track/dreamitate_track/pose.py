"""One stereo frame: score poses, try many rotations, and refine a pose by Gauss-Newton. All compiled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .lines import NO_BARE, NO_IMAGE, UNKNOWNS, view_system
from .score import VALUES, score_view

Array = NDArray[np.float64]
Maps = NDArray[np.float32]


@njit(cache=True, nogil=True)
def moved(transform: Array, twist: Array) -> Array:
    """Return transform @ exp(twist) (4, 4); the translation part is taken straight, which is enough for small steps."""
    wx, wy, wz = twist[3], twist[4], twist[5]
    angle = np.sqrt(wx * wx + wy * wy + wz * wz)
    a = 1.0 if angle < 1e-9 else np.sin(angle) / angle
    b = 0.5 if angle < 1e-9 else (1.0 - np.cos(angle)) / (angle * angle)
    delta = np.eye(3)
    delta[0, 0] -= b * (wy * wy + wz * wz)
    delta[1, 1] -= b * (wx * wx + wz * wz)
    delta[2, 2] -= b * (wx * wx + wy * wy)
    delta[0, 1] += b * wx * wy - a * wz
    delta[1, 0] += b * wx * wy + a * wz
    delta[0, 2] += b * wx * wz + a * wy
    delta[2, 0] += b * wx * wz - a * wy
    delta[1, 2] += b * wy * wz - a * wx
    delta[2, 1] += b * wy * wz + a * wx
    result = np.eye(4)
    result[:3, :3] = multiplied(transform[:3, :3], delta)
    for i in range(3):
        result[i, 3] = transform[i, 3]
        for k in range(3):
            result[i, 3] += transform[i, k] * twist[k]
    return result


@njit(cache=True, nogil=True)
def multiplied(a: Array, b: Array) -> Array:
    """Return a @ b for small matrices."""
    result = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                result[i, j] += a[i, k] * b[k, j]
    return result


@njit(cache=True, nogil=True)
def score_pose(
    body: tuple[Array, NDArray[np.int32], NDArray[np.int8]],
    buffers: tuple[Array, Maps, NDArray[np.int8]],
    transform: Array,
    reference_to_cameras: Array,
    intrinsics: Array,
    maps: Maps,
    values: Array,
) -> float:
    """Return the sum of log-likelihood ratios over both views; fill values (2, 5) as `score_view` does.

    transform: (4, 4) body to reference; reference_to_cameras: (2, 4, 4); intrinsics: (2, 4); maps: (2, L + 1, h, w).
    """
    for view in range(2):
        to_camera = multiplied(reference_to_cameras[view], transform)
        score_view(
            body[0],
            body[1],
            body[2],
            to_camera,
            intrinsics[view],
            maps[view],
            buffers[0],
            buffers[1],
            buffers[2],
            values[view],
        )
    return values[0, 0] + values[1, 0]


@njit(cache=True, nogil=True)
def try_rotations(
    body: tuple[Array, NDArray[np.int32], NDArray[np.int8]],
    buffers: tuple[Array, Maps, NDArray[np.int8]],
    rotations: Array,
    start: Array,
    targets: Array,
    reference_to_cameras: Array,
    intrinsics: Array,
    maps: Maps,
    poses: Array,
    scores: Array,
) -> None:
    """Fill poses (N, 4, 4) and scores (N,) of rotations (N, 3, 3), each moved until what is visible of it lies right.

    start: (3,) in the reference frame; targets: (2, 3) column, row and weight (0 or 1) of the evidence's middle.
    """
    values = np.empty((2, VALUES))
    for n in range(rotations.shape[0]):
        pose = np.eye(4)
        pose[:3, :3] = rotations[n]
        pose[:3, 3] = start
        score = score_pose(body, buffers, pose, reference_to_cameras, intrinsics, maps, values)
        for _ in range(2):
            A = np.eye(3) * 1.0
            b = np.zeros(3)
            for view in range(2):
                if targets[view, 2] == 0.0 or values[view, 2] < 1.0:
                    continue
                to_camera = multiplied(reference_to_cameras[view], pose)
                x, y, z = to_camera[0, 3], to_camera[1, 3], to_camera[2, 3]
                du = targets[view, 0] - values[view, 3] / values[view, 2]
                dv = targets[view, 1] - values[view, 4] / values[view, 2]
                for k in range(3):
                    rx = reference_to_cameras[view, 0, k]
                    ry = reference_to_cameras[view, 1, k]
                    rz = reference_to_cameras[view, 2, k]
                    ju = intrinsics[view, 0] / z * (rx - x / z * rz)
                    jv = intrinsics[view, 1] / z * (ry - y / z * rz)
                    b[k] += ju * du + jv * dv
                    for m in range(3):
                        sx = reference_to_cameras[view, 0, m]
                        sy = reference_to_cameras[view, 1, m]
                        sz = reference_to_cameras[view, 2, m]
                        A[k, m] += ju * intrinsics[view, 0] / z * (sx - x / z * sz)
                        A[k, m] += jv * intrinsics[view, 1] / z * (sy - y / z * sz)
            pose[:3, 3] += np.linalg.solve(A, b)
            score = score_pose(body, buffers, pose, reference_to_cameras, intrinsics, maps, values)
        poses[n] = pose
        scores[n] = score


@njit(cache=True, nogil=True)
def refine_pose(
    body: tuple[Array, NDArray[np.int32], NDArray[np.int8]],
    buffers: tuple[Array, Maps, NDArray[np.int8]],
    transform: Array,
    reference_to_cameras: Array,
    intrinsics: Array,
    maps: Maps,
    reach: int,
    step: float,
    iterations: int,
) -> Array:
    """Return the pose (4, 4) body to reference after Gauss-Newton steps on both views' contours."""
    H, g = np.empty((UNKNOWNS, UNKNOWNS)), np.empty(UNKNOWNS)
    for _ in range(iterations):
        A, b = np.zeros((6, 6)), np.zeros(6)
        for view in range(2):
            to_camera = multiplied(reference_to_cameras[view], transform)
            view_system(
                body[0],
                body[1],
                body[2],
                to_camera,
                intrinsics[view],
                maps[view],
                NO_IMAGE,
                NO_BARE,
                reach,
                step,
                0.5,
                0.0,
                buffers[0],
                buffers[1],
                buffers[2],
                H,
                g,
            )
            A += H[:6, :6]
            b += g[:6]
        # A weak pull towards where it is: 50 mm and 0.3 rad per step count as one pixel on one line.
        for k in range(3):
            A[k, k] += 1.0 / 0.05**2
            A[3 + k, 3 + k] += 1.0 / 0.3**2
        twist = np.asarray(np.linalg.solve(A, b), np.float64)
        angle = np.sqrt(twist[3] ** 2 + twist[4] ** 2 + twist[5] ** 2)
        if angle > 0.35:
            twist *= 0.35 / angle
        length = np.sqrt(twist[0] ** 2 + twist[1] ** 2 + twist[2] ** 2)
        if length > 0.05:
            twist *= 0.05 / length
        transform = moved(transform, twist)
    return transform


@njit(cache=True, nogil=True)
def climb(
    body: tuple[Array, NDArray[np.int32], NDArray[np.int8]],
    buffers: tuple[Array, Maps, NDArray[np.int8]],
    transform: Array,
    reference_to_cameras: Array,
    intrinsics: Array,
    maps: Maps,
    steps: Array,
    halvings: int,
) -> Array:
    """Return the pose (4, 4) after a pattern search for the best score: what Gauss-Newton's lines cannot see past.

    steps: (6,) first steps of the twist [v, w] (Hooke and Jeeves 1961).
    """
    values = np.empty((2, VALUES))
    best = score_pose(body, buffers, transform, reference_to_cameras, intrinsics, maps, values)
    steps = steps.copy()
    last = np.zeros(6)
    for _ in range(halvings):
        for _ in range(4):
            gained = False
            if np.abs(last).max() > 0.0:
                trial = moved(transform, last)
                score = score_pose(body, buffers, trial, reference_to_cameras, intrinsics, maps, values)
                if score > best:
                    best, transform, gained = score, trial, True
            pattern = np.zeros(6)
            for axis in range(6):
                for sign in (-1.0, 1.0):
                    twist = np.zeros(6)
                    twist[axis] = sign * steps[axis]
                    trial = moved(transform, twist)
                    score = score_pose(body, buffers, trial, reference_to_cameras, intrinsics, maps, values)
                    if score > best:
                        best, transform, gained = score, trial, True
                        pattern[axis] = twist[axis]
                        break
            last = pattern
            if not gained:
                break
        steps *= 0.5
        last *= 0.5
    return transform
