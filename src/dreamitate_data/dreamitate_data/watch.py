"""The first look through a bag: its stereo pairs, small, found by the very code with which nodes find them live."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import StereoRig
from dreamitate_core.errors import DreamitateError
from dreamitate_ros.frames import FrameTree
from dreamitate_ros.messages import read_camera, read_image, stamp_ns
from dreamitate_ros.pairs import IMAGES, INFOS, Pair, PairMatcher

from .bag_reader import BagReader

SMALL = (128, 72)
"""Size at which motion is looked for: what moves is large, and noise averages out."""
SAME_RATE = 0.8
"""The slower camera's share of the faster one's pictures, at least."""
PAIR_TOLERANCE_S = 0.02
"""As the generator node's parameter `pair_tolerance_s`."""


@dataclass(frozen=True)
class _Seen:
    """What is kept of an image: its number in its topic, size, and the small picture."""

    number: int
    size: tuple[int, int]
    small: NDArray[np.uint8]


@dataclass(frozen=True)
class Watched:
    """A bag's pairs in order. time_s (N,), from the first pair on; numbers (N, 2): which message of each image topic;
    small: (N, 2, 72, 128, 3) RGB; rig: of the pictures as they were recorded."""

    time_s: NDArray[np.float64]
    numbers: NDArray[np.int64]
    small: NDArray[np.uint8]
    rig: StereoRig


def watch(bag: BagReader, tolerance_s: float = PAIR_TOLERANCE_S) -> Watched:
    """Return the bag's pairs, small. Raises DreamitateError: missing topics, stamps, rates, calibration, frames."""
    matcher, frames, last_ns = PairMatcher(tolerance_s), FrameTree(), dict.fromkeys(IMAGES + INFOS, -1)
    counts, pairs = dict.fromkeys(IMAGES + INFOS, 0), list[Pair]()
    for topic, number, log_ns, message in bag.messages([*IMAGES, *INFOS, "/tf_static"]):
        if topic == "/tf_static":
            frames.take(message)
            continue
        stamp = stamp_ns(message.header)
        if stamp < last_ns[topic]:
            raise DreamitateError(
                f"{bag.folder}: the stamps of {topic} jump back by {(last_ns[topic] - stamp) / 1e9:.3f} s at message "
                f"{number}. Was a clock set while it was recorded? Record anew."
            )
        last_ns[topic], counts[topic] = stamp, counts[topic] + 1
        matcher.add(topic, stamp, _seen(number, message) if topic in IMAGES else message, log_ns / 1e9)
        pair = matcher.newest()
        if pair is not None and (not pairs or pair.stamp_ns > pairs[-1].stamp_ns):
            pairs.append(pair)
    _check_counts(bag, counts)
    if not pairs:
        raise DreamitateError(f"{bag.folder} holds no stereo pair. {matcher.report(max(last_ns.values()) / 1e9)}")
    return Watched(
        np.array([pair.stamp_ns - pairs[0].stamp_ns for pair in pairs]) / 1e9,
        np.array([[image.number for image in pair.images] for pair in pairs]),
        np.array([[image.small for image in pair.images] for pair in pairs]),
        _rig(bag, pairs[0].infos, [image.size for image in pairs[0].images], frames),
    )


def _seen(number: int, message: Any) -> _Seen:
    image = read_image(message)
    small = cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA)
    return _Seen(number, (message.width, message.height), np.asarray(small, np.uint8))


def _check_counts(bag: BagReader, counts: dict[str, int]) -> None:
    missing = [topic for topic, count in counts.items() if count == 0]
    if missing:
        raise DreamitateError(f"{bag.folder} holds no message on {', '.join(missing)}. Record with both cameras.")
    few, many = sorted(IMAGES, key=lambda topic: counts[topic])
    if counts[few] < SAME_RATE * counts[many]:
        raise DreamitateError(
            f"{bag.folder}: {few} has {counts[few]} images, {many} has {counts[many]}; at least {SAME_RATE:.0%} of the "
            "other's are needed. Set both cameras to one rate."
        )


def _rig(bag: BagReader, infos: tuple[Any, Any], sizes: list[tuple[int, int]], frames: FrameTree) -> StereoRig:
    """Return the rig of the camera infos and the static frames, as the generator node takes it."""
    one, two = (info.header.frame_id for info in infos)
    try:
        cameras = read_camera(infos[0], np.eye(4)), read_camera(infos[1], frames.transform(two, one))
        table = frames.transform(one, "table") if frames.knows(one, "table") else None
    except DreamitateError as problem:
        raise DreamitateError(f"{bag.folder}: {problem}") from None
    for camera, size in zip(cameras, sizes, strict=True):
        if (camera.width, camera.height) != size:
            raise DreamitateError(
                f"{bag.folder}: an image is {size[0]}x{size[1]}, but its camera_info {camera.width}x{camera.height}."
            )
    return StereoRig(*cameras, transform_reference_to_table=table)
