"""The bag is read back by two readers that share no code, with types that no reader ships."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mcap_ros2.reader import read_ros2_messages
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dreamitate.bag import Bag, learn_type
from dreamitate.interfaces import COORDINATOR
from dreamitate_core.errors import DreamitateError

NOTE = "# what was seen\nstd_msgs/Header header\ntest_msgs/Mark[] marks\nfloat64[3] place  # m\n"
MARK = "string name\nuint16 OK=7\nuint16 code\n"


@pytest.fixture
def interfaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of interface texts, as installed by a workspace."""
    share = tmp_path / "prefix" / "share" / "test_msgs"
    (share / "msg").mkdir(parents=True)
    for name, text in (("Note", NOTE), ("Mark", MARK)):
        (share / "msg" / f"{name}.msg").write_text(text)
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path / "prefix"))


@pytest.fixture
def bag_folder(tmp_path: Path, interfaces: None) -> Path:
    """A bag with two topics, one of a type of our own."""
    store = get_typestore(Stores.ROS2_KILTED)
    learn_type(store, "test_msgs/msg/Note")
    types = store.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](3, 4), "table")
    note = types["test_msgs/msg/Note"](header, [types["test_msgs/msg/Mark"]("bean", 7)], np.array([0.1, 0.2, 0.3]))
    with Bag(tmp_path / "rollout", {"task": "sweeping", "seed": "1"}) as bag:
        for k in range(3):
            bag.write("/note", "test_msgs/msg/Note", 10 + k, bytes(store.serialize_cdr(note, note.__msgtype__)), True)
        bag.write("/header", "std_msgs/msg/Header", 20, bytes(store.serialize_cdr(header, header.__msgtype__)))
        assert bag.counts() == {"/note": 3, "/header": 1}
    return tmp_path / "rollout"


def test_rosbags_reads_it_back(bag_folder: Path) -> None:
    store = get_typestore(Stores.EMPTY)
    with Reader(bag_folder) as reader:
        for connection in reader.connections:
            store.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        found: list[Any] = [(c.topic, t, store.deserialize_cdr(raw, c.msgtype)) for c, t, raw in reader.messages()]
        latched: Any = next(c for c in reader.connections if c.topic == "/note").ext
        assert latched.offered_qos_profiles[0].durability == QosDurability.TRANSIENT_LOCAL
    assert [(topic, time) for topic, time, _ in found] == [("/note", 10), ("/note", 11), ("/note", 12), ("/header", 20)]
    assert found[0][2].marks[0].name == "bean"
    assert found[0][2].header.frame_id == found[3][2].frame_id == "table"
    metadata = yaml.safe_load((bag_folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert metadata["custom_data"] == {"task": "sweeping", "seed": "1"}


def test_mcap_ros2_support_reads_it_back(bag_folder: Path) -> None:
    found = list(read_ros2_messages(bag_folder / "rollout.mcap"))
    assert [m.channel.topic for m in found] == ["/note"] * 3 + ["/header"]
    assert found[0].ros_msg.marks[0].code == 7
    assert list(found[0].ros_msg.place) == [0.1, 0.2, 0.3]
    assert found[3].ros_msg.stamp.sec == 3


@pytest.mark.parametrize("name", sorted({topic.type for topic in COORDINATOR.subscribes}))
def test_type_hash_is_ros_own(name: str) -> None:
    """Every type that a rollout records can be learned, and its hash is the one that ROS's build wrote beside it."""
    path = Path(sys.prefix) / "share" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"{name} is not installed with its type hash")
    hashes = {entry["type_name"]: entry["hash_string"] for entry in json.loads(path.read_text())["type_hashes"]}
    store = get_typestore(Stores.ROS2_KILTED)
    learn_type(store, name)
    assert store.hash_rihs01(name) == hashes[name]


def test_unknown_type_names_what_to_install(tmp_path: Path) -> None:
    complaint = r"odd_msgs/msg/Odd\.msg.*Install odd_msgs"
    with Bag(tmp_path / "rollout", {}) as bag, pytest.raises(DreamitateError, match=complaint):
        bag.write("/odd", "odd_msgs/msg/Odd", 1, b"")


def test_existing_bag_is_not_overwritten(bag_folder: Path) -> None:
    with pytest.raises(DreamitateError, match="exists"):
        Bag(bag_folder, {})


def test_empty_bag_opens(tmp_path: Path) -> None:
    Bag(tmp_path / "rollout", {"task": "sweeping"}).close()
    with Reader(tmp_path / "rollout") as reader:
        assert list(reader.messages()) == []


def test_writing_after_close_is_dropped_and_threads_may_write(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "rollout", {})
    blob = b"\x00\x01\x00\x00" + (1).to_bytes(4, "little")
    threads = [
        threading.Thread(target=lambda: [bag.write("/n", "std_msgs/msg/UInt32", k, blob) for k in range(100)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bag.close()
    bag.close()
    bag.write("/n", "std_msgs/msg/UInt32", 1, blob)
    with Reader(tmp_path / "rollout") as reader:
        assert reader.message_count == 400
