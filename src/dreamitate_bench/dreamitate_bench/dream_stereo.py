"""Whether both views of a dream show the tool in one place: how far it lies off the other view's epipolar line."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Camera, StereoRig
from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool, colours_of

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

FINER = 4
"""The tool is drawn so many times larger than the video, then shrunk."""
FARTHEST_PX = 8.0
"""A tool that is found farther from where it was tracked was not found."""
CRITERIA = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)


def stereo_error_px(clip: Clip, tool: Tool, transform_tool_to_reference: Array) -> Array:
    """Return per time step (12,) how far, in pixels, the tool's tip lies off the other view's epipolar line.

    The tool is drawn at its tracked pose and then shifted in each view alone to where that view shows it; mean over
    both views. NaN where a view does not show it near its pose (then the pair says nothing).
    """
    pairs, backgrounds = clip.video.pairs(), (clip.background_1, clip.background_2)
    found = np.full((len(pairs), 2, 2), np.nan)
    for step, pose in enumerate(transform_tool_to_reference):
        for view, camera in enumerate(clip.rig.cameras):
            shift = _shift(pairs[step, view], backgrounds[view], tool, pose, camera)
            found[step, view] = camera.project(se3.transform_points(pose, tool.tip))[0] + shift
    return epipolar_error_px(clip.rig, found[:, 0], found[:, 1])


def epipolar_error_px(rig: StereoRig, pixels_1: Array, pixels_2: Array) -> Array:
    """Return the symmetric epipolar distance (N,) in pixels of points (N, 2) in camera 1 and (N, 2) in camera 2."""
    one, two = rig.cameras
    return (_off_line(one, two, pixels_1, pixels_2) + _off_line(two, one, pixels_2, pixels_1)) / 2


def _off_line(seeing: Camera, other: Camera, pixels: Array, others: Array) -> Array:
    """Return how far `others` lie off the pictures, in the other camera, of the rays through `pixels`."""
    origins, directions = seeing.rays(np.nan_to_num(pixels))
    ends = [other.project(origins + depth * directions)[0] for depth in (0.5, 1.2)]
    along = ends[1] - ends[0]
    off = others - ends[0]
    cross = along[:, 0] * off[:, 1] - along[:, 1] * off[:, 0]
    return np.asarray(np.abs(cross) / np.linalg.norm(along, axis=1) + 0.0 * pixels.sum(axis=1))


def _shift(image: Image, background: Image, tool: Tool, pose: Array, camera: Camera) -> Array:
    """Return the shift (2,) in pixels from where the tool is drawn at `pose` to where the picture shows it."""
    expected, region = drawn(background, tool, pose, camera)
    pictures, start = (_colourfulness(expected), _colourfulness(image)), np.eye(2, 3, dtype=np.float32)
    try:
        _, warp = cv2.findTransformECC(*pictures, start, cv2.MOTION_TRANSLATION, CRITERIA, region, 3)
    except cv2.error:  # nothing there that looks like the tool
        return np.full(2, np.nan)
    shift = np.asarray(warp[:, 2], float)
    return shift if np.linalg.norm(shift) < FARTHEST_PX else np.full(2, np.nan)


def drawn(background: Image, tool: Tool, pose: Array, camera: Camera) -> tuple[Image, Image]:
    """Return the background with the tool drawn over it at `pose` (tool to reference), flat, and where to compare.

    Where to compare: the tracked part, which the hand does not hide, and what is next to it.
    """
    height, width = background.shape[:2]
    canvas = cv2.resize(background, (width * FINER, height * FINER), interpolation=cv2.INTER_LINEAR)
    region = np.zeros(canvas.shape[:2], np.uint8)
    triangles = tool.mesh.triangles
    pixels, depth = camera.project(se3.transform_points(pose, triangles.reshape(-1, 3)))
    corners = (((pixels + 0.5) * FINER - 0.5) * 16).round().astype(np.int32).reshape(-1, 3, 2)
    part = tool.settings.get("tracked_part")
    tracked = np.ones(len(triangles), bool)
    if part is not None:
        centres = triangles.mean(axis=1)
        tracked = np.all((centres >= part["box_min"]) & (centres <= part["box_max"]), axis=1)
    colours = colours_of(tool.mesh).face_colors
    for face in np.argsort(-depth.reshape(-1, 3).mean(axis=1)):
        colour = tuple(int(value) for value in colours[face, :3])
        cv2.fillConvexPoly(canvas, corners[face], colour, shift=4)
        cv2.fillConvexPoly(region, corners[face], 255 if tracked[face] else 0, shift=4)
    small = cv2.resize(region, (width, height), interpolation=cv2.INTER_AREA)
    near = cv2.dilate(small, np.ones((5, 5), np.uint8))
    picture = cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8), np.where(near > 127, 255, 0).astype(np.uint8)


def _colourfulness(image: Image) -> NDArray[np.float32]:
    """Return how far each pixel is from grey: tools are saturated, cloth and most of what lies on it are not."""
    return np.asarray(image.max(axis=2).astype(np.float32) - image.min(axis=2))
