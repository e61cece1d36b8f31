"""What a recording counts and says, without ROS and without waiting: the clock is the test's."""

from datetime import datetime, timezone
from pathlib import Path

import pytest

from dreamitate_core.errors import DreamitateError
from dreamitate_data.arrivals import Arrivals, table, warnings
from dreamitate_data.bag_metadata import Offered
from dreamitate_data.qos import adapted
from dreamitate_data.recording import Recording, folder_for, read_notes

INT = b"\x00\x01\x00\x00\x01\x00\x00\x00"


def camera(times: list[float], sequences: list[int] | None = None) -> Arrivals:
    seen = Arrivals(times[0] if times else 0.0)
    for k, now_s in enumerate(times):
        seen.take(now_s, b"driver", sequences[k] if sequences else k)
    return seen


def test_losses_are_counted_by_each_publishers_own_numbers() -> None:
    seen = Arrivals(0.0)
    for now_s, publisher, sequence in [(0.0, b"a", 5), (0.1, b"a", 6), (0.2, b"b", 1), (0.3, b"a", 9), (0.4, b"b", 2)]:
        seen.take(now_s, publisher, sequence)
    assert (seen.received, seen.lost) == (5, 2)
    assert seen.rate_hz == pytest.approx(10.0)
    unnumbered = Arrivals(0.0)
    unnumbered.take(0.0, b"a", None)
    assert unnumbered.lost == 0


def test_a_person_is_told_of_silence_gaps_losses_and_drops() -> None:
    steady = [k / 30 for k in range(90)]
    topics = {
        "/fine": camera(steady),
        "/gone": camera(steady[:30]),
        "/gap": camera([*steady[:30], *(t + 1.5 for t in steady[30:45])]),
        "/lossy": camera(steady, [k + (k > 40) * 3 for k in range(90)]),
        "/never": Arrivals(0.0),
        "/word": Arrivals(0.0),
    }
    said = warnings(topics, {"/fine": 2}, set(topics) - {"/word"}, 3.0)
    assert any(line.startswith("/fine: 2 messages arrived and were not written") for line in said)
    assert any(line.startswith("/gone: silent for the last 2.0 s") for line in said)
    assert any(line.startswith("/gap: a gap of 1.53 s") for line in said)
    assert any(line.startswith("/lossy: 3 of 93 messages were sent and did not arrive") for line in said)
    assert any(line.startswith("/never: nothing came in 3.0 s. Is its driver running?") for line in said)
    assert not any(line.startswith("/word") for line in said)
    assert not warnings({"/fine": camera(steady)}, {}, {"/fine"}, 3.0)
    rows = table(topics, {"/fine": 2}).splitlines()
    assert len(rows) == 1 + len(topics)
    assert rows[1].split()[:3] == ["/fine", "90", "30.00"]


def test_a_recording_tells_who_is_silent_and_what_was_left_out(tmp_path: Path) -> None:
    now = [0.0]
    recording = Recording(tmp_path / "bag", {"task": "sweeping"}, {"/a", "/b"}, "none", lambda: now[0])
    for k in range(100):
        now[0] = k / 20
        recording.take("/a", "std_msgs/msg/UInt32", k, k, INT, Offered(), b"p", k, keep=k % 2 == 0)
        if k < 20:
            recording.take("/b", "std_msgs/msg/UInt32", k, k, INT, Offered(), b"p", k)
    assert recording.silent(1.0) == {"/b"}
    assert recording.state() == "120 messages; silent: /b"
    summary = recording.end()
    assert (summary.messages, summary.lost, summary.dropped) == (70, 0, 0)
    assert recording.end() is summary
    assert recording.topics["/a"].left_out == 50


def test_a_bag_gets_a_name_of_its_own_inside_the_folder(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    first = folder_for(tmp_path, "", "sweeping", moment)
    assert first.name == "20260102T030405Z_sweeping"
    first.mkdir()
    assert folder_for(tmp_path, "", "sweeping", moment).name == "20260102T030405Z_sweeping_2"
    assert folder_for(tmp_path, "a/b", "", moment) == tmp_path / "a" / "b"
    assert folder_for(tmp_path, "/data/x", "", moment) == Path("/data/x")
    with pytest.raises(DreamitateError, match="leads out"):
        folder_for(tmp_path, "../x", "", moment)


@pytest.mark.parametrize("text", ["{", "[1]", '{"seed": 1}', '"a"'])
def test_notes_must_be_texts_by_name(text: str) -> None:
    with pytest.raises(DreamitateError, match="notes_json"):
        read_notes(text)
    assert read_notes("") == {}


def test_unwritable_and_existing_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "file" / "bag"):
        with pytest.raises(DreamitateError, match=str(folder)):
            Recording(folder, {}, set(), "none")


def test_what_is_listened_with_is_never_more_than_is_offered() -> None:
    both, latched = Offered(True, True), Offered(True, True, 1)
    assert adapted([]) is None
    assert adapted([both, latched]) == Offered(True, True, 10)
    assert adapted([both, Offered(False, False, 5)]) == Offered(False, False, 10)
    assert adapted([both, Offered(True, False, 5)]) == Offered(True, False, 10)
