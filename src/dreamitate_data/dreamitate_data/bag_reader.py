"""Reads bags (MCAP) message by message; whatever is wrong with one is said in one line that names it."""

import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
import zstandard
from rosbags.rosbag2 import Reader, ReaderError
from rosbags.typesys import Stores, get_typestore

from dreamitate_core.errors import DreamitateError

_DAMAGE = (
    *(ReaderError, OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError),
    *(struct.error, zlib.error, zstandard.ZstdError, MemoryError, OverflowError, yaml.YAMLError, RuntimeError),
)
"""What readers of files raise at bytes that make no sense."""


class BagReader:
    """One bag: its notes, and its messages with topics as a node in no namespace would name them."""

    def __init__(self, folder: Path) -> None:
        """Raises DreamitateError where there is no bag."""
        self.folder = Path(folder)
        if not (self.folder / "metadata.yaml").is_file():
            raise DreamitateError(f"{folder} is no bag: it has no metadata.yaml. Name the folder of a recording.")
        self._store = get_typestore(Stores.ROS2_KILTED)

    def notes(self) -> dict[str, str]:
        """Return what was said about the recording. Raises DreamitateError where the bag is damaged."""
        with self._named():
            data = yaml.safe_load((self.folder / "metadata.yaml").read_text())
            notes = data["rosbag2_bagfile_information"].get("custom_data") or {}
            return {str(key): str(value) for key, value in notes.items()}

    def messages(self, topics: Collection[str]) -> Iterator[tuple[str, int, int, Any]]:
        """Yield (topic, its message's number from 0 on, time received in ns, message) in the order they came.

        Raises DreamitateError where the bag is damaged.
        """
        numbers = dict.fromkeys(topics, -1)
        with self._named(), Reader(self.folder) as reader:
            wanted = [connection for connection in reader.connections if _relative(connection.topic) in numbers]
            if not wanted:  # Reader would give all
                return
            for connection, log_ns, data in reader.messages(connections=wanted):
                topic = _relative(connection.topic)
                numbers[topic] += 1
                yield topic, numbers[topic], log_ns, self._store.deserialize_cdr(data, connection.msgtype)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Turn what damaged files raise into one line."""
        try:
            yield
        except _DAMAGE as error:
            said = " ".join(str(error).split())[:160] or type(error).__name__
            raise DreamitateError(
                f"The bag {self.folder} cannot be read ({said}). Was its recorder killed? dreamitate record --repair."
            ) from None


def _relative(topic: str) -> str:
    return topic if topic in ("/tf", "/tf_static") else topic.lstrip("/")
