"""Refuse clips that cannot be tracked, and say why, before any work is done."""

import numpy as np

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError

SMALLEST_PX = 64
FLAT_GREY_LEVELS = 2.0
NEAREST_M, FARTHEST_M = 0.02, 10.0
NARROWEST, WIDEST = float(np.tan(np.radians(1.5))), float(np.tan(np.radians(85.0)))
"""Tangents of half the angles of view that cameras have."""


def check_clip(clip: Clip) -> None:
    """Raise DreamitateError for broken cameras, pictures that show nothing, pictures that do not fit, or no tools."""
    video = clip.video
    if not clip.tools:
        raise DreamitateError("The clip names no tool to track. List at least one in tools.json.")
    names = [tool.name for tool in clip.tools]
    if len(set(names)) < len(names):
        raise DreamitateError(f"The clip's tools must have different names; they are {', '.join(names)}.")
    if min(video.width, video.height) < SMALLEST_PX:
        raise DreamitateError(
            f"The video is {video.width}x{video.height}; tracking needs at least {SMALLEST_PX} pixels each way."
        )
    for number, camera in enumerate(clip.rig.cameras, start=1):
        if not np.isfinite(camera.K).all() or camera.K[0, 0] <= 0 or camera.K[1, 1] <= 0:
            raise DreamitateError(
                f"The intrinsics of camera {number} must be finite with positive focal lengths;"
                f" K is {camera.K.tolist()}."
            )
        seen = np.array([video.width / camera.K[0, 0], video.height / camera.K[1, 1]]) / 2
        if not ((seen > NARROWEST) & (seen < WIDEST)).all():
            raise DreamitateError(
                f"Camera {number} sees {np.degrees(2 * np.arctan(seen[0])):.3g} x"
                f" {np.degrees(2 * np.arctan(seen[1])):.3g} degrees by its K; 3 to 170 degrees are allowed."
                " K must be that of the cropped and resized pictures."
            )
        beside = np.abs(camera.K[:2, 2] / (video.width, video.height) - 0.5)
        if not (beside < 2.0).all():
            raise DreamitateError(
                f"The principal point of camera {number} is {camera.K[:2, 2].round(1).tolist()}, far outside it."
            )
        if not np.isfinite(camera.distortion).all():
            raise DreamitateError(f"The distortion of camera {number} holds numbers that are not finite.")
        se3.check_transform(camera.transform_camera_to_reference, f"transform_camera_to_reference of camera {number}")
        if (camera.width, camera.height) != (video.width, video.height):
            raise DreamitateError(
                f"Camera {number} is calibrated for {camera.width}x{camera.height} but the video is"
                f" {video.width}x{video.height}. Crop and resize the rig as the pictures were."
            )
    one, two = (camera.transform_camera_to_reference[:3, 3] for camera in clip.rig.cameras)
    baseline = float(np.linalg.norm(one - two))
    if not NEAREST_M <= baseline <= FARTHEST_M:
        raise DreamitateError(
            f"The cameras are {baseline:.3g} m apart; {NEAREST_M} to {FARTHEST_M} m is allowed."
            " Are the extrinsics in metres?"
        )
    for number, background in ((1, clip.background_1), (2, clip.background_2)):
        if background.shape != (video.height, video.width, 3):
            raise DreamitateError(
                f"Background {number} has shape {background.shape}; the video's is {(video.height, video.width, 3)}."
            )
    for number, view in ((1, video.view_1[1:]), (2, video.view_2)):
        if float(view[..., 1].astype(np.float32).std(axis=(1, 2)).max()) < FLAT_GREY_LEVELS:
            raise DreamitateError(
                f"View {number} shows nothing: every frame is one flat colour. Is that camera's video missing?"
            )
