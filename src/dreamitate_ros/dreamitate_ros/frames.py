"""The tree of coordinate frames that /tf and /tf_static tell of."""

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError

from .messages import read_transform

Array = NDArray[np.float64]


class FrameTree:
    """Every frame's newest known pose in its parent."""

    def __init__(self) -> None:
        self._parent: dict[str, tuple[str, Array]] = {}
        self.changed = threading.Condition()

    def take(self, message: Any) -> None:
        """Note what a tf2_msgs/TFMessage tells."""
        for entry in message.transforms:
            self.set(entry.header.frame_id, entry.child_frame_id, read_transform(entry.transform))

    def knows(self, source: str, target: str) -> bool:
        """Return whether the transform between two frames is known."""
        return bool(self._path_up(source).keys() & self._path_up(target).keys())

    def set(self, parent: str, child: str, transform_child_to_parent: Array) -> None:
        """Note where a frame is: (4, 4), metres. Raises DreamitateError where that is no rigid transform."""
        transform = se3.check_transform(transform_child_to_parent, f"the transform from {child} to {parent}")
        with self.changed:
            self._parent[child] = (parent, transform)
            self.changed.notify_all()

    def transform(self, source: str, target: str) -> Array:
        """Return transform_source_to_target (4, 4). Raises DreamitateError that names both and what is known."""
        up_source, up_target = self._path_up(source), self._path_up(target)
        for frame, transform_source_to_frame in up_source.items():
            if frame in up_target:
                return se3.inverse(up_target[frame]) @ transform_source_to_frame
        known = sorted({*self._parent, *(parent for parent, _ in self._parent.values())})
        raise DreamitateError(
            f"No transform from {source} to {target} has come on /tf or /tf_static. "
            f"Frames known so far: {', '.join(known) or 'none'}. Publish it, or run the calibration."
        )

    def _path_up(self, frame: str) -> dict[str, Array]:
        """Return transform_<frame>_to_<ancestor> by ancestor, nearest first, the frame itself included."""
        path, transform = {frame: np.eye(4)}, np.eye(4)
        while frame in self._parent:
            frame, transform_to_parent = self._parent[frame]
            if frame in path:
                raise DreamitateError(f"The frames on /tf go round in a circle through {frame}.")
            transform = transform_to_parent @ transform
            path[frame] = transform
        return path
