"""A bag that is being recorded: a folder with one MCAP file and `metadata.yaml`, as rosbag2 makes it.

Serialized messages go to disk as they came, by a thread of its own, so that a slow disk does not hold up who listens.
Twice a second at the latest all that came is on its way to the disk as whole chunks: a recorder that is killed leaves
everything but that, and `repair_bag` makes it readable.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rosbags.typesys import Stores, get_typestore

from dreamitate_core.errors import DreamitateError

from .bag_metadata import HASH_KEY, NOTES, QOS_KEY, Offered, qos_text, write_metadata
from .mcap_writer import McapWriter, Message
from .message_types import learn_type, whole_definition

FLUSH_S = 0.25
"""How long a message waits for others to share its chunk."""
CHUNK_BYTES = 4 << 20
"""A chunk is written as soon as it is this large."""
QUEUE_BYTES = 1 << 30
"""What may wait for the disk; messages that come on top are dropped and counted."""
RESERVE_BYTES = 1 << 20
"""Kept free by a file of its own, for the index on a disk that is full."""


class Bag:
    """A bag that is being written. Topics are entered with their first message; safe to use from several threads."""

    def __init__(
        self, folder: Path, notes: Mapping[str, str], compression: str = "none", queue_bytes: int = QUEUE_BYTES
    ) -> None:
        """Make the bag `folder` (it must not exist). notes: what a reader should know about the recording.

        Raises DreamitateError where the folder cannot be made.
        """
        self.folder, self.path = Path(folder), Path(folder) / f"{Path(folder).name}.mcap"
        self.notes, self.queue_bytes = dict(notes), queue_bytes
        self.problem = ""
        """Why nothing more is written, such as a full disk; empty where all is well."""
        self.dropped: Counter[str] = Counter()
        """Messages by topic that were not written: the queue was full, or nothing more could be written."""
        self._reserve = self.folder / ".reserve"
        try:
            self.folder.mkdir(parents=True)
            self._reserve.write_bytes(b"\1" * RESERVE_BYTES)
            self._writer = McapWriter(self.path, compression)
            self._writer.add_metadata(NOTES, self.notes)
            write_metadata(self.folder, self.path, self._writer.contents, self.notes)
        except FileExistsError:
            raise DreamitateError(
                f"The bag {folder} exists already and is not overwritten. Give another name."
            ) from None
        except OSError as error:
            raise DreamitateError(f"The bag {folder} cannot be made: {error.strerror or error}.") from None
        self._store = get_typestore(Stores.ROS2_KILTED)
        self._channels: dict[str, int] = {}
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._change = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._write_on, name="bag", daemon=True)
        self._thread.start()

    def write(
        self,
        topic: str,
        type_name: str,
        log_ns: int,
        serialized: bytes,
        offered: Offered | None = None,
        publish_ns: int | None = None,
    ) -> bool:
        """Append one serialized (CDR) message of type `pkg/msg/Name` received at `log_ns`; return whether it was taken.

        Times in ns since the epoch; publish_ns: when it was sent, if that is known. offered: the topic's quality of
        service, which players offer it with. Raises DreamitateError where the type's text cannot be found.
        """
        with self._change:
            if not self._open:
                return False
            if self.problem or self._waiting_bytes + len(serialized) > self.queue_bytes:
                self.dropped[topic] += 1
                return False
            channel = self._channels.get(topic)
            if channel is None:
                channel = self._channels[topic] = self._add_channel(topic, type_name, offered or Offered())
            self._waiting.append(Message(channel, log_ns, log_ns if publish_ns is None else publish_ns, serialized))
            self._waiting_bytes += len(serialized)
            if self._waiting_bytes >= CHUNK_BYTES or len(self._waiting) == 1:
                self._change.notify_all()
            return True

    def counts(self) -> dict[str, int]:
        """Return how many messages of each topic are in the file so far."""
        counts = self._writer.contents.counts
        return {topic: counts.get(number, 0) for topic, number in list(self._channels.items())}

    def close(self, notes: Mapping[str, str] | None = None) -> None:
        """Write what waits, the index and the metadata, with more notes. Closing twice does nothing.

        A disk that is full is no error here: see `problem`.
        """
        with self._change:
            if not self._open:
                return
            self._open = False
            self._change.notify_all()
        self._thread.join()
        self._reserve.unlink(missing_ok=True)
        self.notes.update(notes or {})
        try:
            if notes:
                self._writer.add_metadata(NOTES, notes)
            self._writer.close()
            write_metadata(self.folder, self.path, self._writer.contents, self.notes)
        except OSError as error:
            self.problem = self.problem or _said(error)

    def __enter__(self) -> "Bag":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add_channel(self, topic: str, type_name: str, offered: Offered) -> int:
        learn_type(self._store, type_name)
        return self._writer.announce(
            topic,
            type_name,
            whole_definition(self._store, type_name),
            {QOS_KEY: qos_text(offered), HASH_KEY: self._store.hash_rihs01(type_name)},
        )

    def _write_on(self) -> None:
        """Write what comes until the bag is closed."""
        while True:
            messages = self._next_chunk()
            if not messages:
                return
            try:
                if not self.problem:
                    self._writer.write(messages)
            except OSError as error:
                self.problem = _said(error)
            if self.problem:
                topics = {number: topic for topic, number in self._channels.items()}
                self.dropped.update(topics[message.channel] for message in messages)
            with self._change:
                self._waiting_bytes -= sum(len(message.data) for message in messages)

    def _next_chunk(self) -> list[Message]:
        """Wait until there is a chunk's worth, or what there is has waited long enough; empty: the bag is closed."""
        with self._change:
            self._change.wait_for(lambda: bool(self._waiting) or not self._open)
            until_s = time.monotonic() + FLUSH_S
            self._change.wait_for(
                lambda: self._waiting_bytes >= CHUNK_BYTES or not self._open, max(until_s - time.monotonic(), 0.0)
            )
            messages, size = [], 0
            while self._waiting and size < CHUNK_BYTES:
                messages.append(self._waiting.popleft())
                size += len(messages[-1].data)
            return messages


def _said(error: OSError) -> str:
    return f"nothing more can be written: {error.strerror or error}"
