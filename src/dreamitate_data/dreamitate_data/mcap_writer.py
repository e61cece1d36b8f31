"""Writes MCAP in chunks that are whole once they are written: whatever ends the process, all before it can be read.

Every chunk goes to the system in one call, straight from the messages' own bytes.
"""

import fcntl
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lz4.frame
import zstandard

from dreamitate_core.errors import DreamitateError

from . import mcap_format as mcap
from .mcap_format import Channel, Chunk, Contents

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "lz4": lz4.frame.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(level=1).compress(data),
}
_SYNC_BYTES = 16 << 20
"""So much goes to the disk at once and leaves the page cache: left to itself, the system lets gigabytes gather and
then holds up the writer. Measured on a busy machine: 70 to 110 MB/s without, 330 to 400 MB/s with it."""
_LARGEST_CALL = 512
"""Parts in one system call; Linux takes 1024."""


@dataclass(frozen=True)
class Message:
    """A serialized message as it came, of a channel that was added. Times in ns since the epoch."""

    channel: int
    log_ns: int
    publish_ns: int
    data: bytes
    sequence: int = 0


class McapWriter:
    """One file. Not for several threads at once. Whatever raises OSError leaves the file as it was before the call."""

    def __init__(self, path: Path, compression: str = "none", contents: Contents | None = None) -> None:
        """Make the file, which must not exist; or, with its `contents`, go on at the end of one that lacks its ending.

        The file is locked while it is open. Raises OSError.
        """
        flags = os.O_RDWR if contents else os.O_RDWR | os.O_CREAT | os.O_EXCL
        self._file = os.open(path, flags | os.O_CLOEXEC, 0o644)
        self._compression = compression
        self.contents = contents or Contents()
        self._announced: dict[int, Channel] = {}
        try:
            lock(self._file, path)
            self._position = self._synced = os.lseek(self._file, 0, os.SEEK_END)
            if contents is None:
                self._append([mcap.header()])
        except BaseException:
            os.close(self._file)
            raise

    def announce(self, topic: str, type_name: str, definition: str, metadata: Mapping[str, str]) -> int:
        """Enter a topic and return its number. It is written with the first chunk that has messages of it.

        May be called while another thread writes.
        """
        number = len(self._announced) + 1
        self._announced[number] = Channel(number, topic, type_name, definition, dict(metadata))
        return number

    def add_metadata(self, name: str, values: Mapping[str, str]) -> None:
        """Write strings by name, at once. Raises OSError."""
        written, start = mcap.metadata(name, values), self._position
        self._append([written])
        self.contents.metadata.append((start, len(written), name))

    def write(self, messages: Sequence[Message]) -> None:
        """Write messages as one chunk, with their index. Raises OSError."""
        self._write_channels(sorted({message.channel for message in messages} - self.contents.channels.keys()))
        parts: list[bytes] = []
        entries: dict[int, list[tuple[int, int]]] = {}
        size = 0
        for message in messages:
            head = mcap.RECORD_HEAD.pack(mcap.MESSAGE, mcap.MESSAGE_HEAD.size + len(message.data))
            head += mcap.MESSAGE_HEAD.pack(message.channel, message.sequence, message.log_ns, message.publish_ns)
            entries.setdefault(message.channel, []).append((message.log_ns, size))
            parts += [head, message.data]
            size += len(head) + len(message.data)
        start_ns, end_ns = min(m.log_ns for m in messages), max(m.log_ns for m in messages)
        chunk = self._chunk(parts, size, start_ns, end_ns)
        indexes = {number: mcap.message_index(number, found) for number, found in entries.items()}
        at = chunk.offset + chunk.length
        for number, index in indexes.items():
            chunk.index_offsets[number] = at
            at += len(index)
        chunk.index_length = at - chunk.offset - chunk.length
        self._append([*parts, *indexes.values()])
        self.contents.chunks.append(chunk)
        for message in messages:
            self.contents.counts[message.channel] += 1
        if self._position - self._synced >= _SYNC_BYTES:
            os.fdatasync(self._file)
            os.posix_fadvise(self._file, self._synced, self._position - self._synced, os.POSIX_FADV_DONTNEED)
            self._synced = self._position

    def _write_channels(self, numbers: list[int]) -> None:
        """Write the schemas and channels of topics that were announced."""
        contents = self.contents
        for number in numbers:
            channel = self._announced[number]
            schema, _ = contents.schemas.get(channel.type, (len(contents.schemas) + 1, ""))
            self._append([mcap.schema(schema, channel.type, channel.definition), mcap.channel(channel, schema)])
            contents.schemas[channel.type] = (schema, channel.definition)
            contents.channels[number], contents.counts[number] = channel, 0

    def _chunk(self, parts: list[bytes], size: int, start_ns: int, end_ns: int) -> Chunk:
        """Turn the messages' parts into those of their chunk, and return what is to be known of it."""
        compression = "" if self._compression == "none" else self._compression
        if compression:
            parts[:] = [COMPRESSIONS[compression](b"".join(parts))]
        compressed = size if not compression else len(parts[0])
        fields = (
            mcap.CHUNK_HEAD.pack(start_ns, end_ns, size, 0) + mcap.text(compression) + struct.pack("<Q", compressed)
        )
        head = mcap.RECORD_HEAD.pack(mcap.CHUNK, len(fields) + compressed) + fields
        parts.insert(0, head)
        return Chunk(self._position, len(head) + compressed, size, compressed, compression, start_ns, end_ns)

    def close(self) -> None:
        """Write the summary and close the file. Raises OSError; the file is closed all the same."""
        try:
            self._append([mcap.ending(self.contents, self._position)])
            os.fsync(self._file)
        finally:
            os.close(self._file)

    def abandon(self) -> None:
        """Close the file without its ending."""
        os.close(self._file)

    def _append(self, parts: list[bytes]) -> None:
        """Append all parts, or nothing."""
        start = self._position
        try:
            for first in range(0, len(parts), _LARGEST_CALL):
                self._append_at_once([memoryview(part) for part in parts[first : first + _LARGEST_CALL]])
        except OSError:
            os.ftruncate(self._file, start)
            self._position = start
            raise

    def _append_at_once(self, views: list[memoryview]) -> None:
        while views:
            written = os.pwritev(self._file, views, self._position)
            self._position += written
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]


def lock(file: int, path: Path) -> None:
    """Lock an open file. Raises DreamitateError where another process has it, which is then recording into it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DreamitateError(f"{path} is still being recorded. Stop the recorder, or wait for its end.") from None
