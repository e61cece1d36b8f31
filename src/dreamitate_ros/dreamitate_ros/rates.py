"""How often something comes, and how long it has been silent."""

from collections import deque


class RateMeter:
    """Counts arrivals; times are seconds of one monotonic clock."""

    def __init__(self, window: int = 20) -> None:
        self._times: deque[float] = deque(maxlen=window)
        self.count = 0

    def tick(self, now_s: float) -> None:
        """Note an arrival."""
        self._times.append(now_s)
        self.count += 1

    def rate_hz(self, now_s: float) -> float:
        """Return arrivals a second over the window, which falls while nothing comes."""
        if len(self._times) < 2:
            return 0.0
        mean_period_s = (self._times[-1] - self._times[0]) / (len(self._times) - 1)
        longest_s = max(mean_period_s, now_s - self._times[-1])
        return 1.0 / longest_s if longest_s > 0 else 0.0

    def age_s(self, now_s: float) -> float | None:
        """Return seconds since the last arrival; None where there was none."""
        return now_s - self._times[-1] if self._times else None
