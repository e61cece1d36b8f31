"""The folder that a calibration is made from: what both cameras saw of the board, and where the arm was.

camera_1/000.png, camera_2/000.png   pictures of the same moment have the same name; one may be missing
cameras.json    the cameras as their drivers tell: intrinsics, and their serial numbers (optional)
arm.csv         image, then the joints by name [rad], or x y z [m] qx qy qz qw of the flange in the base (optional)
touches.csv     image, corner, x y z [m] in the base: where the tip touched the board of that image (optional)
"""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera, camera_from_json
from dreamitate_core.errors import DreamitateError

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
VIEWS = ("camera_1", "camera_2")
_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")


@dataclass(frozen=True)
class Shots:
    """The folder's contents, but for the pictures themselves, which `read_picture` reads one at a time.

    names: the moments, in order; transform_flange_to_base: by moment; touches: by moment and corner, (3,) in the base.
    """

    folder: Path
    names: list[str]
    cameras: dict[str, Camera]
    serials: dict[str, str]
    transform_flange_to_base: dict[str, Array]
    touches: dict[str, dict[int, Array]]

    def path(self, view: str, name: str) -> Path | None:
        """Return where the picture of a view and a moment lies; None where there is none."""
        path = self.folder / view / name
        return path if path.is_file() else None


def read_shots(folder: Path, flange: Callable[[Mapping[str, float]], Array] | None = None) -> Shots:
    """Return what is in the folder. flange: returns transform_flange_to_base (4, 4) of joint positions by name.

    Raises DreamitateError that names the file and what is wrong.
    """
    folder = Path(folder)
    found = [{path.name for path in (folder / view).glob("*.png")} | _jpegs(folder / view) for view in VIEWS]
    if not any(found):
        raise DreamitateError(f"{folder} has no pictures in {VIEWS[0]}/ and {VIEWS[1]}/ (png or jpg).")
    cameras, serials = _read_cameras(folder / "cameras.json")
    return Shots(
        folder,
        sorted(found[0] | found[1]),
        cameras,
        serials,
        _read_arm(folder / "arm.csv", flange),
        _read_touches(folder / "touches.csv"),
    )


def read_picture(path: Path) -> Image:
    """Return a picture (H, W), gray. Raises DreamitateError where it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DreamitateError(f"{path} is no picture that can be read.")
    return np.asarray(image, np.uint8)


def _jpegs(folder: Path) -> set[str]:
    return {path.name for pattern in ("*.jpg", "*.jpeg") for path in folder.glob(pattern)}


def _read_cameras(path: Path) -> tuple[dict[str, Camera], dict[str, str]]:
    if not path.is_file():
        return {}, {}
    try:
        data = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DreamitateError(f"{path} is not JSON: {error}.") from None
    views = {view: data[view] for view in VIEWS if view in data}
    serials = {view: str(entry["serial"]) for view, entry in views.items() if entry.get("serial")}
    identity = {"transform_camera_to_reference": np.eye(4)}
    known = {view: {**identity, **entry} for view, entry in views.items() if "K" in entry}
    return {view: camera_from_json(entry, f"{view} in {path}") for view, entry in known.items()}, serials


def _read_arm(path: Path, flange: Callable[[Mapping[str, float]], Array] | None) -> dict[str, Array]:
    poses = {}
    for number, row in _rows(path):
        name = row.pop("image", "")
        values = {key: _number(path, number, key, text) for key, text in row.items()}
        if set(_POSE) <= values.keys():
            quaternion = np.array([values[key] for key in _POSE[3:]])
            length = float(np.linalg.norm(quaternion))
            if not 0.99 < length < 1.01:
                raise DreamitateError(f"Line {number} of {path}: the quaternion has length {length:.3g}, not 1.")
            rotation = se3.from_quaternion_xyzw(quaternion / length)
            poses[name] = se3.make_transform(rotation, [values[key] for key in _POSE[:3]])
        elif flange:
            poses[name] = flange(values)
        else:
            raise DreamitateError(
                f"{path} must have the columns image, {', '.join(_POSE)}; with --robot, the joints' names will do."
            )
    return poses


def _read_touches(path: Path) -> dict[str, dict[int, Array]]:
    found: dict[str, dict[int, Array]] = {}
    for number, row in _rows(path):
        place = np.array([_number(path, number, key, row.get(key, "")) for key in "xyz"])
        found.setdefault(row.get("image", ""), {})[int(_number(path, number, "corner", row.get("corner", "")))] = place
    return found


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Return line numbers and columns by name; nothing where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            (
                number,
                {(key or "").strip(): (value or "").strip() for key, value in row.items() if isinstance(value, str)},
            )
            for number, row in enumerate(csv.DictReader(file), start=2)
        ]


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise DreamitateError(f"Line {line} of {path}: {column or 'a column'} is {text!r}, not a number.") from None
    if not np.isfinite(value):
        raise DreamitateError(f"Line {line} of {path}: {column} is {text}.")
    return value
