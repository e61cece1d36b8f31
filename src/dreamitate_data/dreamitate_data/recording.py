"""One recording as the recorder sees it: the bag, what came of each topic, and what is to be said at its end."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from dreamitate_core.errors import DreamitateError

from .arrivals import Arrivals, table, warnings
from .bag import Bag
from .bag_metadata import Offered


@dataclass(frozen=True)
class Summary:
    """How a recording ended. problem: why not everything was written; empty where it was."""

    bag: str
    messages: int
    lost: int
    dropped: int
    warnings: list[str]
    table: str
    problem: str


class Recording:
    """Takes messages until it is ended. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        notes: Mapping[str, str],
        expected: set[str],
        compression: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin. expected: the topics that should come at a rate. Raises DreamitateError where no bag can be made."""
        self._clock = clock
        self._steady = set(expected)
        self.topics = {topic: Arrivals(clock()) for topic in expected}
        self.bag = Bag(folder, notes, compression)
        self._summary: Summary | None = None

    def take(
        self,
        topic: str,
        type_name: str,
        log_ns: int,
        publish_ns: int,
        serialized: bytes,
        offered: Offered,
        publisher: bytes,
        sequence: int | None,
        keep: bool = True,
    ) -> None:
        """Record a message as it came; not keep: only count it. Raises DreamitateError where its type is unknown."""
        seen = self.topics.setdefault(topic, Arrivals(self._clock()))
        seen.take(self._clock(), publisher, sequence)
        if keep:
            self.bag.write(topic, type_name, log_ns, serialized, offered, publish_ns)
        else:
            seen.left_out += 1

    def silent(self, limit_s: float) -> set[str]:
        """Return the topics that should come at a rate and have not come for longer than the limit and 5 periods."""
        now_s, steady = self._clock(), [(topic, self.topics[topic]) for topic in self._steady]
        return {
            topic
            for topic, seen in steady
            if seen.silent_s(now_s) > max(limit_s, 5.0 / seen.rate_hz if seen.rate_hz else 0.0)
        }

    def state(self) -> str:
        """Return in a few words how it goes: messages so far, and what is silent or lost."""
        count, silent = sum(seen.received for seen in self.topics.values()), sorted(self.silent(1.0))
        lost = sum(seen.lost for seen in self.topics.values())
        words = [f"{count} messages"]
        words += [f"{lost} lost"] if lost else []
        words += [f"silent: {', '.join(silent)}"] if silent else []
        words += [self.bag.problem] if self.bag.problem else []
        return "; ".join(words)

    def end(self, notes: Mapping[str, str] | None = None) -> Summary:
        """Close the bag and return what came of it; ending twice returns the same."""
        if self._summary is None:
            now_s = self._clock()
            said = warnings(self.topics, self.bag.dropped, self._steady, now_s)
            text = table(self.topics, self.bag.dropped)
            self.bag.close({**(notes or {}), "warnings": "\n".join(said), "table": text})
            self._summary = Summary(
                str(self.bag.folder.resolve()),
                sum(self.bag.counts().values()),
                sum(seen.lost for seen in self.topics.values()),
                sum(self.bag.dropped.values()),
                said,
                text,
                self.bag.problem,
            )
        return self._summary


def folder_for(out: Path, name: str, task: str, now: datetime | None = None) -> Path:
    """Return where a bag goes: `out/name`, or `out/<UTC time>_<task>` without a name, with a number where that exists.

    Raises DreamitateError for a name that leads out of `out`; an absolute path is taken as it is.
    """
    if name and Path(name).is_absolute():
        return Path(name)
    if ".." in Path(name).parts:
        raise DreamitateError(f"The bag's name {name!r} leads out of {out}. Give a name without '..'.")
    moment = f"{now or datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    folder = out / (name or "_".join(filter(None, (moment, task))))
    if name:
        return folder
    number = 1
    while folder.exists():
        number += 1
        folder = folder.with_name(f"{moment}_{task}_{number}" if task else f"{moment}_{number}")
    return folder


def read_notes(text: str) -> dict[str, str]:
    """Return the metadata in a JSON object of texts; empty: none. Raises DreamitateError for something else."""
    try:
        notes = json.loads(text) if text else {}
    except json.JSONDecodeError as error:
        raise DreamitateError(f"notes_json is not JSON: {error}.") from None
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise DreamitateError(f'notes_json must be an object of texts like {{"seed": "1"}}; it is {text[:80]!r}.')
    return notes
