"""`dreamitate bench calibrate`: rendered boards with known truth; how far the calibration is from it."""

import argparse
import tempfile
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate.commands.options import positive
from dreamitate.run_folder import write_json
from dreamitate_core import se3
from dreamitate_core.camera import StereoRig, load_rig

DESCRIPTION = "How exact a calibration is: boards rendered with lens, blur and noise, of known truth."
LIMITS = {"camera_mm": 0.5, "camera_deg": 0.05, "arm_mm": 1.0, "arm_deg": 0.1}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--count", type=positive, default=10, help="rigs (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (default 0)")
    parser.add_argument("--images", type=positive, default=20, help="moments of each (default 20)")
    parser.add_argument("--noise", type=float, default=4.0, help="grey levels of 255 (default 4)")
    parser.add_argument("--blur", type=float, default=0.8, help="pixels (default 0.8)")
    parser.add_argument("--estimate", action="store_true", help="the cameras' intrinsics are not given")
    parser.add_argument("--out", type=Path, default=Path("runs/bench/calibrate.json"), help="the report")


def run(options: argparse.Namespace) -> int:
    """Calibrate every rig, print the errors, write the report. 1: one is beyond the limits without being refused."""
    from dreamitate import provenance

    rows = []
    for seed in range(options.seed, options.seed + options.count):
        rows.append(measure(seed, options.images, options.noise, options.blur, options.estimate))
        print(_line(rows[-1]), flush=True)
    done = [row for row in rows if "refused" not in row]
    worst = {key: max((row[key] for row in done), default=0.0) for key in LIMITS}
    report = {
        "rows": rows,
        "worst": worst,
        "limits": LIMITS,
        "settings": {key: str(value) for key, value in vars(options).items() if not callable(value)},
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, report)
    print(f"report: {options.out}")
    said = ", ".join(f"{key.replace('_', ' ')} {worst[key]:.3f} (limit {limit:g})" for key, limit in LIMITS.items())
    print(f"calibrate: {len(done)} of {len(rows)} rigs calibrated, the rest refused; worst: {said}")
    return int(any(worst[key] > limit for key, limit in LIMITS.items()))


def measure(seed: int, images: int, noise: float, blur: float, estimate: bool) -> dict[str, Any]:
    """Render one rig's pictures, calibrate from them, and return the errors against the truth, or the refusal."""
    from dreamitate_data.board import Board
    from dreamitate_data.calibrate import calibrate
    from dreamitate_data.calibrate_boards import CalibrationError
    from dreamitate_data.render_board import Look, make_setting, write_setting
    from dreamitate_data.shots import read_shots

    rig, board = random_rig(seed), Board()
    setting = make_setting(rig, board, images, seed)
    with tempfile.TemporaryDirectory() as folder:
        write_setting(Path(folder), board, setting, Look(blur, noise), seed, intrinsics=not estimate)
        try:
            found, _ = calibrate(read_shots(Path(folder)), board)
        except CalibrationError as refusal:
            return {"seed": seed, "refused": str(refusal)}
    assert found.transform_base_to_reference is not None
    camera = _off(found.rig.camera_2.transform_camera_to_reference, rig.camera_2.transform_camera_to_reference)
    arm = _off(found.transform_base_to_reference, setting.transform_base_to_reference)
    return {
        "seed": seed,
        "camera_mm": camera[0],
        "camera_deg": camera[1],
        "arm_mm": arm[0],
        "arm_deg": arm[1],
        "residual_px": max(found.residual_px.values()),
        "used": sum("left_out" not in entry for entry in found.images.values()),
    }


def random_rig(seed: int) -> StereoRig:
    """Return the paper's rig as one that was put up by hand: other lenses, other angles, other distances."""
    rng = np.random.default_rng([seed, 7])
    rig = load_rig("paper")
    cameras = []
    for camera in rig.cameras:
        K = camera.K.copy()
        K[[0, 1], [0, 1]] += rng.normal(0.0, 6.0) + rng.normal(0.0, 0.5, 2)
        K[:2, 2] += rng.normal(0.0, 6.0, 2)
        distortion = rng.normal(0.0, [0.06, 0.06, 5e-4, 5e-4, 0.01])
        cameras.append(replace(camera, K=K, distortion=distortion))
    turn = se3.exp(rng.normal(0.0, [0.02, 0.02, 0.02, 0.03, 0.03, 0.03]))
    two = replace(cameras[1], transform_camera_to_reference=cameras[1].transform_camera_to_reference @ turn)
    return replace(rig, camera_1=cameras[0], camera_2=two)


def _off(found: Any, true: Any) -> tuple[float, float]:
    """Return how far a pose is from the truth: millimetres, degrees."""
    way, turn = np.linalg.norm(found[:3, 3] - true[:3, 3]), se3.rotation_distance_rad(found, true)
    return 1e3 * float(way), float(np.degrees(turn))


def _line(row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"seed {row['seed']}: refused: {row['refused']}"
    cameras = f"cameras {row['camera_mm']:.3f} mm {row['camera_deg']:.4f} deg"
    arm = f"arm {row['arm_mm']:.3f} mm {row['arm_deg']:.4f} deg"
    return f"seed {row['seed']}: {cameras}; {arm}; {row['residual_px']:.3f} px; {row['used']} moments"
