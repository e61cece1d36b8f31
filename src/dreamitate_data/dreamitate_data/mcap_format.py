"""The records of an MCAP file (mcap.dev/spec) as bytes: those that a bag of ROS 2 messages needs."""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

MAGIC = b"\x89MCAP0\r\n"
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = 1, 2, 3, 4, 5, 6, 7, 8
STATISTICS, METADATA, METADATA_INDEX, DATA_END = 0x0B, 0x0C, 0x0D, 0x0F

RECORD_HEAD = struct.Struct("<BQ")
"""Operation code, length of what follows."""
MESSAGE_HEAD = struct.Struct("<HIQQ")
"""Channel, sequence, log time and publish time in ns; the serialized message follows."""
CHUNK_HEAD = struct.Struct("<QQQI")
"""First and last log time in ns, size without compression, CRC-32 or 0; compression and the compressed size follow."""
_PAIR = struct.Struct("<HQ")
_TIME_AND_OFFSET = struct.Struct("<QQ")


@dataclass(frozen=True)
class Channel:
    """A topic in the file; its type's text goes in as a schema of its own, once per type."""

    id: int
    topic: str
    type: str
    definition: str
    metadata: Mapping[str, str]


@dataclass
class Chunk:
    """Where a chunk lies, what it covers, and where its message indexes lie."""

    offset: int
    length: int
    size: int
    compressed_size: int
    compression: str
    start_ns: int
    end_ns: int
    index_offsets: dict[int, int] = field(default_factory=dict)
    index_length: int = 0


@dataclass
class Contents:
    """What is in a file so far: enough to write its summary. Schemas are numbered from 1 as they come."""

    channels: dict[int, Channel] = field(default_factory=dict)
    schemas: dict[str, tuple[int, str]] = field(default_factory=dict)
    chunks: list[Chunk] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    metadata: list[tuple[int, int, str]] = field(default_factory=list)
    """Of each metadata record: offset, length, name."""

    @property
    def start_ns(self) -> int:
        """Log time of the first message, 0 where there is none."""
        return min((chunk.start_ns for chunk in self.chunks), default=0)

    @property
    def end_ns(self) -> int:
        """Log time of the last message, 0 where there is none."""
        return max((chunk.end_ns for chunk in self.chunks), default=0)

    @property
    def message_count(self) -> int:
        """How many messages all topics have together."""
        return sum(self.counts.values())


def record(code: int, *parts: bytes) -> bytes:
    """Return a record of these parts."""
    body = b"".join(parts)
    return RECORD_HEAD.pack(code, len(body)) + body


def text(value: str) -> bytes:
    """Return a string with its length before it."""
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def texts(values: Mapping[str, str]) -> bytes:
    """Return a map of strings."""
    body = b"".join(text(key) + text(value) for key, value in values.items())
    return struct.pack("<I", len(body)) + body


def header() -> bytes:
    """Return what a file begins with."""
    return MAGIC + record(HEADER, text("ros2"), text("dreamitate"))


def schema(number: int, type_name: str, definition: str) -> bytes:
    """Return the record of a type."""
    return record(SCHEMA, struct.pack("<H", number), text(type_name), text("ros2msg"), text(definition))


def channel(entry: Channel, schema_number: int) -> bytes:
    """Return the record of a topic."""
    head = struct.pack("<HH", entry.id, schema_number)
    return record(CHANNEL, head, text(entry.topic), text("cdr"), texts(entry.metadata))


def metadata(name: str, values: Mapping[str, str]) -> bytes:
    """Return a record of strings by name."""
    return record(METADATA, text(name), texts(values))


def message_index(channel_id: int, entries: Iterable[tuple[int, int]]) -> bytes:
    """Return where the messages of a channel lie in the chunk before: log times in ns and offsets."""
    body = b"".join(_TIME_AND_OFFSET.pack(*entry) for entry in entries)
    return record(MESSAGE_INDEX, struct.pack("<HI", channel_id, len(body)), body)


def ending(contents: Contents, position: int) -> bytes:
    """Return all that follows the data of a file: the end mark, the summary and the footer.

    position: where in the file it is put.
    """
    end = record(DATA_END, struct.pack("<I", 0))
    numbers = {name: number for name, (number, _) in contents.schemas.items()}
    summary = b"".join(
        [
            *(schema(number, name, definition) for name, (number, definition) in contents.schemas.items()),
            *(channel(entry, numbers[entry.type]) for entry in contents.channels.values()),
            *(_chunk_index(chunk) for chunk in contents.chunks),
            *(record(METADATA_INDEX, struct.pack("<QQ", at, size), text(name)) for at, size, name in contents.metadata),
            _statistics(contents),
        ]
    )
    footer = record(FOOTER, struct.pack("<QQI", position + len(end), 0, 0))
    return end + summary + footer + MAGIC


def _chunk_index(chunk: Chunk) -> bytes:
    offsets = b"".join(_PAIR.pack(*pair) for pair in chunk.index_offsets.items())
    return record(
        CHUNK_INDEX,
        struct.pack("<QQQQI", chunk.start_ns, chunk.end_ns, chunk.offset, chunk.length, len(offsets)),
        offsets,
        struct.pack("<Q", chunk.index_length),
        text(chunk.compression),
        struct.pack("<QQ", chunk.compressed_size, chunk.size),
    )


def _statistics(contents: Contents) -> bytes:
    counts = b"".join(_PAIR.pack(*pair) for pair in contents.counts.items())
    numbers = (len(contents.schemas), len(contents.channels), 0, len(contents.metadata), len(contents.chunks))
    return record(
        STATISTICS,
        struct.pack("<QHIIII", contents.message_count, *numbers),
        struct.pack("<QQI", contents.start_ns, contents.end_ns, len(counts)),
        counts,
    )
