"""What camera 1 saw of an attempt, small enough to keep of every trial: for contact sheets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dreamitate_core import se3
from dreamitate_core.camera import Image, StereoRig, crop_and_resize
from dreamitate_core.clip import Clip
from dreamitate_core.tool import load_tool
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import STEPS, StereoVideo

SIZE = (240, 140)
SHOWN = (4, 8, 12)
"""Time steps of the path that are shown."""
OVERLAY_SIZE = (576, 336)


@dataclass
class Glimpse:
    """Pictures (140, 240, 3) of one attempt: the photo, the tools' path drawn over the dream (or, where there was none,
    over the photo), and the scene in the end. What the attempt did not come to is not there."""

    photo: Image
    path: list[Image] = field(default_factory=list)
    end: Image | None = None

    def add_path(self, clip: Clip, tracks: Mapping[str, ToolTrajectory]) -> None:
        """Draw the tracked tools over some frames of the clip. tracks: in the frame "reference"."""
        from dreamitate_track.overlay import draw_overlay

        drawn = draw_overlay(clip, dict(tracks)).view_1
        self.path = [small(drawn[step]) for step in SHOWN]


def small(picture: Image) -> Image:
    """Return the picture (H, W, 3) at the size of a glimpse."""
    return crop_and_resize(picture, *SIZE)


def still_clip(photo_1: Image, photo_2: Image, rig: StereoRig, tracks: Mapping[str, ToolTrajectory]) -> Clip:
    """Return a clip in which nothing moves, of the photos (H, W, 3), for tracks that come without a dream."""
    one, two = (crop_and_resize(photo, *OVERLAY_SIZE) for photo in (photo_1, photo_2))
    video = StereoVideo(np.stack([one] * (STEPS + 1)), np.stack([two] * STEPS), 1.0)
    return Clip(video, one, two, rig.cropped_and_resized(*OVERLAY_SIZE), [load_tool(name) for name in tracks])


def seen_by_camera_1(tracks: Mapping[str, ToolTrajectory], rig: StereoRig) -> dict[str, ToolTrajectory]:
    """Return tracks that are in the frame "table" in the frame "reference", of a rig that stands on the table."""
    assert rig.transform_reference_to_table is not None
    to_reference = se3.inverse(rig.transform_reference_to_table)
    return {name: track.in_frame("reference", to_reference) for name, track in tracks.items()}
