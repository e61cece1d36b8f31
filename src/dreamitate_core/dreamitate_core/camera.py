"""Pinhole cameras, the stereo rig, and the paper's crop and resize, which reaches the intrinsics.

Frames are OpenCV optical frames (x right, y down, z forward); pixel centres lie at integers. The reference frame of a
rig is camera 1's.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from . import se3
from .errors import DreamitateError, unknown
from .numbers import read_array, read_count
from .paths import config_dir

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

DISTORTIONS = (0, 4, 5, 8, 12, 14)
"""How many coefficients OpenCV knows."""
LARGEST_PX = 16384


@dataclass(frozen=True)
class Camera:
    """A calibrated camera.

    width, height: pixels; K: (3, 3) intrinsics in pixels; distortion: (n,) in OpenCV's order, may be empty;
    transform_camera_to_reference: (4, 4), metres.
    """

    width: int
    height: int
    K: Array
    distortion: Array = field(default_factory=lambda: np.zeros(0))
    transform_camera_to_reference: Array = field(default_factory=lambda: np.eye(4))

    def project(self, points_reference: ArrayLike) -> tuple[Array, Array]:
        """Return pixels (..., 2) and depths (...,) in metres of points (..., 3) in the reference frame."""
        points = np.asarray(points_reference, float)
        T = se3.inverse(self.transform_camera_to_reference)
        local = points @ T[:3, :3].T + T[:3, 3]
        depth = local[..., 2]
        if self.distortion.size:
            flat, _ = cv2.projectPoints(local.reshape(-1, 3), np.zeros(3), np.zeros(3), self.K, self.distortion)
            return np.asarray(flat, float).reshape(*points.shape[:-1], 2), depth
        image = local @ self.K.T
        return image[..., :2] / image[..., 2:], depth

    def rays(self, pixels: ArrayLike) -> tuple[Array, Array]:
        """Return origins (..., 3) and unit directions (..., 3), in the reference frame, of pixels (..., 2)."""
        pixels = np.asarray(pixels, float)
        flat = np.ascontiguousarray(pixels.reshape(-1, 1, 2))
        normal = cv2.undistortPoints(flat, self.K, self.distortion if self.distortion.size else None)[:, 0]
        local = np.concatenate([normal, np.ones((len(normal), 1))], axis=1)
        local /= np.linalg.norm(local, axis=1, keepdims=True)
        direction = (local @ self.transform_camera_to_reference[:3, :3].T).reshape(*pixels.shape[:-1], 3)
        return np.broadcast_to(self.transform_camera_to_reference[:3, 3], direction.shape), direction

    def cropped_and_resized(self, width: int, height: int, region: float = 1.0) -> "Camera":
        """Return the camera of the picture that `crop_and_resize` makes of this camera's."""
        left, top, crop_width, crop_height = _crop(self.width, self.height, width, height, region)
        K = self.K.copy()
        scale = np.array([width / crop_width, height / crop_height])
        K[:2, 2] = (K[:2, 2] - (left, top) + 0.5) * scale - 0.5  # pixel centres are at integers
        K[:2, :2] *= scale[:, None]
        return replace(self, width=width, height=height, K=K)


@dataclass(frozen=True)
class StereoRig:
    """Two calibrated cameras, and where the reference frame lies on the table, if that is known: (4, 4), metres."""

    camera_1: Camera
    camera_2: Camera
    transform_reference_to_table: Array | None = None

    @property
    def cameras(self) -> tuple[Camera, Camera]:
        """Both cameras, in order."""
        return self.camera_1, self.camera_2

    def cropped_and_resized(self, width: int, height: int, region: float = 1.0) -> "StereoRig":
        """Return the rig whose pictures `crop_and_resize` makes of this rig's."""
        one, two = (camera.cropped_and_resized(width, height, region) for camera in self.cameras)
        return replace(self, camera_1=one, camera_2=two)


def crop_and_resize(image: Image, width: int, height: int, region: float = 1.0) -> Image:
    """Return the paper's picture: centre crop to the target's shape, then resize (paper section 4.1: 768x448).

    region: the share of the width and height of the largest such crop that is kept, around the middle.
    """
    left, top, crop_width, crop_height = _crop(image.shape[1], image.shape[0], width, height, region)
    crop = image[top : top + crop_height, left : left + crop_width]
    if crop.shape[:2] == (height, width):
        return np.ascontiguousarray(crop)
    shrinks = width < crop_width
    resized = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.uint8)


def rig_from_json(data: dict[str, Any], source: str) -> StereoRig:
    """Return the rig of a `cameras.json`. Raises DreamitateError that names the source and the entry that is wrong."""
    if not isinstance(data, dict):
        raise DreamitateError(f"{source} must hold camera_1 and camera_2; see the clip folder in the README.")
    try:
        cameras = [camera_from_json(data[name], f"{name} in {source}") for name in ("camera_1", "camera_2")]
    except KeyError as missing:
        raise DreamitateError(f"{source} lacks {missing}; see the clip folder in the README.") from None
    table = data.get("transform_reference_to_table")
    if table is not None:
        table = se3.check_transform(table, f"transform_reference_to_table in {source}")
    return StereoRig(cameras[0], cameras[1], table)


def rig_to_json(rig: StereoRig) -> dict[str, Any]:
    """Return the contents of `cameras.json` for a rig."""
    data: dict[str, Any] = {"reference": "camera_1"}
    for name, camera in zip(("camera_1", "camera_2"), rig.cameras, strict=True):
        data[name] = {
            "width": camera.width,
            "height": camera.height,
            "K": camera.K.tolist(),
            "distortion": camera.distortion.tolist(),
            "transform_camera_to_reference": camera.transform_camera_to_reference.tolist(),
        }
    if rig.transform_reference_to_table is not None:
        data["transform_reference_to_table"] = rig.transform_reference_to_table.tolist()
    return data


def read_rig(path: Path) -> StereoRig:
    """Return the rig in a `cameras.json` or a `calibration.yaml`.

    Raises DreamitateError where it is missing or wrong, or where the calibration's residuals are over its limit.
    """
    return rig_from_json(read_rig_data(Path(path)), str(path))


def read_rig_data(path: Path) -> dict[str, Any]:
    """Return what stands in a rig's file, JSON or YAML. Raises DreamitateError as `read_rig` does."""
    try:
        text = path.read_text()
        data = yaml.safe_load(text) if path.suffix in (".yaml", ".yml") else json.loads(text)
    except FileNotFoundError:
        raise DreamitateError(f"There is no camera file {path}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DreamitateError(f"{path} is not JSON: {error}.") from None
    except yaml.YAMLError as error:
        raise DreamitateError(f"{path} is not YAML: {error}.") from None
    if not isinstance(data, dict):
        raise DreamitateError(f"{path} holds no cameras; see the clip folder in the README.")
    limit_px = data.get("limit_px")
    for view, residual_px in (data.get("residual_px") or {}).items():
        if limit_px is not None and not residual_px <= limit_px:
            raise DreamitateError(
                f"The calibration {path} is too poor: {view} has a residual of {residual_px:g} px, at most "
                f"{limit_px:g} are allowed. Calibrate anew."
            )
    return data


def write_rig(path: Path, rig: StereoRig) -> None:
    """Write `cameras.json`."""
    Path(path).write_text(json.dumps(rig_to_json(rig), indent=1) + "\n")


def load_rig(name: str) -> StereoRig:
    """Return the rig `config/cameras/<name>.json` or `.yaml`, or that of a file by its path.

    Raises DreamitateError that lists the known ones.
    """
    folder = config_dir() / "cameras"
    if name.endswith((".json", ".yaml", ".yml")):
        return read_rig(Path(name))
    for path in (folder / f"{name}.json", folder / f"{name}.yaml"):
        if path.is_file():
            return read_rig(path)
    known = [file.stem for file in folder.glob("*") if file.suffix in (".json", ".yaml")]
    raise unknown("camera rig", name, known)


def camera_from_json(data: Any, source: str) -> Camera:
    """Return the camera of one entry of a `cameras.json`. Raises DreamitateError, or KeyError for what it lacks."""
    if not isinstance(data, dict):
        raise DreamitateError(f"{source} must hold width, height, K and transform_camera_to_reference.")
    K = read_array(data["K"], (3, 3), f"K of {source}")
    if K[0, 0] <= 0 or K[1, 1] <= 0 or (K[2] != (0, 0, 1)).any():
        raise DreamitateError(f"K of {source} must have positive focal lengths and end in 0, 0, 1; it is {K.tolist()}.")
    distortion = read_array(data.get("distortion") or [], None, f"The distortion of {source}")
    if len(distortion) not in DISTORTIONS:
        raise DreamitateError(
            f"{source}: distortion must have {', '.join(map(str, DISTORTIONS))} numbers, not {len(distortion)}."
        )
    transform = se3.check_transform(data["transform_camera_to_reference"], f"transform_camera_to_reference of {source}")
    width, height = (read_count(data[side], f"{side} of {source}", LARGEST_PX) for side in ("width", "height"))
    return Camera(width, height, K, distortion, transform)


def _crop(width: int, height: int, target_width: int, target_height: int, region: float) -> tuple[int, int, int, int]:
    """Return left, top, width, height of the centre crop that has the target's shape, or of its middle region."""
    crop_width, crop_height = int(height * target_width / target_height), height
    if crop_width > width:
        crop_width, crop_height = width, int(width * target_height / target_width)
    if region < 1.0:
        crop_width, crop_height = round(crop_width * region), round(crop_height * region)
    return (width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height
