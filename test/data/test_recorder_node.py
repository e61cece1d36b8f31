"""The recorder node over real DDS: services, action, adapted quality of service, what is lost, and kill -9."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcap_ros2.reader import read_ros2_messages
from rosbags.rosbag2 import Reader

from dreamitate.domain import DOMAIN, held_domain
from dreamitate.ros_environment import ros_environment
from dreamitate_data.repair import repair_bag

CLIENT = Path(__file__).parent / "fakes" / "recorder_client.py"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a client was answered; its bags are under `out`."""
    out = tmp_path_factory.mktemp("bags")
    environment = ros_environment()
    environment.pop(DOMAIN, None)
    with held_domain(environment) as domain:
        environment[DOMAIN] = str(domain)
        line = [sys.executable, "-m", "dreamitate_data.recorder_node", "--ros-args", "-p", f"out:={out}"]
        with subprocess.Popen(
            [*line, "-p", "also:=operator/words"], env=environment, stderr=subprocess.PIPE
        ) as recorder:
            try:
                client = [sys.executable, str(CLIENT), str(recorder.pid)]
                done = subprocess.run(client, env=environment, capture_output=True, text=True, timeout=120, check=False)
            finally:
                recorder.kill()
    assert done.returncode == 0, done.stderr
    return {"out": out, **json.loads(done.stdout)}


def counts(bag: Path) -> dict[str, int]:
    with Reader(bag) as reader:
        found = [connection.topic for connection, _, _ in reader.messages()]
    assert len(found) == sum(1 for _ in read_ros2_messages(bag / f"{bag.name}.mcap"))
    return {topic: found.count(topic) for topic in sorted(set(found))}


def test_all_that_was_sent_is_in_the_bag_or_counted_as_lost(told: dict[str, Any]) -> None:
    bag = told["out"] / "one"
    assert told["start"] == {"success": True, "message": "", "bag": str(bag)}
    found = counts(bag)
    assert found["/verdict"] == 1  # it was latched before the start
    assert found["/camera_2/color/image_raw"] == found["/operator/words"] == told["pairs"]  # reliable
    frames = [
        int(message.ros_msg.header.frame_id)
        for message in read_ros2_messages(bag / "one.mcap", topics=["/camera_2/color/image_raw"])
    ]
    assert frames == list(range(told["first"], told["first"] + told["pairs"]))
    stop = told["stop"]
    assert (stop["success"], stop["messages"]) == (True, sum(found.values()))
    assert sum(found.values()) + stop["lost"] == 5 * told["pairs"] + 1
    assert stop["dropped"] == 0
    assert "/camera_1/color/image_raw" in stop["table"]


def test_metadata_names_task_note_seed_revision_and_ending(told: dict[str, Any]) -> None:
    information = yaml.safe_load((told["out"] / "one" / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    notes = information["custom_data"]
    assert {key: notes[key] for key in ("task", "note", "seed", "verdict")} == {
        "task": "sweeping",
        "note": "by hand",
        "seed": "7",
        "verdict": "good",
    }
    assert "git_revision" in notes
    profiles = {
        topic["topic_metadata"]["name"]: topic["topic_metadata"]["offered_qos_profiles"][0]
        for topic in information["topics_with_message_count"]
    }
    assert profiles["/camera_1/color/image_raw"]["reliability"] == "best_effort"
    assert profiles["/camera_2/color/image_raw"]["reliability"] == "reliable"
    assert profiles["/verdict"]["durability"] == "transient_local"


def test_one_recording_at_a_time_and_nothing_to_stop(told: dict[str, Any]) -> None:
    assert not told["start again"]["success"]
    assert "is being recorded; stop it first" in told["start again"]["message"]
    assert told["stop again"]["message"] == "Nothing is being recorded."


def test_the_action_ends_by_its_time_or_by_cancelling_and_keeps_the_bag(told: dict[str, Any]) -> None:
    for key, name, code in (("action", "two", 0), ("cancelled", "three", 1)):
        result = told[key]
        assert (result["error_code"], result["bag"]) == (code, str(told["out"] / name))
        assert sum(counts(told["out"] / name).values()) == result["messages"] > 1


def test_kill_9_leaves_a_bag_that_is_repaired_but_for_the_last_second(told: dict[str, Any]) -> None:
    bag = told["out"] / "killed"
    assert repair_bag(bag).needed
    found = counts(bag)
    assert found["/camera_2/color/image_raw"] >= told["a second old when killed"] >= 20
    assert found["/verdict"] == 1
