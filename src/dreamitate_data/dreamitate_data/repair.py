"""A bag whose recorder was killed: what was written whole is kept, what was cut off is removed, the index made anew."""

import mmap
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lz4.frame
import yaml
import zstandard

from dreamitate_core.errors import DreamitateError

from . import mcap_format as mcap
from .bag_metadata import NOTES, write_metadata
from .mcap_format import Channel, Chunk, Contents
from .mcap_writer import McapWriter, lock

_DECOMPRESS = {
    "": bytes,
    "lz4": lz4.frame.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data),
}


@dataclass(frozen=True)
class Repair:
    """What a repair did. messages: how many can be read now; removed_bytes: the cut off rest."""

    needed: bool
    messages: int
    removed_bytes: int


class _CutOffError(Exception):
    """The rest of the file is not whole."""


def repair_bag(folder: Path) -> Repair:
    """Make a bag of this recorder readable in place; one that was closed is left as it is.

    Raises DreamitateError where it is no such bag, or is still being recorded.
    """
    files = sorted(Path(folder).glob("*.mcap")) if Path(folder).is_dir() else []
    if len(files) != 1:
        raise DreamitateError(f"{folder} is no bag: it should be a folder with one .mcap file; it has {len(files)}.")
    path = files[0]
    try:
        with path.open("r+b") as file:
            lock(file.fileno(), path)
            size = os.fstat(file.fileno()).st_size
            if size < len(mcap.MAGIC):
                raise DreamitateError(f"{path} is empty: nothing was recorded.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                scan = _Scan(data, path)
            if scan.closed and (folder / "metadata.yaml").is_file():
                return Repair(False, scan.contents.message_count, 0)
            file.truncate(scan.end)
        writer = McapWriter(path, contents=scan.contents)
        writer.close()
        write_metadata(folder, path, scan.contents, scan.notes)
    except OSError as error:
        raise DreamitateError(f"The bag {folder} cannot be repaired: {error.strerror or error}.") from None
    return Repair(True, scan.contents.message_count, 0 if scan.closed else size - scan.end)


class _Scan:
    """Goes through a file from its start to its end mark or to where it is not whole any more."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        """Read the file. `end`: where its whole records end; `closed`: whether it has its ending.

        Raises DreamitateError where it is no MCAP file at all.
        """
        if data[: len(mcap.MAGIC)] != mcap.MAGIC:
            raise DreamitateError(f"{path} is no MCAP file.")
        self._data = data
        self.contents = Contents()
        self.notes: dict[str, str] = {}
        self.end = len(mcap.MAGIC)
        self.closed = data[-len(mcap.MAGIC) :] == mcap.MAGIC and len(data) > 2 * len(mcap.MAGIC)
        try:
            for code, start, length in _records(data, len(mcap.MAGIC), len(data)):
                if code == mcap.DATA_END:
                    break
                self._take(code, start, length)
                self.end = start + length
        except (_CutOffError, struct.error, UnicodeDecodeError, KeyError, ValueError, RuntimeError, yaml.YAMLError):
            self.closed = False
        self._drop_half_indexed()

    def _take(self, code: int, start: int, length: int) -> None:
        if code == mcap.CHUNK:
            self._take_chunk(start, length)
        elif code == mcap.MESSAGE_INDEX and self.contents.chunks:
            (number,) = struct.unpack_from("<H", self._data, start)
            chunk = self.contents.chunks[-1]
            chunk.index_offsets[number] = start - mcap.RECORD_HEAD.size
            chunk.index_length = start + length - chunk.offset - chunk.length
        elif code == mcap.METADATA:
            name, at = _text(self._data, start)
            values = _texts(self._data, at)
            at = start - mcap.RECORD_HEAD.size
            self.contents.metadata.append((at, length + mcap.RECORD_HEAD.size, name))
            self.notes.update(values if name == NOTES else {})
        else:
            self._take_definition(code, self._data, start)

    def _take_definition(self, code: int, data: mmap.mmap | bytes, start: int) -> None:
        if code == mcap.SCHEMA:
            (number,) = struct.unpack_from("<H", data, start)
            name, at = _text(data, start + 2)
            _, at = _text(data, at)
            self.contents.schemas[name] = (number, _text(data, at)[0])
        elif code == mcap.CHANNEL:
            number, schema = struct.unpack_from("<HH", data, start)
            topic, at = _text(data, start + 4)
            _, at = _text(data, at)
            name, definition = next((n, text) for n, (k, text) in self.contents.schemas.items() if k == schema)
            self.contents.channels[number] = Channel(number, topic, name, definition, _texts(data, at))
            self.contents.counts.setdefault(number, 0)

    def _take_chunk(self, start: int, length: int) -> None:
        start_ns, end_ns, size, _ = mcap.CHUNK_HEAD.unpack_from(self._data, start)
        compression, at = _text(self._data, start + mcap.CHUNK_HEAD.size)
        (compressed,) = struct.unpack_from("<Q", self._data, at)
        at += 8
        data: mmap.mmap | bytes = self._data
        first, last = at, at + compressed
        if compression:
            data = _DECOMPRESS[compression](self._data[first:last])
            first, last = 0, size
        found: dict[int, int] = {}
        for code, inside, _ in _records(data, first, last):
            if code == mcap.MESSAGE:
                number = struct.unpack_from("<H", data, inside)[0]
                found[number] = found.get(number, 0) + 1
            else:
                self._take_definition(code, data, inside)
        offset = start - mcap.RECORD_HEAD.size
        whole = length + mcap.RECORD_HEAD.size
        self.contents.chunks.append(Chunk(offset, whole, size, compressed, compression, start_ns, end_ns))
        self._last_counts = found
        for number, count in found.items():
            self.contents.counts[number] += count

    def _drop_half_indexed(self) -> None:
        """Remove the last chunk where its message indexes were cut off: a chunk and its indexes are one write."""
        if not self.contents.chunks or set(self.contents.chunks[-1].index_offsets) == set(self._last_counts):
            return
        self.end = self.contents.chunks.pop().offset
        for number, count in self._last_counts.items():
            self.contents.counts[number] -= count


def _records(data: mmap.mmap | bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield operation code, start and length of what each record holds. Raises _CutOff where one is not whole."""
    while start < end:
        if start + mcap.RECORD_HEAD.size > end:
            raise _CutOffError
        code, length = mcap.RECORD_HEAD.unpack_from(data, start)
        start += mcap.RECORD_HEAD.size
        if not 1 <= code <= mcap.DATA_END or start + length > end:
            raise _CutOffError
        yield code, start, length
        start += length


def _text(data: mmap.mmap | bytes, start: int) -> tuple[str, int]:
    """Return a string and where it ends."""
    (length,) = struct.unpack_from("<I", data, start)
    end = start + 4 + length
    if end > len(data):
        raise _CutOffError
    return data[start + 4 : end].decode(), end


def _texts(data: mmap.mmap | bytes, start: int) -> dict[str, str]:
    (length,) = struct.unpack_from("<I", data, start)
    at, values = start + 4, {}
    while at < start + 4 + length:
        key, at = _text(data, at)
        values[key], at = _text(data, at)
    return values
