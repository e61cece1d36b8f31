"""Progress: plain lines in a file, a bar on a terminal."""

import io
import os
import pty
from contextlib import suppress

from dreamitate.terminal import ProgressShow


def tell_two_stages(show: ProgressShow) -> None:
    with show:
        for k in range(101):
            show("dream", k / 100)
        show("track", 0.0)
        show("track", 2.0)  # a stage that counts wrongly does no harm


def test_plain_lines_are_few() -> None:
    stream = io.StringIO()
    tell_two_stages(ProgressShow(stream))
    lines = stream.getvalue().splitlines()
    assert lines[:4] == ["dream: 25 %", "dream: 50 %", "dream: 75 %", "dream: 100 %"]
    assert lines[4].startswith("dream: 0.")
    assert lines[4].endswith(" s")
    assert lines[-1].startswith("track: ")
    assert len(lines) <= 8
    assert "\r" not in stream.getvalue()


def read_all(leader: int) -> str:
    """Return what was written to a terminal whose other end is closed: it comes in pieces, then as an error."""
    pieces = []
    with suppress(OSError):
        while piece := os.read(leader, 65536):
            pieces.append(piece)
    return b"".join(pieces).decode()


def test_bar_on_a_terminal() -> None:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as stream:
        tell_two_stages(ProgressShow(stream))
    text = read_all(leader)
    os.close(leader)
    assert "\r" in text
    assert "dream 100%" in text
    assert "track 100%" in text


def test_nothing_to_show_says_nothing() -> None:
    stream = io.StringIO()
    with ProgressShow(stream):
        pass
    assert stream.getvalue() == ""
