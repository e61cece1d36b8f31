"""One camera's videos of a LeRobotDataset: episodes one after the other in MP4 files of bounded size."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError

from .lerobot_layout import FILES_PER_CHUNK, VIDEO_FILE_MB, VIDEO_PATH

_OPTIONS = {"crf": "18", "g": "2"}
"""H.264 with little loss, a key frame at every other frame as LeRobot has it, for fast access."""


class VideoFiles:
    """Writes the files of one camera. Pictures must have even width and height."""

    def __init__(self, root: Path, key: str, fps: float) -> None:
        self._root, self._key, self._rate = root, key, Fraction(fps).limit_denominator(1000)
        self._number = -1
        self._frames = 0
        self._container: Any = None

    def add(self, pictures: NDArray[np.uint8]) -> dict[str, int | float]:
        """Append an episode (N, H, W, 3) RGB; return its entry in the table of episodes."""
        if self._container is None or self._size_mb() >= VIDEO_FILE_MB:
            self._begin(pictures.shape[2], pictures.shape[1])
        first = self._frames
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            self._container.mux(self._stream.encode(frame))
        self._frames += len(pictures)
        chunk, file = divmod(self._number, FILES_PER_CHUNK)
        start_s, end_s = (float(count / self._rate) for count in (first, self._frames))
        values = {"chunk_index": chunk, "file_index": file, "from_timestamp": start_s, "to_timestamp": end_s}
        return {f"videos/{self._key}/{name}": value for name, value in values.items()}

    def close(self) -> None:
        """End the file that is being written."""
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
            self._container = None

    def _begin(self, width: int, height: int) -> None:
        self.close()
        self._number, self._frames = self._number + 1, 0
        self._container = av.open(str(self._path()), "w")
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=_OPTIONS)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"

    def _path(self) -> Path:
        chunk, file = divmod(self._number, FILES_PER_CHUNK)
        path = self._root / VIDEO_PATH.format(video_key=self._key, chunk_index=chunk, file_index=file)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _size_mb(self) -> float:
        return self._path().stat().st_size / 2**20


def read_frames(path: Path, from_s: float, count: int, fps: float) -> NDArray[np.uint8]:
    """Return the frames (count, H, W, 3) RGB of a video from a time on.

    Raises DreamitateError where the file cannot be read or a frame is not within a hundredth of its period.
    """
    wanted = from_s + np.arange(count) / fps
    found: list[NDArray[np.uint8]] = []
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            container.seek(max(int((from_s - 1e-6) * av.time_base), 0))
            for frame in container.decode(stream):
                if len(found) < count and frame.time is not None and frame.time > wanted[len(found)] - 0.01 / fps:
                    if frame.time > wanted[len(found)] + 0.01 / fps:
                        break
                    found.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                if len(found) == count:
                    break
    except (OSError, IndexError, ValueError) as error:  # av's own errors derive from these
        raise DreamitateError(f"{path} cannot be read as a video: {error}.") from None
    if len(found) < count:
        raise DreamitateError(f"{path} has no frame at {wanted[len(found)]:.3f} s. Was the export interrupted?")
    return np.stack(found)
