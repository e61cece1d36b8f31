"""The generator node: from the newest matching pair of camera images to a dreamed stereo video."""

import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from dreamitate_msgs.action import GenerateVideo
from dreamitate_msgs.msg import StereoVideo
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import CameraInfo, Image

from dreamitate_core.camera import StereoRig
from dreamitate_core.errors import DreamitateError
from dreamitate_core.goal import Mask, blend
from dreamitate_core.task import load_task
from dreamitate_ros.frames import FrameTree
from dreamitate_ros.messages import fill_video, read_camera, read_image, read_mask, stamp_ns
from dreamitate_ros.pairs import IMAGES, INFOS, Pair, PairMatcher
from dreamitate_ros.player import Player
from dreamitate_ros.run_node import run_node
from dreamitate_ros.stage_node import Goal, ManagedStageNode, StageAction, StageError
from tf2_msgs.msg import TFMessage

from .interface import INTERFACE
from .registry import Generator, load_generator

GOALS = ("goal/view_1/mask", "goal/view_2/mask")
_LOOKING = 0.02
"""The share of a goal that goes into finding the photos."""


class GeneratorNode(ManagedStageNode):
    """Holds the model between configure and cleanup; takes goals while it is active."""

    def __init__(self) -> None:
        super().__init__(INTERFACE)
        if self.value("generator") == "svd":
            import_module("dreamitate_gen.svd")  # before any thread runs: scipy stumbles over a half imported torch
        self._task = load_task(self.value("task"))
        self._generator: Generator | None = None
        self._frames = FrameTree()
        self._pairs = PairMatcher(self.value("pair_tolerance_s"))
        self._came = threading.Condition()
        self._pair_age_s = 0.0
        for name in IMAGES:
            self._listen(Image, name)
        for name in INFOS:
            self._listen(CameraInfo, name)
        self._masks: dict[str, Any] = {}
        for name in GOALS:
            self._listen_for_goal(name)
        self.subscribe(TFMessage, "/tf_static", self._frames.take)
        self._video = self.publisher(StereoVideo, "generated_video")
        views = [self.publisher(Image, f"generated/view_{i}/image_raw") for i in (1, 2)]
        self._player = Player(self, (views[0], views[1]), Image)
        self._action = StageAction(
            self,
            GenerateVideo,
            "generate_video",
            self._dream,
            GenerateVideo.Result.MODEL_FAILED,
            self.may_start,
        )

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the model. A clip to be shown is read for each goal: each scene has its own."""
        try:
            if self.value("generator") != "replay":
                self._generator = self._load()
        except DreamitateError as problem:
            self.last_error = str(problem)
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def _load(self) -> Generator:
        model, replay = (Path(self.value(name)) if self.value(name) else None for name in ("model", "replay"))
        return load_generator(self.value("generator"), self._task, model, replay)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the model."""
        self._generator = None
        return super().on_cleanup(state)

    def diagnosis(self) -> tuple[str, dict[str, object]]:
        """Return what the cameras send."""
        now_s = time.monotonic()
        age_s = self._pairs.matched.age_s(now_s)
        warning = "" if age_s is not None and age_s < 10.0 else "no matching pair of images for 10 s"
        return warning, {
            "pairs Hz": f"{self._pairs.matched.rate_hz(now_s):.2f}",
            "last pair s ago": "never" if age_s is None else f"{age_s:.2f}",
            "age of the photos dreamed from s": f"{self._pair_age_s:.2f}",
        }

    def _listen(self, kind: type[Any], name: str) -> None:
        def incompatible(event: Any) -> None:
            policy = event.last_policy_kind.name
            self._pairs.problems[name] = f"a publisher's QoS does not fit ({policy})"
            self.get_logger().warning(f"{name}: a publisher offers an incompatible QoS ({policy})")

        events = SubscriptionEventCallbacks(incompatible_qos=incompatible)
        self.subscribe(kind, name, lambda message: self._take(name, message), event_callbacks=events)

    def _listen_for_goal(self, name: str) -> None:
        def take(message: Any) -> None:
            with self._came:
                self._masks[name] = message
                self._came.notify_all()

        self.subscribe(Image, name, take)

    def _take(self, name: str, message: Any) -> None:
        with self._came:
            self._pairs.add(name, stamp_ns(message.header), message, time.monotonic())
            self._came.notify_all()

    def _dream(self, goal: Goal) -> GenerateVideo.Result:
        task = goal.request.task
        if task != self._task.name:
            raise StageError(
                GenerateVideo.Result.INVALID_GOAL,
                f"This generator was started for the task {self._task.name!r}; the goal is for {task!r}.",
            )
        self.wait_until_active(goal)
        pair = self._find_pair(goal)
        rig = self._find_rig(goal, pair)
        photo_1, photo_2 = (read_image(image) for image in pair.images)
        if self._task.shows_goal:
            mask_1, mask_2 = self._find_goal(goal)
            photo_1, photo_2 = blend(photo_1, mask_1), blend(photo_2, mask_2)
        clips = (self._generator or self._load()).dreams(
            photo_1,
            photo_2,
            rig,
            goal.request.seed,
            progress=lambda stage, fraction: goal.progress(stage, _LOOKING + (0.98 - _LOOKING) * fraction),
        )
        goal.progress("sending the video", 0.98)
        video, *others = [fill_video(StereoVideo(), clip, task, pair.stamp_ns) for clip in clips]
        self._video.publish(video)
        self._player.show(clips[0].video)
        return GenerateVideo.Result(video=video, others=others)

    def _find_pair(self, goal: Goal) -> Pair:
        """Wait for photos that are fresh enough."""
        goal.progress("waiting for photos", 0.0)
        oldest_ns = self.now_ns() - round(self.value("max_image_age_s") * 1e9)

        def fresh() -> bool:
            pair = self._pairs.newest()
            return pair is not None and pair.stamp_ns >= oldest_ns

        came = goal.wait(self._came, fresh, self.value("image_wait_s"))
        pair = self._pairs.newest()
        if came and pair is not None:
            self._pair_age_s = (self.now_ns() - pair.stamp_ns) / 1e9
            return pair
        seen = self._pairs.report(time.monotonic())
        if pair is not None:
            age_s = (self.now_ns() - pair.stamp_ns) / 1e9
            raise StageError(
                GenerateVideo.Result.NO_IMAGES,
                f"The newest pair of images is stale: {age_s:.1f} s old. {seen} Do the cameras still run?",
            )
        code = GenerateVideo.Result.NO_IMAGES if self._pairs.silent() else GenerateVideo.Result.NO_MATCHING_PAIR
        raise StageError(code, f"No matching pair of images came in {self.value('image_wait_s'):.1f} s. {seen}")

    def _find_goal(self, goal: Goal) -> tuple[Mask, Mask]:
        """Wait for the masks of both views."""
        if not goal.wait(self._came, lambda: len(self._masks) == len(GOALS), self.value("image_wait_s")):
            missing = next(name for name in GOALS if name not in self._masks)
            raise StageError(
                GenerateVideo.Result.NO_IMAGES,
                f"No goal mask came on {missing}, which the task {self._task.name!r} needs: publish one for each view,"
                " mono8, of the images' size, latched (reliable, transient local).",
            )
        one, two = (read_mask(self._masks[name]) for name in GOALS)
        return one, two

    def _find_rig(self, goal: Goal, pair: Pair) -> StereoRig:
        """Return the rig of the pair's camera infos and TF, which may come later than the first pictures."""
        frame_1, frame_2 = (info.header.frame_id for info in pair.infos)
        known = self._frames.knows
        goal.wait(
            self._frames.changed,
            lambda: known(frame_2, frame_1) and known(frame_1, "table"),
            self.value("image_wait_s"),
        )
        try:
            camera_2_to_1 = self._frames.transform(frame_2, frame_1)
            camera_1_to_table = self._frames.transform(frame_1, "table")
        except DreamitateError as missing:
            raise StageError(GenerateVideo.Result.NO_TRANSFORM, str(missing)) from None
        cameras = read_camera(pair.infos[0], np.eye(4)), read_camera(pair.infos[1], camera_2_to_1)
        for camera, image in zip(cameras, pair.images, strict=True):
            if (camera.width, camera.height) != (image.width, image.height):
                raise StageError(
                    GenerateVideo.Result.NO_IMAGES,
                    f"An image is {image.width}x{image.height}, but its camera_info {camera.width}x{camera.height}.",
                )
        return StereoRig(*cameras, transform_reference_to_table=camera_1_to_table)


def main() -> None:
    """Run the node."""
    run_node(GeneratorNode)


if __name__ == "__main__":
    main()
