"""The bag is read back by two readers that share no code, with types that no reader ships."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from mcap_ros2.reader import read_ros2_messages
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from dreamitate_core.errors import DreamitateError
from dreamitate_data.bag import Bag
from dreamitate_data.bag_metadata import Offered
from dreamitate_data.interface import RECORDER
from dreamitate_data.message_types import learn_type
from dreamitate_data.repair import Repair, repair_bag

LATCHED = Offered(latched=True, depth=1)
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
            bag.write(
                "/note", "test_msgs/msg/Note", 10 + k, bytes(store.serialize_cdr(note, note.__msgtype__)), LATCHED
            )
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


@pytest.mark.parametrize("name", sorted({topic.type for topic in RECORDER.subscribes}))
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


def _recorded(folder: Path, count: int = 40, compression: str = "none") -> Bag:
    bag = Bag(folder, {"task": "sweeping"}, compression)
    blob = b"\x00\x01\x00\x00" + (1).to_bytes(4, "little")
    for k in range(count):
        bag.write("/n", "std_msgs/msg/UInt32", k, blob)
        bag.write("/m", "std_msgs/msg/UInt32", k, blob)
        if k % 10 == 9:  # chunks of their own
            until = time.monotonic() + 10
            while bag.counts()["/m"] <= k and time.monotonic() < until:
                os.sched_yield()
    return bag


@pytest.mark.parametrize("compression", ["none", "lz4", "zstd"])
def test_a_bag_cut_off_anywhere_is_repaired(tmp_path: Path, compression: str) -> None:
    """Whatever is left of the file, whole chunks before the cut are read by both readers, with the notes."""
    _recorded(tmp_path / "whole", 40, compression).close()
    size = (tmp_path / "whole" / "whole.mcap").stat().st_size
    assert repair_bag(tmp_path / "whole") == Repair(False, 80, 0)
    kept = []
    for end in range(size - 1, 200, -397):
        folder = tmp_path / f"cut_{end}"
        shutil.copytree(tmp_path / "whole", folder)
        (folder / "whole.mcap").rename(folder / f"{folder.name}.mcap")
        (folder / "metadata.yaml").unlink()
        os.truncate(folder / f"{folder.name}.mcap", end)
        found = repair_bag(folder)
        with Reader(folder) as reader:
            assert len(list(reader.messages())) == reader.message_count == found.messages
        metadata = yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        assert metadata["custom_data"] == {"task": "sweeping"}
        assert len(list(read_ros2_messages(folder / f"{folder.name}.mcap"))) == found.messages
        kept.append(found.messages)
    assert kept[0] == 80
    assert {20, 40, 60} <= set(kept)
    assert kept == sorted(kept, reverse=True)


@pytest.mark.parametrize(("content", "complaint"), [(b"", "empty"), (b"something else", "no MCAP file")])
def test_what_is_no_bag_is_not_repaired(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(DreamitateError, match=complaint):
        repair_bag(tmp_path)
    with pytest.raises(DreamitateError, match="no bag"):
        repair_bag(tmp_path / "nothing")


def test_a_bag_that_is_being_recorded_is_not_repaired(tmp_path: Path) -> None:
    bag = Bag(tmp_path / "bag", {})
    with pytest.raises(DreamitateError, match="still being recorded"):
        repair_bag(tmp_path / "bag")
    bag.close()


FULL_DISK = """
import resource, sys
from pathlib import Path
from dreamitate_data.bag import Bag
bag = Bag(Path(sys.argv[1]), {"task": "sweeping"})
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))
blob = bytes([0, 1, 0, 0]) + (99_996).to_bytes(4, "little") + bytes(99_996)
taken = sum(bag.write("/n", "std_msgs/msg/UInt8MultiArray", k, blob) for k in range(100))
bag.close()
print(bag.counts()["/n"], bag.dropped["/n"], bag.problem)
"""


def test_a_full_disk_loses_nothing_that_was_written_and_is_said(tmp_path: Path) -> None:
    """The largest file that the system allows stands for the disk."""
    line = [sys.executable, "-c", FULL_DISK, str(tmp_path / "bag")]
    done = subprocess.run(line, capture_output=True, text=True, check=True, timeout=60)
    written, dropped, problem = done.stdout.strip().split(" ", 2)
    assert "nothing more can be written" in problem
    assert int(written) + int(dropped) == 100
    with Reader(tmp_path / "bag") as reader:
        assert reader.message_count == int(written) == len(list(reader.messages()))


KILLED = """
import sys, time
from pathlib import Path
from dreamitate_data.bag import Bag
bag = Bag(Path(sys.argv[1]), {"task": "sweeping"})
blob = bytes([0, 1, 0, 0, 1, 0, 0, 0])
while True:
    bag.write("/n", "std_msgs/msg/UInt32", time.time_ns(), blob)
    sys.stdout.write(f"{time.time_ns()}\\n")
    sys.stdout.flush()
"""


def test_kill_9_loses_less_than_the_last_second(tmp_path: Path) -> None:
    line = [sys.executable, "-c", KILLED, str(tmp_path / "bag")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        first_ns = last_ns = int(process.stdout.readline())
        while last_ns < first_ns + 1.5e9:
            last_ns = int(process.stdout.readline())
        process.kill()
    assert repair_bag(tmp_path / "bag").needed
    with Reader(tmp_path / "bag") as reader:
        times = [time_ns for _, time_ns, _ in reader.messages()]
    assert last_ns - times[-1] < 1e9
