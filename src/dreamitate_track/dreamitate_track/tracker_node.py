"""The tracker node: from a stereo video to the tool's path on the table."""

import numpy as np
from dreamitate_msgs.action import TrackTool
from dreamitate_msgs.msg import ToolTrajectory
from geometry_msgs.msg import Pose, PoseArray
from sensor_msgs.msg import Image
from std_msgs.msg import String

from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.trajectory import Status
from dreamitate_ros.frames import FrameTree
from dreamitate_ros.messages import fill_track, read_video, stamp_ns
from dreamitate_ros.player import Player
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import Goal, StageAction, StageError, StageNode
from tf2_msgs.msg import TFMessage

from .hints import ToolHints, parse_hints
from .interface import INTERFACE
from .overlay import draw_overlay
from .track import track

_UNSEEN = (Status.NOT_VISIBLE, Status.LOST)
_TRACKING = 0.9
"""The share of a goal that goes into tracking; the rest is drawing."""


class TrackerNode(StageNode):
    """Tracks every tool that a video names."""

    def __init__(self) -> None:
        super().__init__(INTERFACE)
        self._frames = FrameTree()
        self._scores = ""
        self._hints = ""
        self.subscribe(TFMessage, "/tf_static", self._frames.take)
        self.subscribe(String, "tool_hints", self._take_hints)
        self._track = self.publisher(ToolTrajectory, "tool_track")
        self._poses = self.publisher(PoseArray, "tool_trajectory")
        views = [self.publisher(Image, f"tracked/view_{i}/image_raw") for i in (1, 2)]
        self._player = Player(self, (views[0], views[1]), Image)
        self._action = StageAction(self, TrackTool, "track_tool", self._work, TrackTool.Result.INVALID_GOAL, lambda: "")

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Return how well the last video was tracked."""
        return "", {"last scores": self._scores or "none"}

    def _work(self, goal: Goal) -> TrackTool.Result:
        clip = self._read(goal)
        hints = self._used_hints(clip)
        tracks = track(
            clip,
            self.value("tracker"),
            lambda stage, fraction: goal.progress(stage, _TRACKING * fraction),
            hints,
        )
        self._scores = ", ".join(
            f"{name} {path.score.min():.2f}..{path.score.max():.2f}" for name, path in tracks.items()
        )
        goal.progress("drawing the tool over the video", _TRACKING)
        self._player.show(draw_overlay(clip, tracks))
        for name, path in tracks.items():
            if np.isin(path.status, _UNSEEN).all():
                raise StageError(TrackTool.Result.TOOL_NOT_FOUND, f"No frame of the video shows the tool {name!r}.")
        transform = clip.rig.transform_reference_to_table
        assert transform is not None
        stamp = stamp_ns(goal.request.video.header)
        messages = [
            fill_track(ToolTrajectory(), path.in_frame("table", transform), stamp, Pose) for path in tracks.values()
        ]
        for message in messages:
            self._track.publish(message)
            self._poses.publish(PoseArray(header=message.header, poses=message.poses))
        return TrackTool.Result(trajectories=messages)

    def _take_hints(self, message: String) -> None:
        self._hints = message.data

    def _used_hints(self, clip: Clip) -> dict[str, ToolHints]:
        """Return the hints that came for this goal; the next one does not see them."""
        text, self._hints = self._hints, ""
        try:
            return parse_hints(text, clip, "tool_hints") if text.strip() else {}
        except DreamitateError as malformed:
            raise StageError(TrackTool.Result.INVALID_GOAL, str(malformed)) from None

    def _read(self, goal: Goal) -> Clip:
        """Return the goal's clip, with the camera's place on the table from TF."""
        goal.progress("waiting for TF", 0.0)
        frame = goal.request.video.header.frame_id
        goal.wait(self._frames.changed, lambda: self._frames.knows(frame, "table"), self.value("transform_wait_s"))
        try:
            transform_camera_1_to_table = self._frames.transform(frame, "table")
        except DreamitateError as missing:
            raise StageError(TrackTool.Result.NO_TRANSFORM, str(missing)) from None
        try:
            return read_video(goal.request.video, transform_camera_1_to_table)
        except DreamitateError as malformed:
            raise StageError(TrackTool.Result.INVALID_GOAL, str(malformed)) from None


def main() -> None:
    """Run the node."""
    run_node(TrackerNode)


if __name__ == "__main__":
    main()
