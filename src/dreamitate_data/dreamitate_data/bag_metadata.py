"""`metadata.yaml` of a bag, as rosbag2 (version 9) writes it, and the quality of service of its topics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .mcap_format import Channel, Contents

NOTES = "dreamitate"
"""Name of the metadata records in the file: what the operator and the run say about the recording."""
QOS_KEY, HASH_KEY = "offered_qos_profiles", "topic_type_hash"
_ENDLESS = {"sec": 9223372036, "nsec": 854775807}  # RMW_DURATION_INFINITE


@dataclass(frozen=True)
class Offered:
    """The quality of service with which a topic was offered."""

    reliable: bool = True
    latched: bool = False
    depth: int = 10

    def profile(self) -> dict[str, Any]:
        """Return it as rosbag2 writes it."""
        return {
            "history": "keep_last",
            "depth": self.depth,
            "reliability": "reliable" if self.reliable else "best_effort",
            "durability": "transient_local" if self.latched else "volatile",
            "deadline": dict(_ENDLESS),
            "lifespan": dict(_ENDLESS),
            "liveliness": "automatic",
            "liveliness_lease_duration": dict(_ENDLESS),
            "avoid_ros_namespace_conventions": False,
        }


def qos_text(offered: Offered) -> str:
    """Return what stands in the channel's metadata in the file."""
    return str(yaml.safe_dump([offered.profile()], sort_keys=False)).strip()


def write_metadata(folder: Path, file: Path, contents: Contents, notes: Mapping[str, str]) -> None:
    """Write `metadata.yaml` in one step. notes: go in as `custom_data`, which readers show. Raises OSError."""
    span = {
        "duration": {"nanoseconds": contents.end_ns - contents.start_ns},
        "starting_time": {"nanoseconds_since_epoch": contents.start_ns},
        "message_count": contents.message_count,
    }
    information = {
        "version": 9,
        "storage_identifier": "mcap",
        **span,
        "topics_with_message_count": [
            {"topic_metadata": _topic(channel), "message_count": contents.counts[channel.id]}
            for channel in contents.channels.values()
        ],
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [file.name],
        "files": [{"path": file.name, **span}],
        "custom_data": dict(notes) or None,
        "ros_distro": "kilted",
    }
    partial = folder / "metadata.yaml.partial"
    partial.write_text(yaml.safe_dump({"rosbag2_bagfile_information": information}, sort_keys=False))
    partial.replace(folder / "metadata.yaml")


def _topic(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.topic,
        "type": channel.type,
        "serialization_format": "cdr",
        "offered_qos_profiles": yaml.safe_load(channel.metadata.get(QOS_KEY, "")) or [],
        "type_description_hash": channel.metadata.get(HASH_KEY, ""),
    }
