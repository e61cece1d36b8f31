"""Takes the pictures for a calibration from live cameras, and the arm's joints with them, into a folder."""

import csv
import json
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, Image, JointState

from dreamitate_core.errors import DreamitateError
from dreamitate_ros.messages import read_image, stamp_ns
from dreamitate_ros.pairs import IMAGES, INFOS, Pair, PairMatcher
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import StageNode

from .board import parse_board
from .capture import Chooser
from .interface import CAPTURE
from .shots import VIEWS

_KEPT_STATES = 1000
"""How many of the newest joint states are kept: two seconds of an arm that tells 500 times a second."""


class CaptureNode(StageNode):
    """Ends once `count` moments are in the folder; exit code 2 where no pairs come."""

    def __init__(self) -> None:
        super().__init__(CAPTURE)
        self._chooser = Chooser(parse_board(self.value("board")))
        self._folder = Path(self.value("out"))
        if any((self._folder / view).exists() for view in VIEWS):
            raise DreamitateError(f"{self._folder} holds pictures already. Give an empty folder.")
        for view in VIEWS:
            (self._folder / view).mkdir(parents=True)
        self._matcher = PairMatcher(self.value("pair_tolerance_s"))
        self._new = threading.Condition()
        self._pair: Pair | None = None
        self._joints: deque[JointState] = deque(maxlen=_KEPT_STATES)
        self._said = ""
        for names, kind in ((IMAGES, Image), (INFOS, CameraInfo)):
            for name in names:
                self.subscribe(kind, name, self._hear(name))
        self.subscribe_aside(JointState, "joint_states", self._take_joints)

    def begin(self) -> None:
        """Begin to look at what comes."""
        threading.Thread(target=self._run, daemon=True).start()

    def _hear(self, name: str) -> Any:
        def take(message: Any) -> None:
            with self._new:
                self._matcher.add(name, stamp_ns(message.header), message, time.monotonic())
                pair = self._matcher.newest()
                if pair and (self._pair is None or pair.stamp_ns != self._pair.stamp_ns):
                    self._pair = pair
                    self._new.notify_all()

        return take

    def _take_joints(self, message: JointState) -> None:
        self._joints.append(message)

    def _joints_at(self, time_ns: int) -> JointState | None:
        """Return the newest joint states that are no younger than a picture; of a driver without stamps, the newest."""
        states = list(self._joints)
        return next((state for state in reversed(states) if stamp_ns(state.header) <= time_ns), None)

    def _run(self) -> None:
        last_ns, count, reason = -1, self.value("count"), "all pictures are taken"
        try:
            while len(self._chooser.kept) < count and not self.stopping.is_set():
                pair = self._next(last_ns)
                last_ns = pair.stamp_ns
                pictures = [
                    np.asarray(cv2.cvtColor(read_image(image), cv2.COLOR_RGB2GRAY), np.uint8) for image in pair.images
                ]
                joints = self._joints_at(pair.stamp_ns)
                why = self._chooser.look(*pictures)
                if not why:
                    self._keep(pictures, pair, joints)
                    why = f"{len(self._chooser.kept)} of {count} taken: move the board"
                if why != self._said:
                    self._said = why
                    print(why, flush=True)
        except DreamitateError as problem:
            print(f"dreamitate: {problem}", flush=True)
            self.exit_code, reason = 2, str(problem)
        if self.life:
            self.life.end(reason)

    def _next(self, last_ns: int) -> Pair:
        limit_s = self.value("camera_wait_s")
        with self._new:
            came = self._new.wait_for(lambda: self._pair is not None and self._pair.stamp_ns != last_ns, limit_s)
            if not came or self._pair is None:
                raise DreamitateError(
                    f"No pair of pictures came within {limit_s:g} s. {self._matcher.report(time.monotonic())}"
                )
            return self._pair

    def _keep(self, pictures: list[Any], pair: Pair, joints: JointState | None) -> None:
        name = f"{len(self._chooser.kept) - 1:03d}.png"
        for view, picture in zip(VIEWS, pictures, strict=True):
            if not cv2.imwrite(str(self._folder / view / name), picture):
                raise DreamitateError(f"{self._folder / view / name} cannot be written. Is the disk full?")
        if joints is not None:
            path = self._folder / "arm.csv"
            is_new = not path.exists()
            with path.open("a", newline="") as file:
                rows = csv.writer(file)
                rows.writerows([["image", *joints.name]] if is_new else [])
                rows.writerow([name, *(f"{position:.9f}" for position in joints.position)])
        cameras = {view: _camera(info) for view, info in zip(VIEWS, pair.infos, strict=True)}
        for view, serial in zip(VIEWS, (self.value("serial_1"), self.value("serial_2")), strict=True):
            cameras[view] |= {"serial": serial} if serial else {}
        (self._folder / "cameras.json").write_text(json.dumps(cameras, indent=1))


def _camera(info: Any) -> dict[str, Any]:
    """Return the entry of cameras.json; a driver without intrinsics sends zeros, which are left out."""
    entry: dict[str, Any] = {"width": int(info.width), "height": int(info.height)}
    if info.k[0] > 0:
        entry |= {"K": [[float(v) for v in info.k[3 * r : 3 * r + 3]] for r in range(3)]}
        entry |= {"distortion": [float(value) for value in info.d]}
    return entry


def main() -> None:
    """Run the node."""
    run_node(CaptureNode)


if __name__ == "__main__":
    main()
