"""Pictures that a person can judge a track by: the tool's contour, its axes and its status, over both views."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import Camera
from dreamitate_core.clip import Clip
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_core.video import StereoVideo

Images = NDArray[np.uint8]
Array = NDArray[np.float64]
Colour = tuple[int, int, int]

STATUS_COLOURS = {
    Status.NOT_VISIBLE: (165, 170, 178),
    Status.PARTIAL: (255, 200, 0),
    Status.OK: (0, 240, 110),
    Status.RECOVERED: (0, 200, 255),
    Status.LOST: (255, 64, 64),
}
AXIS_COLOURS = ((255, 70, 70), (70, 230, 70), (90, 150, 255))
SHADE = (12, 13, 15)
"""All RGB. What is drawn has a dark rim, so that it is seen on any ground."""
WIDTH = 768
"""Smaller videos are enlarged by a whole factor to at least about this width before they are drawn on."""
AXIS_M = 0.05
FINE = 4
"""Contours are found on a grid this much finer than the picture, and drawn at a sixteenth of a pixel."""


def draw_overlay(clip: Clip, tracks: dict[str, ToolTrajectory]) -> StereoVideo:
    """Return the clip's video, enlarged if it is small, with each tool's contour in its status colour and its axes
    (x red, y green, z blue); the corner says status and score. The poses of a lost tool are guesses: only its contour
    is drawn, thin."""
    factor = max(1, round(WIDTH / clip.video.width))
    views = [enlarged(clip.video.view_1, factor), enlarged(clip.video.view_2, factor)]
    size = clip.video.width * factor, clip.video.height * factor
    cameras = [camera.cropped_and_resized(*size) for camera in clip.rig.cameras]
    triangles = {tool.name: np.asarray(tool.mesh.triangles) for tool in clip.tools}
    for line, (name, trajectory) in enumerate(tracks.items()):
        for step, pose in enumerate(trajectory.transform_tool_to_frame):
            status = Status(int(trajectory.status[step]))
            for view, camera in enumerate(cameras):
                image = views[view][step + (view == 0)]
                if status != Status.NOT_VISIBLE:
                    _draw_contour(image, camera, triangles[name], pose, status)
                if status not in (Status.NOT_VISIBLE, Status.LOST):
                    _draw_axes(image, camera, pose)
                _write(image, line, f"{name}: {status.name.lower().replace('_', ' ')}", trajectory.score[step], status)
    return StereoVideo(views[0], views[1], clip.video.fps)


def enlarged(images: Images, factor: int) -> Images:
    """Return images (N, H, W, 3) enlarged by a whole factor."""
    if factor == 1:
        return images.copy()
    size = images.shape[2] * factor, images.shape[1] * factor
    return np.stack([np.asarray(cv2.resize(i, size, interpolation=cv2.INTER_CUBIC), np.uint8) for i in images])


def _draw_contour(image: Images, camera: Camera, triangles: Array, pose: Array, status: Status) -> None:
    pixels, depth = camera.project(triangles @ pose[:3, :3].T + pose[:3, 3])
    if depth.min() < 0.05:
        return
    width = image.shape[1]
    low = np.clip(np.floor(pixels.min(axis=(0, 1))) - 2, -width, 2 * width)
    high = np.clip(np.ceil(pixels.max(axis=(0, 1))) + 2, -width, 2 * width)
    size = ((high - low) * FINE).astype(int)
    if (size <= 0).any():
        return
    mask = np.zeros((size[1], size[0]), np.uint8)
    for triangle in ((pixels - low + 0.5) * FINE - 0.5).round().astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 255)
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    lines = [((((c[:, 0] + 0.5) / FINE - 0.5 + low) * 16).round()).astype(np.int32) for c in contours]
    if status != Status.LOST:
        cv2.polylines(image, lines, True, SHADE, _thick(image) + 2, cv2.LINE_AA, 4)
    cv2.polylines(image, lines, True, STATUS_COLOURS[status], _thick(image), cv2.LINE_AA, 4)


def _draw_axes(image: Images, camera: Camera, pose: Array) -> None:
    points = pose[:3, 3] + np.vstack([np.zeros(3), AXIS_M * pose[:3, :3].T])
    pixels, depth = camera.project(points)
    if depth.min() < 0.05 or np.abs(pixels).max() > 1e4:
        return
    ends = (pixels * 16).round().astype(int)
    thick = _thick(image) + 1
    for axis in np.argsort(-depth[1:]):  # the nearest is drawn last
        start, end = ends[0].tolist(), ends[1 + axis].tolist()
        cv2.line(image, start, end, SHADE, thick + 2, cv2.LINE_AA, 4)
        cv2.line(image, start, end, AXIS_COLOURS[axis], thick, cv2.LINE_AA, 4)


def _write(image: Images, line: int, text: str, score: float, status: Status) -> None:
    """Write one line in the corner: a patch of the status colour, the text, the score."""
    size = image.shape[1] / WIDTH
    row, height, left = round((8 + 24 * line) * size), round(22 * size), round(8 * size)
    text = text if status == Status.NOT_VISIBLE else f"{text} {score:.2f}"
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size, _thick(image))
    ground = image[row : row + height, left : left + width + round(30 * size)]
    ground[:] = (0.35 * ground).astype(np.uint8)
    patch = left + round(6 * size), row + round(6 * size)
    end = patch[0] + round(10 * size), patch[1] + round(10 * size)
    cv2.rectangle(image, patch, end, STATUS_COLOURS[status], -1)
    where = left + round(23 * size), row + round(16 * size)
    cv2.putText(image, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size, (240, 242, 245), _thick(image), cv2.LINE_AA)


def _thick(image: Images) -> int:
    return max(1, round(image.shape[1] / WIDTH))
