"""What came of a topic during a recording: how many, how often, how long not, and what was sent but never came."""

from dataclasses import dataclass, field


@dataclass
class Arrivals:
    """Counts one topic. Times are seconds of one monotonic clock."""

    began_s: float
    received: int = 0
    lost: int = 0
    """Sent, by the publishers' own numbering, and not arrived."""
    left_out: int = 0
    """Arrived and, as was asked for, not recorded."""
    first_s: float = 0.0
    last_s: float = 0.0
    longest_gap_s: float = 0.0
    """Between two messages."""
    _sequences: dict[bytes, int] = field(default_factory=dict)

    def take(self, now_s: float, publisher: bytes, sequence: int | None) -> None:
        """Note a message; sequence: the publisher's number for it, None where the middleware has none."""
        if self.received:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self.last_s)
        else:
            self.first_s = now_s
        self.last_s = now_s
        self.received += 1
        if sequence is not None:
            before = self._sequences.get(publisher)
            if before is not None and sequence > before:
                self.lost += sequence - before - 1
            self._sequences[publisher] = max(sequence, before or 0)

    @property
    def rate_hz(self) -> float:
        """Messages a second from the first to the last."""
        span_s = self.last_s - self.first_s
        return (self.received - 1) / span_s if span_s > 0 else 0.0

    def silent_s(self, now_s: float) -> float:
        """Return how long nothing has come."""
        return now_s - (self.last_s if self.received else self.began_s)


def table(topics: dict[str, Arrivals], dropped: dict[str, int]) -> str:
    """Return a line per topic: arrived, rate, longest gap, lost on the way, dropped before the disk."""
    width = max((len(topic) for topic in topics), default=5)
    lines = [
        f"{'topic':{width}} {'arrived':>8} {'Hz':>7} {'longest gap s':>14} {'lost':>6} {'dropped':>8} {'left out':>9}"
    ]
    for topic, seen in sorted(topics.items()):
        figures = f"{seen.received:8d} {seen.rate_hz:7.2f} {seen.longest_gap_s:14.3f} {seen.lost:6d}"
        lines.append(f"{topic:{width}} {figures} {dropped.get(topic, 0):8d} {seen.left_out:9d}")
    return "\n".join(lines)


def warnings(topics: dict[str, Arrivals], dropped: dict[str, int], steady: set[str], now_s: float) -> list[str]:
    """Return what a person should know of a recording that ends now, one line each; all is well: none.

    steady: the topics that come at a rate, such as cameras; the others come when they come.
    """
    said = []
    for topic, seen in sorted(topics.items()):
        if seen.lost:
            said.append(f"{topic}: {seen.lost} of {seen.lost + seen.received} messages were sent and did not arrive.")
        if dropped.get(topic, 0):
            said.append(f"{topic}: {dropped[topic]} messages arrived and were not written.")
        if topic not in steady:
            continue
        if not seen.received:
            said.append(f"{topic}: nothing came in {now_s - seen.began_s:.1f} s. Is its driver running?")
        elif seen.received > 2:
            period_s = 1.0 / max(seen.rate_hz, 1e-3)
            silent_s = seen.silent_s(now_s)
            if silent_s > max(5 * period_s, 1.0):
                said.append(f"{topic}: silent for the last {silent_s:.1f} s; it had come at {seen.rate_hz:.1f} Hz.")
            if seen.longest_gap_s > max(5 * period_s, 0.5):
                said.append(f"{topic}: a gap of {seen.longest_gap_s:.2f} s; it came at {seen.rate_hz:.1f} Hz.")
    return said
