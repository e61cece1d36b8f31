"""The bench of whole tasks: its table, its interval, and that it goes on where it was."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamitate import cli
from dreamitate.checks import Check
from dreamitate_bench import tasks, tasks_report, tasks_trials
from dreamitate_bench.wilson import wilson_interval
from dreamitate_core.errors import DreamitateError
from dreamitate_core.paths import config_dir


def made_up_result(seed: int) -> dict[str, Any]:
    """Odd seeds fail at track; 1004 was refused by the planner, without figures."""
    figures = {"closest_particle_m": 0.001 * (seed - 990), "obstacles_touched": 1.0}
    good = seed % 2 == 0 and seed != 1004
    stage = None if good else ("plan" if seed == 1004 else "track")
    return {
        "success": good,
        "failed_stage": stage,
        "reason": "" if good else "out of luck",
        "figures": {} if seed == 1004 else figures,
        "timings": {"dream": 2.0, "track": 1.0},
        "seconds": 3.0,
        "defect": False,
    }


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the processes; the list says which seeds were run."""
    seeds_run: list[int] = []

    def run_all(seeds: list[int], *_: object) -> Iterator[tuple[int, dict[str, Any]]]:
        for seed in reversed(seeds):
            seeds_run.append(seed)
            yield seed, made_up_result(seed)

    monkeypatch.setattr(tasks_trials, "run_all", run_all)
    return seeds_run


def bench(out: Path, seeds: str, *more: str) -> int:
    arguments = ["bench", "tasks", "--task", "sweeping", "--generator", "replay", "--seeds", seeds, "--out", str(out)]
    return cli.main([*arguments, *more])


def test_table_report_and_last_line(tmp_path: Path, ran: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(tmp_path, "1000-1004") == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {int(line.split()[0]): line for line in lines if line.split()[0].isdigit()}
    assert list(rows) == [1000, 1001, 1002, 1003, 1004]
    for part in ("yes", "10 mm", "3.0"):
        assert part in rows[1000]
    for part in ("no", "track", "11 mm", "out of luck"):
        assert part in rows[1001]
    assert "plan" in rows[1004]
    assert lines[-1].startswith("sweeping, replay: 2 of 5 (95 %: 12-77 %; failed: 1 plan, 2 track)")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["successes"], report["trials"]) == (2, 5)
    assert report["failures_by_stage"] == {"plan": 1, "track": 2}
    assert {"machine", "versions", "git_revision", "settings", "date"} <= set(report)
    assert report["results"]["1003"]["failed_stage"] == "track"


def test_successes_after_refused_dreams_are_told() -> None:
    results = {seed: made_up_result(seed) for seed in range(1000, 1005)}
    for result in results.values():
        result["figures"]["attempts_refused"] = 2.0
    report = tasks_report.summarise(results, {"task": "sweeping", "generator": "svd"})
    assert (report["successes"], report["after_refusals"]) == (2, 2)
    assert "(95 %: 12-77 %; 2 after refused dreams; failed: 1 plan, 2 track)" in tasks_report.last_line(report)


def test_the_table_counts_beads_where_beads_are_counted() -> None:
    result = {**made_up_result(1000), "figures": {"beads_in_bowl": 7.0, "obstacles_touched": 0.0}}
    assert "7 beads" in tasks_report.table({1000: result})


def test_goes_on_where_it_was(tmp_path: Path, ran: list[int]) -> None:
    bench(tmp_path, "1000-1003")
    bench(tmp_path, "1000-1005")
    assert ran == [1003, 1002, 1001, 1000, 1005, 1004]
    (tmp_path / "1001.json").write_text('{"settings": {')  # cut short by a crash
    bench(tmp_path, "1000-1005")
    assert ran[6:] == [1001]


def test_changed_settings_or_sources_are_run_again(
    tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench(tmp_path, "1000")
    bench(tmp_path, "1000", "--tracker", "region_midpoint")
    assert ran == [1000, 1000]
    monkeypatch.setattr("dreamitate.provenance.source_fingerprint", lambda *_: "other sources")
    bench(tmp_path, "1000", "--tracker", "region_midpoint")
    assert ran == [1000, 1000, 1000]


def test_what_a_defect_ended_is_run_again(
    tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {**made_up_result(1001), "reason": "OSError: no space left", "defect": True}
    monkeypatch.setattr(tasks_trials, "run_all", lambda *_: iter([(1001, broken)]))
    assert bench(tmp_path, "1001") == 1
    assert "1 ended by defects, to be run again" in capsys.readouterr().out.splitlines()[-1]
    assert json.loads((tmp_path / "report.json").read_text())["defects"] == 1
    monkeypatch.undo()
    monkeypatch.setattr(tasks_trials, "run_all", lambda *_: iter([(1001, made_up_result(1001))]))
    assert bench(tmp_path, "1001") == 0


@pytest.mark.parametrize(("option", "kind"), [("--tracker", "tracker"), ("--planner", "planner")])
def test_an_unknown_name_is_one_line_before_any_process(
    option: str, kind: str, tmp_path: Path, ran: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tmp_path, "1000", option, "magic") == 2
    said = capsys.readouterr().err
    assert (said.count("\n"), ran) == (1, [])
    assert f"nknown {kind} 'magic'" in said


def test_other_sources_elsewhere_are_refused(tmp_path: Path) -> None:
    settings = tasks_trials.settings_of("sweeping", "replay", "region", "embedded", None)
    with pytest.raises(DreamitateError, match="this machine has others"):
        tasks_trials.run_seed({**settings, "sources": "of another machine"}, 1000, str(tmp_path), "")


def test_missing_weights_are_one_line_before_any_process(
    tmp_path: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DREAMITATE_MODELS", str(tmp_path))
    code = cli.main(["bench", "tasks", "--task", "sweeping", "--generator", "svd", "--seeds", "1000"])
    said = capsys.readouterr().err
    assert (code, said.count("\n"), ran) == (2, 1, [])
    assert "dreamitate train" in said


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of config/ that is used instead."""
    copy = tmp_path / "config"
    shutil.copytree(config_dir(), copy)
    monkeypatch.setenv("DREAMITATE_CONFIG", str(copy))
    return copy


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("particles:", "crumbs:", "particles, test: at least 1 objects are needed, there are none"),
        ("shape:", "form:", "an entry is missing or wrong: 'shape'"),
        (None, "", "There is no object list"),
    ],
)
def test_a_renamed_or_missing_object_is_one_line_before_any_process(
    old: str | None, new: str, said: str, config: Path, ran: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    objects = config / "objects" / "sweeping.yaml"
    if old is None:
        objects.unlink()
    else:
        objects.write_text(objects.read_text().replace(old, new))
    assert bench(config.parent / "out", "1000") == 2
    error = capsys.readouterr().err
    assert (error.count("\n"), ran) == (1, [])
    assert said in error


def test_a_machine_that_cannot_draw_is_told_before_any_process(
    config: Path, ran: list[int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dreamitate.checks.software_gl", lambda: Check("rendering", False, "There is no EGL."))
    (config / "changed.yaml").write_text("so that nothing is remembered of the configuration\n")
    assert bench(config.parent / "out", "1000") == 2
    assert (capsys.readouterr().err.strip().endswith("There is no EGL."), ran) == (True, [])


def test_each_call_on_a_cluster_has_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    def on_ray(function: object, calls: list[Any], address: str) -> Iterator[tuple[Any, dict[str, Any]]]:
        threads.append(f"{os.environ['OMP_NUM_THREADS']} at {address}")
        return iter([(call, made_up_result(call[1])) for call in calls])

    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(tasks_trials, "on_ray", on_ray)
    assert bench(tmp_path, "1000-1003", "--ray", "auto") == 0
    assert threads == ["1 at auto"]
    assert json.loads((tmp_path / "report.json").read_text())["trials"] == 4


def test_processes_report_a_failure_with_its_stage(tmp_path: Path) -> None:
    """In real processes: a model that is gone ends trials in the stage `dream`, to be run again; the bench goes on."""
    settings = tasks_trials.settings_of("sweeping", "replay", "region", "embedded", None)
    settings = {**settings, "generator": "svd", "model": str(tmp_path / "gone")}
    results = dict(tasks_trials.run_all([1000, 1001], settings, tmp_path, 2))
    assert set(results) == {1000, 1001}
    assert (tmp_path / "1000.jpg").is_file()  # what was seen until then
    for result in results.values():
        assert (result["success"], result["failed_stage"], result["defect"]) == (False, "dream", True)
        assert "gone" in result["reason"]
        assert "\n" not in result["reason"]
        assert result["figures"]["obstacles_touched"] == 0.0  # of the table as it lies
        assert result["seconds"] > sum(result["timings"].values()) > 0.0


def test_read_seeds() -> None:
    assert tasks.read_seeds("1000-1003,1010,1002") == [1000, 1001, 1002, 1003, 1010]
    for wrong in ("", "a", "3-1", "-4", "1-", "1,,2", "1.5"):
        with pytest.raises(DreamitateError):
            tasks.read_seeds(wrong)


def test_wilson_interval_known_values() -> None:
    """From Newcombe (1998), table I: 81 of 263 and 15 of 148."""
    for successes, trials, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=2e-4)
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_interval_holds_the_rate(successes: int, trials: int) -> None:
    successes = min(successes, trials)
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials + 1e-12
    assert successes / trials - 1e-12 <= high <= 1.0
    mirrored = wilson_interval(trials - successes, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low))
