"""The stereo video of a dream, and its one file: 25 frames, camera 1 first, then camera 2."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from .errors import DreamitateError

Images = NDArray[np.uint8]

STEPS = 12
"""Time steps after the bare first frame; a video holds 2 * STEPS + 1 frames (paper section 3.2)."""


@dataclass(frozen=True)
class StereoVideo:
    """view_1: (13, H, W, 3) RGB at t = 0..12; view_2: (12, H, W, 3) at t = 1..12; fps: time steps per second."""

    view_1: Images
    view_2: Images
    fps: float

    def __post_init__(self) -> None:
        height, width = self.view_1.shape[1:3]
        if self.view_1.shape != (STEPS + 1, height, width, 3) or self.view_2.shape != (STEPS, height, width, 3):
            raise DreamitateError(
                f"A stereo video has {STEPS + 1} + {STEPS} RGB frames of one size;"
                f" these are {self.view_1.shape} and {self.view_2.shape}."
            )
        if not 0 < self.fps < 1e6:
            raise DreamitateError(f"A video's fps must be a positive number; it is {self.fps}.")

    @property
    def width(self) -> int:
        """Pixels."""
        return self.view_1.shape[2]

    @property
    def height(self) -> int:
        """Pixels."""
        return self.view_1.shape[1]

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Times (12,) of the stereo pairs."""
        return np.arange(1, STEPS + 1) / self.fps

    def pairs(self) -> Images:
        """Return the stereo pairs (12, 2, H, W, 3) at t = 1..12."""
        return np.stack([self.view_1[1:], self.view_2], axis=1)

    def frames(self) -> Images:
        """Return all frames (25, H, W, 3) in the file's order."""
        return np.concatenate([self.view_1, self.view_2])


def from_frames(frames: Images, fps: float) -> StereoVideo:
    """Return the stereo video of frames (25, H, W, 3) in the file's order."""
    if len(frames) != 2 * STEPS + 1:
        raise DreamitateError(f"A stereo video has {2 * STEPS + 1} frames; this one has {len(frames)}.")
    return StereoVideo(frames[: STEPS + 1], frames[STEPS + 1 :], fps)


def read_mp4(path: Path) -> Images:
    """Return the frames (N, H, W, 3) RGB of a video file. Raises DreamitateError where it cannot be read."""
    try:
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (OSError, IndexError, ValueError) as error:  # av's own errors derive from these
        raise DreamitateError(f"{path} cannot be read as a video: {error}.") from None
    if not frames:
        raise DreamitateError(f"{path} holds no frames.")
    return np.stack(frames)


def write_mp4(path: Path, frames: Sequence[Images] | Images, fps: float) -> None:
    """Write frames (H, W, 3) RGB as H.264, which browsers play; odd sizes are padded by a repeated edge."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1000), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
        for image in frames:
            padded = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            container.mux(stream.encode(av.VideoFrame.from_ndarray(padded, format="rgb24")))
        container.mux(stream.encode())
