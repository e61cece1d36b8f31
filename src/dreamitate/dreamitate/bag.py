"""A rollout's bag: MCAP, written from serialized messages as they came, without ROS's own recorder.

The types of the messages are read from the interface texts (.msg) that every ROS package installs in its share folder,
and go into the bag, so that any reader can decode it without them. Messages only: the names of actions' hidden types
(`Rollout_FeedbackMessage`) make mcap-ros2-support refuse the whole bag.
"""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.interfaces import (
    Connection,
    Nodetype,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.base import TypesysError
from rosbags.typesys.store import Typestore

from dreamitate_core.errors import DreamitateError


class Bag:
    """A bag that is being written. Topics are entered with their first message; safe to use from several threads."""

    def __init__(self, folder: Path, metadata: Mapping[str, str]) -> None:
        """Open the bag `folder` (made here, it must not exist) with what a reader should know about the run.

        Raises DreamitateError where the folder cannot be made.
        """
        try:
            self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)  # chunks, as rosbag2 does
            for key, value in metadata.items():
                self._writer.set_custom_data(key, value)
            self._writer.open()
        except (OSError, WriterError) as error:
            raise DreamitateError(f"The bag {folder} cannot be made: {error}.") from None
        self._store = get_typestore(Stores.ROS2_KILTED)
        self._connections: dict[str, Connection] = {}
        self._lock = threading.Lock()
        self._open = True

    def write(self, topic: str, type_name: str, time_ns: int, serialized: bytes, latched: bool = False) -> None:
        """Append one serialized (CDR) message of type `pkg/msg/Name` received at `time_ns` (ns since the epoch).

        latched: the topic keeps its last message for late subscribers; players offer it the same way.
        Messages that come after `close` are dropped. Raises DreamitateError where the type's text cannot be found.
        """
        with self._lock:
            if not self._open:
                return
            connection = self._connections.get(topic)
            if connection is None:
                learn_type(self._store, type_name)
                connection = self._writer.add_connection(
                    topic,
                    type_name,
                    msgdef=_whole_definition(self._store, type_name),
                    rihs01=self._store.hash_rihs01(type_name),
                    offered_qos_profiles=[_qos(latched)],
                )
                self._connections[topic] = connection
            self._writer.write(connection, time_ns, serialized)

    def counts(self) -> dict[str, int]:
        """Return how many messages each topic has so far."""
        with self._lock:
            return {topic: self._writer.counts[entry.id] for topic, entry in self._connections.items()}

    def close(self) -> None:
        """Write the index and the metadata. Closing twice does nothing."""
        with self._lock:
            if self._open:
                self._open = False
                self._writer.close()

    def __enter__(self) -> "Bag":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def learn_type(store: Typestore, type_name: str) -> None:
    """Enter a type and all it is made of in `store`, from installed interface texts.

    Raises DreamitateError where a text is missing or cannot be read.
    """
    if type_name in store.fielddefs:
        return
    try:
        types = get_types_from_msg(_interface_text(type_name), type_name)
    except TypesysError as error:
        raise DreamitateError(f"The definition of {type_name} cannot be read: {error}.") from None
    for part in _parts(types[type_name][1]):
        learn_type(store, part)
    store.register(types)


def _whole_definition(store: Typestore, type_name: str) -> str:
    """Return the text that bags carry: the type's own, then that of each type it is made of."""
    found = [type_name]
    for name in found:
        found += [part for part in dict.fromkeys(_parts(store.fielddefs[name][1])) if part not in found]
    texts = [f"MSG: {name}\n{_interface_text(name)}" for name in found[1:]]
    return f"\n{'=' * 80}\n".join([_interface_text(type_name), *texts])


def _parts(fields: list[Any]) -> Iterator[str]:
    for _, (kind, detail) in fields:
        if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            kind, detail = detail[0]
        if kind == Nodetype.NAME:
            yield detail


def _interface_text(type_name: str) -> str:
    """Return the .msg text of a type `pkg/msg/Name`."""
    package, kind, name = type_name.split("/")
    if kind != "msg":
        raise DreamitateError(f"{type_name} is not a message (pkg/msg/Name), so it cannot be recorded.")
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    places = [prefix / "share" / package / "msg" / f"{name}.msg" for prefix in [*prefixes, Path(sys.prefix)]]
    for place in places:
        if place.is_file():
            return place.read_text()
    raise DreamitateError(
        f"The definition {package}/msg/{name}.msg was not found in any share folder. "
        f"Install {package} (without ROS: make setup) or source its workspace."
    )


def _qos(latched: bool) -> Qos:
    """Return the profile of a latched result (reliable, kept for late comers) or of a plain reliable topic."""
    endless = QosTime(9223372036, 854775807)  # RMW_DURATION_INFINITE
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=1 if latched else 10,
        reliability=QosReliability.RELIABLE,
        durability=QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        deadline=endless,
        lifespan=endless,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=endless,
        avoid_ros_namespace_conventions=False,
    )
