"""The table of `dreamitate bench track` from results as `compare` gives them."""

from typing import Any

import pytest

from dreamitate_bench.track_table import last_line, summarise, table
from dreamitate_core.trajectory import Status


def result(mm: float, degrees: float, status: Status = Status.OK) -> dict[str, Any]:
    """Return a clip's row: both fusions alike; the tool is visible in three of four frames."""
    tool = {
        "visible": [False, True, True, True],
        "mm": [500.0, mm, mm, mm],
        "degrees": [0.0, degrees, degrees, degrees],
        "add_mm": [500.0, mm, mm, mm],
        "mssd_mm": [500.0, mm, mm, mm],
        "mspd_px": [[99.0, 99.0], [1.0, 2.0], [1.0, 2.0], [1.0, 2.0]],
        "swapped": [False] * 4,
        "surprise": [6.0] * 4,
        "views_apart_px": None,
        "score": [0.9] * 4,
        "status": [int(Status.NOT_VISIBLE), int(status), int(status), int(status)],
    }
    fusion = {"seconds": 3.0, "tools": {"block": tool}}
    return {"joint": fusion, "midpoint": fusion}


def test_frames_that_show_no_tool_do_not_count() -> None:
    row = summarise({0: result(1.0, 0.5), 1: result(1.0, 0.5)})["joint"]
    assert row["mm"] == pytest.approx([1.0, 1.0])
    assert (row["frames"], row["whole"], row["clips"]) == (6, 2, 2)
    assert (row["undetected_flips"], row["frames_lost"]) == (0, 0)


def test_a_flip_counts_as_detected_only_where_the_status_says_so() -> None:
    summary = {
        "768x448": summarise({0: result(1.0, 179.0), 1: result(1.0, 179.0, Status.LOST), 2: result(1.0, 0.5)}),
    }
    row = summary["768x448"]["joint"]
    assert (row["flips"], row["undetected_flips"], row["frames_lost"], row["whole"]) == (6, 3, 3, 1)
    assert "0 of 1 bars held, 3 undetected flips, 0 swaps" in last_line(summary)
    assert len(table(summary).splitlines()) == 3
