"""A calibration: the rig, how good it is and what it was made from, as `calibration.yaml`.

The file holds what a `cameras.json` holds, so that it serves as a rig wherever one is loaded, and more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig, read_rig_data, rig_from_json, rig_to_json
from dreamitate_core.errors import DreamitateError

from .shots import VIEWS

Array = NDArray[np.float64]

OLDEST_DAYS = 180
"""Mounts creep and cameras are knocked: an older calibration has to be made again."""
_K_SHARE = 0.005
"""How far a camera_info's focal lengths may be from the calibration's; its principal point, by this share of it too."""


@dataclass(frozen=True)
class Calibration:
    """A calibrated rig. Residuals in pixels by view; sigmas are one standard deviation.

    transform_base_to_reference: where the arm is, None where no arm was calibrated; arm: how well that is known.
    images: of each moment, the residual by view or why it was left out. drift_px: what `drift` says of the good ones.
    """

    rig: StereoRig
    date: datetime
    board: dict[str, Any]
    serials: dict[str, str]
    residual_px: dict[str, float]
    limit_px: float
    sigma: dict[str, float]
    drift_px: float
    images: dict[str, dict[str, Any]]
    coverage: dict[str, float]
    transform_base_to_reference: Array | None = None
    arm: dict[str, Any] = field(default_factory=dict)
    frames: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Write the file in one step. Raises DreamitateError where it cannot be written."""
    data = {
        "date": calibration.date.isoformat(timespec="seconds"),
        "board": calibration.board,
        "serials": calibration.serials,
        "frames": calibration.frames,
        "residual_px": _plain(calibration.residual_px),
        "limit_px": calibration.limit_px,
        "sigma": _plain(calibration.sigma),
        "drift_px": float(calibration.drift_px),
        "coverage": _plain(calibration.coverage),
        **rig_to_json(calibration.rig),
        "transform_base_to_reference": None
        if calibration.transform_base_to_reference is None
        else calibration.transform_base_to_reference.tolist(),
        "arm": calibration.arm or None,
        "images": calibration.images,
        "notes": calibration.notes,
    }
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=120))
        partial.replace(path)
    except OSError as error:
        raise DreamitateError(f"{path} cannot be written: {error.strerror or error}.") from None


def read_calibration(path: Path) -> Calibration:
    """Return the calibration of a file. Raises DreamitateError: missing, malformed, or too poor (`residual_px`)."""
    data = read_rig_data(Path(path))
    rig = rig_from_json(data, str(path))
    base = data.get("transform_base_to_reference")
    try:
        return Calibration(
            rig,
            _date(data["date"]),
            dict(data["board"]),
            {name: str(serial) for name, serial in (data.get("serials") or {}).items()},
            {name: float(value) for name, value in data["residual_px"].items()},
            float(data["limit_px"]),
            dict(data["sigma"]),
            float(data["drift_px"]),
            dict(data.get("images") or {}),
            dict(data.get("coverage") or {}),
            None if base is None else se3.check_transform(base, f"transform_base_to_reference in {path}"),
            dict(data.get("arm") or {}),
            dict(data.get("frames") or {}),
            list(data.get("notes") or []),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DreamitateError(f"{path} is no calibration: {type(error).__name__} at {error}. Make it anew.") from None


def check_fresh(calibration: Calibration, serials: Mapping[str, str], now: datetime, oldest_days: float) -> None:
    """Raise DreamitateError where the calibration is of other cameras or too old. serials: of those there now."""
    for view, serial in serials.items():
        known = calibration.serials.get(view, "")
        if serial and known and serial != known:
            raise DreamitateError(
                f"The calibration is of the {view} with the serial number {known}; the one there has {serial}. "
                "Calibrate anew, or swap the cameras back."
            )
        if serial and not known:
            raise DreamitateError(f"The calibration does not say of which {view} it is; the one there has {serial}.")
    age_days = (now - calibration.date).total_seconds() / 86400
    if age_days > oldest_days:
        raise DreamitateError(
            f"The calibration is {age_days:.0f} days old, at most {oldest_days:g} are allowed "
            f"(cameras {', '.join(calibration.serials.values()) or 'without serial numbers'}). Calibrate anew."
        )


def check_camera(calibrated: Camera, actual: Camera, name: str) -> None:
    """Raise DreamitateError where a camera's own words (`camera_info`) contradict its calibration."""
    if (calibrated.width, calibrated.height) != (actual.width, actual.height):
        raise DreamitateError(
            f"{name} sends {actual.width}x{actual.height} pixels, its calibration is for "
            f"{calibrated.width}x{calibrated.height}. Set the driver to that resolution, or calibrate anew."
        )
    for label, row, column in (("fx", 0, 0), ("fy", 1, 1), ("cx", 0, 2), ("cy", 1, 2)):
        known, now = calibrated.K[row, column], actual.K[row, column]
        if abs(known - now) > _K_SHARE * calibrated.K[0, 0]:
            raise DreamitateError(
                f"{name}'s camera_info has {label} = {now:.2f} px, its calibration {known:.2f}; they may differ by "
                f"{_K_SHARE * calibrated.K[0, 0]:.1f}. Is it another camera?"
            )


def table_from_board(transform_board_to_reference: Array, rig: StereoRig) -> Array:
    """Return transform_reference_to_table (4, 4) for a board that lies face up on the table.

    z is up; the origin is below the middle between the cameras; x is camera 1's, laid on the table.
    """
    up, place = -transform_board_to_reference[:3, 2], transform_board_to_reference[:3, 3]
    middle = rig.camera_2.transform_camera_to_reference[:3, 3] / 2
    origin = middle - up * float(up @ (middle - place))
    x = np.array([1.0, 0.0, 0.0]) - up * up[0]
    x /= np.linalg.norm(x)
    return se3.inverse(se3.make_transform(np.column_stack([x, np.cross(up, x), up]), origin))


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(timezone.utc)


def summary(calibration: Calibration) -> list[str]:
    """Return the calibration in lines for a person."""
    used = sum("left_out" not in entry for entry in calibration.images.values())
    two = calibration.rig.camera_2.transform_camera_to_reference
    turn_deg, sigma = np.degrees(se3.rotation_distance_rad(two, np.eye(4))), calibration.sigma
    lines = [
        f"{used} of {len(calibration.images)} moments used; residual "
        + ", ".join(f"{view} {calibration.residual_px[view]:.3f} px" for view in VIEWS),
        f"camera 2 is {1e3 * np.linalg.norm(two[:3, 3]):.1f} mm from camera 1 and turned by "
        f"{turn_deg:.2f} deg; one sigma {1e3 * sigma['place_m']:.2f} mm, {sigma['turn_deg']:.3f} deg",
        "coverage: " + ", ".join(f"{view} {share:.0%}" for view, share in calibration.coverage.items()),
    ]
    if calibration.arm:
        arm = calibration.arm
        lines.append(
            f"arm ({arm['method']}): residual {1e3 * arm['residual_m']:.2f} mm; one sigma "
            f"{1e3 * arm['place_m']:.2f} mm, {arm['turn_deg']:.3f} deg"
        )
    for name, entry in calibration.images.items():
        if "left_out" in entry:
            lines.append(f"left out: {name}: {entry['left_out']}")
    return [*lines, *calibration.notes]


def _date(value: Any) -> datetime:
    date = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _plain(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(float(value), 7) for name, value in values.items()}


class _Dumper(yaml.SafeDumper):
    """Matrices row by row."""


_Dumper.add_representer(
    list,
    lambda dumper, data: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", data, flow_style=bool(data) and all(isinstance(x, int | float) for x in data)
    ),
)
