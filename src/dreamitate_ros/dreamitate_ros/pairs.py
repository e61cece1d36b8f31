"""Stereo pairs by stamp: two images and their camera infos that were taken together, or why there are none."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from .rates import RateMeter

IMAGES = ("camera_1/color/image_raw", "camera_2/color/image_raw")
INFOS = ("camera_1/color/camera_info", "camera_2/color/camera_info")
_KEPT = 30


@dataclass(frozen=True)
class Pair:
    """Both cameras' image and camera info messages; `stamp_ns` is the older image's."""

    images: tuple[Any, Any]
    infos: tuple[Any, Any]
    stamp_ns: int


class PairMatcher:
    """Keeps the last messages of the four topics and finds the newest four that belong together.

    An image and its camera info share the stamp exactly; the two cameras' images may differ by `tolerance_s`.
    """

    def __init__(self, tolerance_s: float) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)
        self._kept: dict[str, OrderedDict[int, Any]] = {name: OrderedDict() for name in IMAGES + INFOS}
        self._rates = {name: RateMeter() for name in IMAGES + INFOS}
        self.matched = RateMeter()
        self._last_pair_ns = -1
        self.problems: dict[str, str] = {}
        """What the middleware said about a topic, such as an incompatible QoS; the report passes it on."""

    def add(self, topic: str, stamp_ns: int, message: Any, now_s: float) -> None:
        """Note a message; `now_s` is when it came, on a monotonic clock."""
        kept = self._kept[topic]
        kept[stamp_ns] = message
        while len(kept) > _KEPT:
            kept.popitem(last=False)
        self._rates[topic].tick(now_s)
        pair = self.newest()
        if pair is not None and pair.stamp_ns != self._last_pair_ns:
            self._last_pair_ns = pair.stamp_ns
            self.matched.tick(now_s)

    def newest(self) -> Pair | None:
        """Return the newest pair, None where nothing matches."""
        ones = self._stamps_with_info(0)
        twos = self._stamps_with_info(1)
        together = [(min(a, b), a, b) for a in ones for b in twos if abs(a - b) <= self._tolerance_ns]
        if not together:
            return None
        stamp_ns, one, two = max(together, key=lambda entry: (entry[0], -abs(entry[1] - entry[2])))
        images = self._kept[IMAGES[0]][one], self._kept[IMAGES[1]][two]
        return Pair(images, (self._kept[INFOS[0]][one], self._kept[INFOS[1]][two]), stamp_ns)

    def report(self, now_s: float) -> str:
        """Return one line: which topics were seen, at what rate, how many pairs matched, and the likely cause."""
        seen = []
        for topic, rate in self._rates.items():
            age_s = rate.age_s(now_s)
            text = (
                "nothing" if age_s is None else f"{rate.count} ({rate.rate_hz(now_s):.1f} Hz, last {age_s:.1f} s ago)"
            )
            seen.append(f"{topic}: {text}")
        return f"{'; '.join(seen)}; pairs matched: {self.matched.count}. Likely cause: {self._cause()}"

    def _stamps_with_info(self, camera: int) -> list[int]:
        infos = self._kept[INFOS[camera]]
        return [stamp for stamp in self._kept[IMAGES[camera]] if stamp in infos]

    def silent(self) -> list[str]:
        """Return the topics on which nothing has come."""
        return [topic for topic, rate in self._rates.items() if rate.count == 0]

    def _cause(self) -> str:
        silent = self.silent()
        if self.problems:
            return "; ".join(f"{topic}: {problem}" for topic, problem in self.problems.items()) + "."
        if len(silent) == len(self._rates):
            return "no camera is running, or its topics have other names: start it, or remap them."
        if silent:
            return f"nobody publishes {' and '.join(silent)}: start that camera, or remap the topic."
        for camera in (0, 1):
            if not self._stamps_with_info(camera):
                return f"{INFOS[camera]} does not carry the stamps of {IMAGES[camera]}: both must have the same stamp."
        gap_ns = min(abs(a - b) for a in self._stamps_with_info(0) for b in self._stamps_with_info(1))
        if gap_ns > self._tolerance_ns:
            allowed_s = self._tolerance_ns / 1e9
            return (
                f"the cameras' stamps are {gap_ns / 1e9:.3f} s apart at best and may be {allowed_s:.3f} s: "
                "synchronise the cameras or their clocks, or raise pair_tolerance_s."
            )
        return "none, the pairs match."
