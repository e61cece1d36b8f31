"""Pictures of a board where the truth is known: true perspective and lens, blur, noise, uneven light."""

import csv
import json
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.camera import StereoRig

from .board import Board
from .shots import VIEWS

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

_TEXTURE_PX_PER_M = 4000.0
_MARGIN_M = 0.01
_SUPER = 2
_NODES_PX = 3
"""Pixels between the rays that are traced; the others lie between them."""
_BACKGROUND = 90.0


@dataclass(frozen=True)
class Look:
    """How bad the pictures are: blur (sigma, pixels), noise (sigma, grey levels of 255)."""

    blur_px: float = 0.8
    noise: float = 4.0


@dataclass(frozen=True)
class Setting:
    """A rig and an arm as they truly are, and where the board is in each shot: (4, 4) each, metres."""

    rig: StereoRig
    transform_base_to_reference: Array
    transform_board_to_flange: Array
    transform_board_to_reference: list[Array]

    @property
    def transform_flange_to_base(self) -> list[Array]:
        """Where the arm is in each shot."""
        to_base, to_flange = se3.inverse(self.transform_base_to_reference), se3.inverse(self.transform_board_to_flange)
        return [to_base @ board @ to_flange for board in self.transform_board_to_reference]


def render(board: Board, rig: StereoRig, view: int, pose: Array, look: Look, rng: np.random.Generator) -> Image:
    """Return what a view (0 or 1) of the rig sees of the board at pose (transform_board_to_reference): (H, W), grey."""
    camera = rig.cameras[view]
    place, size = _where(board, rig, view, pose)
    nodes = np.stack(np.meshgrid(*(np.arange(-1, n // _NODES_PX + 3) for n in size)), axis=-1)
    origins, directions = camera.rays((place + _NODES_PX * nodes).reshape(-1, 2))
    to_board = se3.inverse(pose)
    start, way = se3.transform_points(to_board, origins), directions @ to_board[:3, :3].T
    hit = (start - way * (start[:, 2:] / way[:, 2:])).reshape(*nodes.shape[:2], 3)
    texture = np.pad(board.picture(_TEXTURE_PX_PER_M), round(_MARGIN_M * _TEXTURE_PX_PER_M), constant_values=255)
    coarse = ((hit[..., :2] + _MARGIN_M) * _TEXTURE_PX_PER_M - 0.5).astype(np.float32)
    x, y = (((np.arange(_SUPER * n) + 0.5) / _SUPER - 0.5) / _NODES_PX + 1.0 for n in size)
    fine_x, fine_y = (grid.astype(np.float32) for grid in np.meshgrid(x, y))
    at = _between(coarse, fine_x, fine_y)
    paper = 25.0 + 0.78 * texture.astype(np.float32)
    fine = cv2.remap(paper, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=_BACKGROUND)
    patch = cv2.resize(fine, tuple(int(n) for n in size), interpolation=cv2.INTER_AREA)
    image = np.full((camera.height, camera.width), _BACKGROUND, np.float32)
    left, top = place
    image[top : top + size[1], left : left + size[0]] = patch
    if look.blur_px > 0:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), look.blur_px), np.float32)
    light = 1.0 + 0.15 * np.linspace(-1, 1, camera.width, dtype=np.float32)[None]
    return np.clip(image * light + rng.normal(0.0, look.noise, image.shape), 0, 255).round().astype(np.uint8)


def make_setting(rig: StereoRig, board: Board, count: int, seed: int, largest_tilt_deg: float = 40.0) -> Setting:
    """Return an arm that holds the board before both cameras in `count` ways, as a person would choose them."""
    rng = np.random.default_rng(seed)
    base = se3.make_transform(Rotation.random(random_state=rng.integers(2**31)).as_matrix(), rng.uniform(-0.6, 0.6, 3))
    turn = Rotation.from_rotvec(rng.normal(0.0, 0.3, 3)).as_matrix()
    on_flange = se3.make_transform(turn, rng.uniform(-0.1, 0.1, 3))
    middle = se3.interpolate(np.eye(4), rig.camera_2.transform_camera_to_reference, 0.5)[:3, :3]
    poses: list[Array] = []
    while len(poses) < count:
        tilt, azimuth = np.radians(rng.uniform(0.12, 1.0) * largest_tilt_deg), rng.uniform(0, 2 * np.pi)
        lean = Rotation.from_rotvec(tilt * np.array([np.cos(azimuth), np.sin(azimuth), 0.0]))
        spin = Rotation.from_rotvec([0.0, 0.0, rng.uniform(0, 2 * np.pi) if largest_tilt_deg > 10 else 0.05])
        rotation = middle @ (lean * spin).as_matrix()
        pixel = rng.uniform([0.15, 0.15], [0.85, 0.85]) * (rig.camera_1.width, rig.camera_1.height)
        _, direction = rig.camera_1.rays(pixel)
        pose = se3.make_transform(rotation, rng.uniform(0.55, 0.95) * direction - rotation @ board.centre)
        if all(_seen_share(board, rig, view, pose) > 0.7 for view in (0, 1)):
            poses.append(pose)
    return Setting(rig, base, on_flange, poses)


def write_setting(folder: Path, board: Board, setting: Setting, look: Look, seed: int, intrinsics: bool = True) -> None:
    """Write the folder that a calibration reads: pictures, arm.csv and, with intrinsics, cameras.json."""
    rng = np.random.default_rng(seed)
    for view, name in enumerate(VIEWS):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for shot, pose in enumerate(setting.transform_board_to_reference):
            picture = render(board, setting.rig, view, pose, look, rng)
            cv2.imwrite(str(folder / name / f"{shot:03d}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    flanges = setting.transform_flange_to_base
    write_arm(folder / "arm.csv", [f"{shot:03d}.png" for shot in range(len(flanges))], flanges)
    if intrinsics:
        data = {}
        for view, (name, camera) in enumerate(zip(VIEWS, setting.rig.cameras, strict=True)):
            data[name] = {"width": camera.width, "height": camera.height, "K": camera.K.tolist()}
            data[name] |= {"distortion": camera.distortion.tolist(), "serial": f"{831612070000 + view}"}
        (folder / "cameras.json").write_text(json.dumps(data, indent=1))


def write_arm(path: Path, names: list[str], flanges: list[Array]) -> None:
    """Write arm.csv: transform_flange_to_base (4, 4) by picture."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "x", "y", "z", "qx", "qy", "qz", "qw"])
        for name, flange in zip(names, flanges, strict=True):
            rows.writerow([name, *(f"{v:.9f}" for v in (*flange[:3, 3], *se3.to_quaternion_xyzw(flange)))])


def moved(rig: StereoRig, twist: Array) -> StereoRig:
    """Return the rig with camera 2 moved by a twist (6,) in its own frame."""
    two = rig.camera_2
    transform = two.transform_camera_to_reference @ se3.exp(twist)
    return replace(rig, camera_2=replace(two, transform_camera_to_reference=transform))


def _between(coarse: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values (H, W, 2) between nodes, exactly linear: cv2.remap rounds its weights to 1/32."""
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = (x - i)[..., None], (y - j)[..., None]
    upper = coarse[j, i] * (1 - u) + coarse[j, i + 1] * u
    lower = coarse[j + 1, i] * (1 - u) + coarse[j + 1, i + 1] * u
    return np.asarray(upper * (1 - v) + lower * v, np.float32)


def _where(board: Board, rig: StereoRig, view: int, pose: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the left upper pixel and the size of the part of the picture that the board can be in."""
    camera = rig.cameras[view]
    far = np.array([board.columns, board.rows]) * board.square_m + _MARGIN_M
    outline = np.array([[x, y, 0.0] for x in (-_MARGIN_M, far[0]) for y in (-_MARGIN_M, far[1])])
    pixels, _ = camera.project(se3.transform_points(pose, outline))
    low = np.clip(np.floor(pixels.min(axis=0)).astype(int) - 8, 0, (camera.width - 8, camera.height - 8))
    high = np.clip(np.ceil(pixels.max(axis=0)).astype(int) + 8, low + 8, (camera.width, camera.height))
    return low, high - low


def _seen_share(board: Board, rig: StereoRig, view: int, pose: Array) -> float:
    camera = rig.cameras[view]
    pixels, depth = camera.project(se3.transform_points(pose, board.corners))
    inside = (pixels > 15) & (pixels < (camera.width - 15, camera.height - 15))
    return float((inside.all(axis=1) & (depth > 0.2)).mean())
