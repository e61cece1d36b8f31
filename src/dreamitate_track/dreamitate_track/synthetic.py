"""Test clips with truth: tools swept by hands over a cluttered table, rendered by MuJoCo, then spoilt as dreams are.

MuJoCo is imported when a clip is made; tracking does not need it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig, crop_and_resize
from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool
from dreamitate_core.video import STEPS, StereoVideo

from .synthetic_stage import Arm, Stage
from .synthetic_tools import block_tool, part_of, plate_tools, scoop_tool

Array = NDArray[np.float64]
Images = NDArray[np.uint8]

CAMERA_HEIGHT_M, CAMERA_HALF_BASELINE_M, CAMERA_TILT_RAD = 0.76, 0.33, np.radians(22.5)
FOCAL_PER_WIDTH = 568.0 / 768.0
RENDERED = (768, 448)
SIDEWAYS_ARM_M, STEEP_ARM_M = (0.42, -0.24, 0.12), (0.3, -0.4, 0.12)
"""From the hand to the elbow on the right: beside the tool, or between it and camera 1."""


@dataclass(frozen=True)
class Spoil:
    """How a rendered clip is spoilt. Pictures are rendered and spoilt at 768x448, then resized.

    warp_px: elastic warp per frame and view; drift: colour gain per frame; blur_px; noise: grey levels; jpeg: quality;
    shift_px: how far (standard deviation, columns and rows) a view draws tools and hands beside where they are, anew in
    each frame; bias_px: at most so far view 2 draws them beside the epipolar lines, the same in all frames of a clip.
    """

    warp_px: float = 1.0
    drift: float = 0.04
    blur_px: float = 0.7
    noise: float = 5.0
    jpeg: int = 60
    shift_px: float = 0.0
    bias_px: float = 0.0


@dataclass(frozen=True)
class Conditions:
    """What a test clip shows.

    tools: "block", "scoop" or "plates" (two mirrored ones that enter at the lower edge); tracked: "whole", "head" or
    "handle", what the clip's mesh holds; any_yaw: the arm may hide the tool; hand_m: hand's radius; clutter: things.
    """

    width: int = 768
    height: int = 448
    tools: str = "block"
    tracked: str = "whole"
    hand_m: float = 0.04
    any_yaw: bool = False
    clutter: int = 40
    show_tool: bool = True
    spoil: Spoil = field(default_factory=Spoil)


def make_clip(seed: int, conditions: Conditions | None = None) -> Clip:
    """Return a test clip with truth; everything in it follows from the seed."""
    conditions = conditions or Conditions()
    rng = np.random.default_rng([seed, 2025])
    tools = {"block": _one(block_tool), "scoop": _one(scoop_tool), "plates": plate_tools}[conditions.tools](rng)
    rig = table_rig(conditions.width, conditions.height)
    paths = _entering(rng) if conditions.tools == "plates" else _sweep(rng, conditions.any_yaw)[None]
    arm = Arm(conditions.hand_m, STEEP_ARM_M if conditions.any_yaw else SIDEWAYS_ARM_M)
    stage = Stage(rng, tools, arm, conditions.clutter, paths, table_rig(*RENDERED))
    spoil = conditions.spoil
    shifts = rng.normal(0, spoil.shift_px, (STEPS, 2, 2))
    shifts[:, 1, 0] += rng.uniform(-spoil.bias_px, spoil.bias_px)
    pictures = [stage.pictures(paths[:, t], shifts[t], conditions.show_tool) for t in range(STEPS)]
    clean = np.stack([stage.bare(), *pictures])
    stage.close()
    spoilt = np.empty((STEPS + 1, 2, conditions.height, conditions.width, 3), np.uint8)
    for view in range(2):
        for step, image in enumerate(_spoilt(rng, clean[:, view], spoil)):
            spoilt[step, view] = crop_and_resize(image, conditions.width, conditions.height)
    assert rig.transform_reference_to_table is not None
    to_reference = se3.inverse(rig.transform_reference_to_table)
    truth = {tool.name: to_reference @ path for tool, path in zip(tools, paths, strict=True)}
    if conditions.tracked != "whole":
        tools = [part_of(tool, conditions.tracked) for tool in tools]
    video = StereoVideo(spoilt[:, 0], spoilt[1:, 1], fps=4.0)
    info = {"made_by": "dreamitate_track.synthetic", "seed": seed}
    return Clip(video, spoilt[0, 0], spoilt[0, 1], rig, tools, info, truth)


def table_rig(width: int, height: int) -> StereoRig:
    """Return the paper's rig over the table for pictures of that size, with the principal points in the middle."""
    focal = FOCAL_PER_WIDTH * width
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    to_table = []
    for side in (-1, 1):
        c, s = np.cos(CAMERA_TILT_RAD), np.sin(CAMERA_TILT_RAD)
        axes = np.array([[1, 0, 0], [0, -c, side * s], [0, -side * s, -c]]).T
        to_table.append(se3.make_transform(axes, (0, side * CAMERA_HALF_BASELINE_M, CAMERA_HEIGHT_M)))
    one_to_table, two_to_table = to_table
    camera_1 = Camera(width, height, K)
    camera_2 = Camera(width, height, K, np.zeros(0), se3.inverse(one_to_table) @ two_to_table)
    return StereoRig(camera_1, camera_2, one_to_table)


def _sweep(rng: np.random.Generator, any_yaw: bool) -> Array:
    """Return transform_tool_to_table (12, 4, 4): a smooth path of about 30 cm with 30 to 80 degrees of yaw."""
    while True:
        knots = rng.uniform((-0.2, -0.14), (0.2, 0.14), (4, 2))
        points = gaussian_filter1d(np.repeat(knots, 6, axis=0), 3.0, axis=0)
        length = np.linalg.norm(np.diff(points, axis=0), axis=1)
        along = np.concatenate([[0], np.cumsum(length)])
        if 0.2 < along[-1] < 0.45 and np.linalg.norm(points[-1] - points[0]) > 0.15:
            break
    eased = 0.5 - 0.5 * np.cos(np.pi * (np.arange(STEPS) + 0.5) / STEPS)
    xy = np.stack([np.interp(eased * along[-1], along, points[:, i]) for i in range(2)], axis=1)
    turn = np.radians(rng.uniform(30, 80)) * rng.choice([-1, 1])
    start = rng.uniform(-np.pi, np.pi) if any_yaw else rng.uniform(-0.8, 0.8)
    tilt = gaussian_filter1d(rng.normal(0, 0.12, (STEPS, 2)), 2.0, axis=0)
    lift = 0.012 * (1 - np.sin(np.pi * np.linspace(0, 1, STEPS))) + 0.004
    rotation = Rotation.from_euler("z", (start + turn * eased)[:, None]) * Rotation.from_euler("xy", tilt)
    return se3.make_transform(rotation.as_matrix(), np.column_stack([xy, lift]))


def _entering(rng: np.random.Generator) -> Array:
    """Return transform_tool_to_table (2, 12, 4, 4): two plates enter at the lower edge, reach a thing, and turn it."""
    reach, begin = rng.uniform(-0.06, 0.06), rng.uniform(-0.50, -0.42)
    apart, turn = rng.uniform(0.09, 0.13), np.radians(rng.uniform(20, 55)) * rng.choice([-1, 1])
    there = np.clip(np.arange(STEPS) / rng.uniform(4.5, 6.0), 0, 1)
    middle_y = begin + (reach - begin) * (0.5 - 0.5 * np.cos(np.pi * there))
    begun = np.clip((np.arange(STEPS) - 4.5) / 6.0, 0, 1)
    angle = turn * (0.5 - 0.5 * np.cos(np.pi * begun))
    paths = []
    for side in (-1, 1):
        away = apart + 0.04 * (1 - there)
        xy = np.stack([side * away * np.cos(angle), middle_y + side * away * np.sin(angle)], axis=1)
        start = np.pi / 2 + rng.normal(0, 0.15) + (np.pi if side > 0 else 0.0)
        tilt = gaussian_filter1d(rng.normal(0, 0.2, (STEPS, 2)), 2.0, axis=0)
        lift = rng.uniform(0.05, 0.07) + 0.02 * (1 - there)
        rotation = Rotation.from_euler("z", (start + angle)[:, None]) * Rotation.from_euler("xy", tilt)
        paths.append(se3.make_transform(rotation.as_matrix(), np.column_stack([xy, lift])))
    return np.stack(paths)


def _one(make: Callable[[np.random.Generator], Tool]) -> Callable[[np.random.Generator], list[Tool]]:
    return lambda rng: [make(rng)]


def _spoilt(rng: np.random.Generator, images: Images, spoil: Spoil) -> Images:
    """Return one view's frames (13, H, W, 3) spoilt; the first frame, being a photo, is only compressed and noisy."""
    height, width = images.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    spoilt = np.empty_like(images)
    for step, image in enumerate(images):
        picture = image.astype(np.float32)
        if step:
            coarse = rng.normal(0, spoil.warp_px, (2, 7, 11)).astype(np.float32)
            warp = np.stack([cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC) for part in coarse])
            picture = cv2.remap(
                picture, columns + warp[0], rows + warp[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
            picture = picture * (1 + rng.normal(0, spoil.drift, 3).astype(np.float32)) + rng.normal(0, 60 * spoil.drift)
            if spoil.blur_px > 0.2:
                picture = cv2.GaussianBlur(picture, (0, 0), spoil.blur_px)
        picture = picture + rng.normal(0, spoil.noise if step else 1.0, picture.shape)
        encoded = cv2.imencode(".jpg", np.clip(picture, 0, 255).astype(np.uint8), [1, spoil.jpeg if step else 95])[1]
        spoilt[step] = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return spoilt
