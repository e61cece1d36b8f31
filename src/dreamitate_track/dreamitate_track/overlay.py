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

STATUS_COLOURS = {
    Status.NOT_VISIBLE: (150, 150, 150),
    Status.PARTIAL: (255, 200, 0),
    Status.OK: (0, 255, 80),
    Status.RECOVERED: (0, 200, 255),
    Status.LOST: (255, 40, 40),
}
"""RGB."""
AXIS_M = 0.05
FINE = 4
"""Contours are found on a grid this much finer than the picture, and drawn at a quarter pixel."""


def draw_overlay(clip: Clip, tracks: dict[str, ToolTrajectory]) -> StereoVideo:
    """Return the clip's video with each tool's contour in its status colour, name and axes (x red, y green, z blue)."""
    views = [clip.video.view_1.copy(), clip.video.view_2.copy()]
    tools = {tool.name: tool for tool in clip.tools}
    for name, trajectory in tracks.items():
        for step, pose in enumerate(trajectory.transform_tool_to_frame):
            colour = STATUS_COLOURS[Status(int(trajectory.status[step]))]
            for view, camera in enumerate(clip.rig.cameras):
                image = views[view][step + (view == 0)]
                if trajectory.status[step] == Status.NOT_VISIBLE:
                    continue
                _draw_contour(image, camera, np.asarray(tools[name].mesh.triangles), pose, colour)
                _draw_axes(image, camera, pose)
                _write(image, camera, pose, f"{name} {trajectory.score[step]:.2f}", colour)
    return StereoVideo(views[0], views[1], clip.video.fps)


def _draw_contour(image: Images, camera: Camera, triangles: Array, pose: Array, colour: tuple[int, int, int]) -> None:
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
    for contour in contours:
        points = (contour[:, 0] + 0.5) / FINE - 0.5 + low
        cv2.polylines(image, [(points * 16).round().astype(np.int32)], True, colour, _thickness(image), cv2.LINE_AA, 4)


def _draw_axes(image: Images, camera: Camera, pose: Array) -> None:
    points = pose[:3, 3] + np.vstack([np.zeros(3), AXIS_M * pose[:3, :3].T])
    pixels, depth = camera.project(points)
    if depth.min() < 0.05 or np.abs(pixels).max() > 1e4:
        return
    ends = (pixels * 16).round().astype(int)
    for axis, colour in enumerate(((255, 0, 0), (0, 255, 0), (60, 120, 255)), start=1):
        cv2.line(image, ends[0].tolist(), ends[axis].tolist(), colour, _thickness(image), cv2.LINE_AA, 4)


def _write(image: Images, camera: Camera, pose: Array, text: str, colour: tuple[int, int, int]) -> None:
    size = image.shape[1] / 768.0
    if size < 0.4:
        return
    pixel, _ = camera.project(pose[:3, 3])
    where = np.clip(pixel + (20 * size, -30 * size), 5, (image.shape[1] - 5, image.shape[0] - 5)).round().astype(int)
    cv2.putText(image, text, where.tolist(), cv2.FONT_HERSHEY_SIMPLEX, 0.5 * size, colour, 1, cv2.LINE_AA)


def _thickness(image: Images) -> int:
    return 1 if image.shape[1] < 1000 else 2
