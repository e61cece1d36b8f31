"""Publishes a calibration on /tf_static, once both cameras' own words agree with it."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from sensor_msgs.msg import CameraInfo

from dreamitate_core import se3
from dreamitate_core.errors import DreamitateError
from dreamitate_ros.messages import OPTICAL_FRAMES, fill_frame, read_camera
from dreamitate_ros.pairs import INFOS
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import StageNode
from tf2_msgs.msg import TFMessage

from .calibration import check_camera, check_fresh, now, read_calibration
from .interface import CALIBRATION
from .shots import VIEWS


class CalibrationNode(StageNode):
    """Refuses, in one line, a calibration that is poor, old, or of other cameras or another resolution."""

    def __init__(self) -> None:
        super().__init__(CALIBRATION)
        self._calibration = read_calibration(Path(self.value("file")))
        serials = {view: self.value(f"serial_{number}") for number, view in enumerate(VIEWS, start=1)}
        check_fresh(self._calibration, serials, now(), self.value("oldest_days"))
        self._told: dict[str, Any] = {}
        self._change = threading.Condition()
        self._tf_static = self.publisher(TFMessage, "/tf_static")
        for view, name in zip(VIEWS, INFOS, strict=True):
            self.subscribe(CameraInfo, name, self._hear(view))

    def begin(self) -> None:
        """Wait for both cameras, check them, publish. Raises DreamitateError where they contradict the calibration."""
        limit_s = self.value("camera_wait_s")
        with self._change:
            if not self._change.wait_for(lambda: len(self._told) == len(VIEWS), limit_s):
                missing = [name for view, name in zip(VIEWS, INFOS, strict=True) if view not in self._told]
                raise DreamitateError(
                    f"Nothing came on {' and '.join(missing)} within {limit_s:g} s, so the calibration cannot "
                    "be checked. Start the cameras, or remap their topics."
                )
        for view, camera in zip(VIEWS, self._calibration.rig.cameras, strict=True):
            check_camera(camera, read_camera(self._told[view], np.eye(4)), view)
        stamp = self.now_ns()
        transforms = [fill_frame(TransformStamped(), *frame, stamp) for frame in self._frames()]
        self._tf_static.publish(TFMessage(transforms=transforms))
        self.get_logger().info(f"published {self.value('file')}: {', '.join(t.child_frame_id for t in transforms)}")

    def _frames(self) -> list[tuple[str, str, Any]]:
        rig, base = self._calibration.rig, self._calibration.transform_base_to_reference
        one, two = OPTICAL_FRAMES
        to_table, base_frame = rig.transform_reference_to_table, self.value("base_frame")
        if to_table is None:
            frames = [(one, two, rig.camera_2.transform_camera_to_reference)]
            return [*frames, (base_frame, one, se3.inverse(base))] if base is not None and base_frame else frames
        frames = [("table", one, to_table), ("table", two, to_table @ rig.camera_2.transform_camera_to_reference)]
        return [*frames, ("table", base_frame, to_table @ base)] if base is not None and base_frame else frames

    def _hear(self, view: str) -> Any:
        def take(message: CameraInfo) -> None:
            with self._change:
                self._told[view] = message
                self._change.notify_all()

        return take


def main() -> None:
    """Run the node."""
    run_node(CalibrationNode)


if __name__ == "__main__":
    main()
