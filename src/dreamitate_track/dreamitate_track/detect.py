"""Find the tool in one stereo frame without knowing where it was: blobs, triangulation, many rotations, refinement."""

from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .model import Model
from .pose import climb, refine_pose, score_pose, try_rotations
from .raster import project, rasterise
from .score import BUFFER, VALUES

Array = NDArray[np.float64]
Maps = NDArray[np.float32]

EVIDENCE = 0.7
"""Log-likelihood ratio from which a pixel counts as the tool's."""
RAY_GAP_M = 0.05
SMALLEST_BLOB_PX = 6
CLIMB_STEPS = np.array([0.012] * 3 + [0.16] * 3)
"""First steps of the pattern search, metres and radians."""


@dataclass(frozen=True)
class Hypothesis:
    """A pose (4, 4) body to reference, and its sum of log-likelihood ratios."""

    pose: Array
    score: float


@dataclass(frozen=True)
class Place:
    """Where a tool may be. point: (3,) in the reference frame; targets: (2, 3) column, row, seen (0 or 1) per view."""

    point: Array
    targets: Array
    weight: float


class Eyes:
    """A model and the two cameras at one level: what every search and score needs, with the drawing buffers."""

    def __init__(self, model: Model, reference_to_cameras: Array, intrinsics: Array) -> None:
        self.body = (
            np.ascontiguousarray(model.vertices),
            np.ascontiguousarray(model.faces),
            np.ascontiguousarray(model.face_label),
        )
        self.buffers = _buffers(len(model.vertices))
        self._radius_m = model.radius
        self.reference_to_cameras = np.ascontiguousarray(reference_to_cameras)
        self.intrinsics = np.ascontiguousarray(intrinsics)

    def copy(self) -> "Eyes":
        """Return eyes with drawing buffers of their own, for another thread."""
        other = copy(self)
        other.buffers = _buffers(len(self.body[0]))
        return other

    def radius_px(self, view: int, point: Array) -> float:
        """Return how large the tool's radius appears at a point (3,) in the reference frame, in pixels."""
        to_camera = self.reference_to_cameras[view]
        return float(self.intrinsics[view, 0] * self._radius_m / max(0.1, to_camera[2, :3] @ point + to_camera[2, 3]))

    def area_px(self, pose: Array, view: int) -> float:
        """Return how many pixels the tool covers in a view, beyond the picture's edges too; 0 behind the camera."""
        vertices, faces, face_label = self.body
        pixels, inverse_depth, label = self.buffers
        if not project(vertices, self.reference_to_cameras[view] @ pose, self.intrinsics[view], pixels):
            return 0.0
        left, top = pixels[:, :2].min(axis=0)
        scale = min(1.0, (BUFFER - 2) / float(np.ptp(pixels[:, :2], axis=0).max() + 1e-9))
        return rasterise(pixels, faces, face_label, float(left), float(top), scale, inverse_depth, label) / scale**2

    def values(self, pose: Array, maps: Maps) -> Array:
        """Return the values (2, 5) of `score_view` for a pose and one frame's maps (2, L + 1, h, w)."""
        values = np.empty((2, VALUES))
        score_pose(self.body, self.buffers, pose, self.reference_to_cameras, self.intrinsics, maps, values)
        return values

    def refined(self, pose: Array, maps: Maps, iterations: int) -> Hypothesis:
        """Return the best pose met on Gauss-Newton's way on one frame's maps, first with far reach, then with near."""
        best = Hypothesis(pose, float(self.values(pose, maps)[:, 0].sum()))
        for reach, count in ((8, iterations), (4, 2)):
            pose = refine_pose(
                self.body, self.buffers, pose, self.reference_to_cameras, self.intrinsics, maps, reach, 1.0, count
            )
            score = float(self.values(pose, maps)[:, 0].sum())
            if score > best.score:
                best = Hypothesis(pose, score)
        return best

    def climbed(self, pose: Array, maps: Maps) -> Hypothesis:
        """Return the best pose near a pose by pattern search on the score of one frame's maps."""
        pose = climb(self.body, self.buffers, pose, self.reference_to_cameras, self.intrinsics, maps, CLIMB_STEPS, 4)
        return Hypothesis(pose, float(self.values(pose, maps)[:, 0].sum()))

    def searched(self, place: Place, rotations: Array, maps: Maps) -> list[Hypothesis]:
        """Return one hypothesis per rotation (N, 3, 3), each moved to the place."""
        poses, scores = np.empty((len(rotations), 4, 4)), np.empty(len(rotations))
        try_rotations(
            self.body,
            self.buffers,
            rotations,
            place.point,
            place.targets,
            self.reference_to_cameras,
            self.intrinsics,
            maps,
            poses,
            scores,
        )
        return [Hypothesis(pose, float(score)) for pose, score in zip(poses, scores, strict=True)]


def _buffers(vertices: int) -> tuple[Array, Maps, NDArray[np.int8]]:
    return np.empty((vertices, 3)), np.empty((BUFFER, BUFFER), np.float32), np.empty((BUFFER, BUFFER), np.int8)


def spread_rotations(count: int) -> Array:
    """Return (count, 3, 3) rotations spread evenly: super-Fibonacci spirals (Alexa, CVPR 2022)."""
    s = np.arange(count) + 0.5
    r, R = np.sqrt(s / count), np.sqrt(1 - s / count)
    alpha, beta = 2 * np.pi * s / np.sqrt(2.0), 2 * np.pi * s / 1.533751168755204288118041
    quaternions = np.stack([r * np.sin(alpha), r * np.cos(alpha), R * np.sin(beta), R * np.cos(beta)], axis=1)
    return np.asarray(Rotation.from_quat(quaternions).as_matrix(), float)


def distinct(hypotheses: list[Hypothesis], count: int, angle_rad: float, distance_m: float) -> list[Hypothesis]:
    """Return the best hypotheses, leaving out those near a better one."""
    kept: list[Hypothesis] = []
    for hypothesis in sorted(hypotheses, key=lambda h: -h.score):
        if len(kept) == count:
            break
        if kept:
            poses = np.stack([k.pose for k in kept])
            trace = np.einsum("nij,ij->n", poses[:, :3, :3], hypothesis.pose[:3, :3])
            near = (np.arccos(np.clip((trace - 1) / 2, -1, 1)) < angle_rad) & (
                np.linalg.norm(poses[:, :3, 3] - hypothesis.pose[:3, 3], axis=1) < distance_m
            )
            if near.any():
                continue
        kept.append(hypothesis)
    return kept


def places(maps: Maps, eyes: Eyes, count: int) -> list[Place]:
    """Return where a tool may be in one frame's maps (2, L + 1, h, w), best first."""
    middle = _on_other_axis(eyes.intrinsics[0, 2:], 0, eyes)
    blobs = [_blobs(maps[view], eyes.radius_px(view, middle)) for view in range(2)]
    found: list[Place] = []
    for one in blobs[0]:
        for two in blobs[1]:
            point, gap = _triangulated(np.stack([one[:2], two[:2]]), eyes)
            if gap < RAY_GAP_M and point is not None:
                targets = np.array([[*one[:2], 1.0], [*two[:2], 1.0]])
                found.append(Place(point, targets, float(np.sqrt(one[2] * two[2])) * (1 - 0.5 * gap / RAY_GAP_M)))
    for view in range(2):
        for blob in blobs[view][:1]:
            if not found:
                targets = np.zeros((2, 3))
                targets[view] = [*blob[:2], 1.0]
                found.append(Place(_on_other_axis(blob[:2], view, eyes), targets, 0.1 * float(blob[2])))
    found.sort(key=lambda place: -place.weight)
    kept: list[Place] = []
    for place in found:
        if all(np.linalg.norm(place.point - other.point) > 0.02 for other in kept):
            kept.append(place)
    return kept[:count]


def _blobs(maps: Maps, radius_px: float) -> list[Array]:
    """Return [column, row, weight] of the middles of what looks like the tool in one view, heaviest first.

    A middle is a peak of the evidence blurred to the tool's size, moved to the centroid of the evidence around it.
    """
    ratio = maps[:-1].max(axis=0)
    evidence = np.where(ratio > EVIDENCE, np.tanh(0.5 * ratio), 0.0).astype(np.float32)
    evidence *= cv2.erode(cv2.dilate((evidence > 0).astype(np.uint8), np.ones((2, 2))), np.ones((2, 2)))
    if evidence.sum() < SMALLEST_BLOB_PX:
        return []
    left = evidence.copy()
    rows, columns = np.mgrid[: ratio.shape[0], : ratio.shape[1]]
    found: list[Array] = []
    for _ in range(4):
        blurred = cv2.GaussianBlur(left, (0, 0), 0.4 * radius_px)
        row, column = np.unravel_index(int(blurred.argmax()), blurred.shape)
        middle = np.array([column, row], float)
        for _ in range(4):
            disc = evidence * ((columns - middle[0]) ** 2 + (rows - middle[1]) ** 2 < radius_px**2)
            total = float(disc.sum())
            if total < SMALLEST_BLOB_PX:
                break
            middle = np.array([(disc * columns).sum(), (disc * rows).sum()]) / total
        if total >= SMALLEST_BLOB_PX:
            found.append(np.array([*middle, total]))
        left[(columns - column) ** 2 + (rows - row) ** 2 < radius_px**2] = 0.0
    found.sort(key=lambda blob: -blob[2])
    return found


def _ray(pixel: Array, view: int, eyes: Eyes) -> tuple[Array, Array]:
    """Return origin and direction in the reference frame of a pixel's ray."""
    fx, fy, cx, cy = eyes.intrinsics[view]
    rotation, translation = eyes.reference_to_cameras[view, :3, :3], eyes.reference_to_cameras[view, :3, 3]
    direction = rotation.T @ np.array([(pixel[0] - cx) / fx, (pixel[1] - cy) / fy, 1.0])
    return -rotation.T @ translation, direction / np.linalg.norm(direction)


def _closest(one: tuple[Array, Array], two: tuple[Array, Array]) -> tuple[float, float]:
    """Return how far along each ray the two come closest."""
    between, cosine = two[0] - one[0], float(one[1] @ two[1])
    bottom = max(1e-9, 1 - cosine**2)
    along_one = (float(between @ one[1]) - cosine * float(between @ two[1])) / bottom
    return along_one, along_one * cosine - float(between @ two[1])


def _triangulated(pixels: Array, eyes: Eyes) -> tuple[Array | None, float]:
    """Return the point (3,) between the rays of pixels (2, 2) and their gap in metres; no point behind a camera."""
    one, two = _ray(pixels[0], 0, eyes), _ray(pixels[1], 1, eyes)
    s, t = _closest(one, two)
    if s < 0.1 or t < 0.1:
        return None, np.inf
    p, q = one[0] + s * one[1], two[0] + t * two[1]
    return (p + q) / 2, float(np.linalg.norm(p - q))


def _on_other_axis(pixel: Array, view: int, eyes: Eyes) -> Array:
    """Return the point on a pixel's ray that lies closest to the other camera's axis."""
    own = _ray(pixel, view, eyes)
    other = _ray(eyes.intrinsics[1 - view, 2:], 1 - view, eyes)
    along, _ = _closest(own, other)
    return own[0] + max(along, 0.2) * own[1]
