"""The table of all tasks: what it holds, what it says where there is no model, and that it goes on where it was."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from dreamitate import cli
from dreamitate.glimpses import SIZE, Glimpse
from dreamitate_bench import tasks_trials
from dreamitate_bench.tasks_paired import compare, mcnemar_p, paired_lines
from dreamitate_bench.tasks_report import bootstrap_interval
from dreamitate_bench.tasks_sheet import MOST_ROWS, write_sheets, write_strip
from dreamitate_core.task import rollout_task_names


def made_up_result(task: str, generator: str, seed: int) -> dict[str, Any]:
    """A demonstration always succeeds; a dream with even seeds, and of few clips never."""
    good = generator == "replay" or (seed % 2 == 0 and generator != "rotation_third")
    iou = 0.9 if good else 0.4
    figures = {"rotation_rad": 0.6}
    if task == "push_shape":
        first = {"iou_at_first": 0.25, "rotation_error_at_first_rad": 0.5}
        figures = {"iou": iou, "rotation_error_rad": 1.0 - iou, **first}
    stage = "policy" if generator == "diffusion_policy" else "track"
    return {
        "success": good,
        "failed_stage": None if good else stage,
        "reason": "" if good else "out of luck",
        "figures": figures,
        "timings": {"plan": 2.0},
        "seconds": 90.0,
        "defect": False,
        "object": "letter_a" if seed % 2 == 0 else "letter_b",
        "made": {
            "from": f"2026-01-0{seed - 999}",
            "to": f"2026-01-0{seed - 999}",
            "git_revisions": ["abc" if generator == "replay" else "def"],
            "machines": ["Abacus, 2 cores"],
            "versions": [{"numpy": "2"}],
        },
    }


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """Replace the processes; the list says what was run."""
    done: list[tuple[str, str, int]] = []

    def run_all(
        seeds: list[int], settings: dict[str, Any], out: Path, *_: object
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        task, generator = settings["task"], settings["generator"]
        for seed in seeds:
            done.append((task, generator, seed))
            picture = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)
            write_strip(out, seed, Glimpse(picture, [picture] * 3, picture if seed % 2 == 0 else None))
            yield seed, made_up_result(task, Path(settings["model"]).name or generator, seed)

    monkeypatch.setattr(tasks_trials, "run_all", run_all)
    return done


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of sweeping and one of push_shape, a policy for rotation, and models of rotation of fewer clips."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DREAMITATE_MODELS", str(tmp_path / "models"))
    policy = "runs/train/rotation_diffusion_policy/model"
    for folder, clips in (
        *(("models/sweeping", 1598), ("models/push_shape", 700), ("models/rotation", 900)),
        *((policy, 890), ("models/rotation_two_thirds", 600), ("models/rotation_third", 300)),
    ):
        path = tmp_path / folder
        path.mkdir(parents=True)
        kind = "diffusion_policy" if folder == policy else "small"
        says = {"task": path.name.split("_")[0], "clips": clips, "kind": kind, "seen": 10 * clips, "elapsed_s": 120.0}
        if kind == "small":
            says |= {"finish_seen": clips, "finish_s": 60.0, "begun_seen": 1, "begun_s": 60.0}
        (path / "model.json").write_text(json.dumps({**says, "done": 1.0}))
        (path / "model.safetensors").write_bytes(b"weights")
        (path / "curve.csv").write_text("step,samples,loss\n1,10,0.5\n2,20,0.25\n")
    monkeypatch.setattr(tasks_trials, "load_model", lambda *_: None)
    return tmp_path / "models"


def bench(*more: str) -> int:
    return cli.main(["bench", "tasks", "--all", "--seeds", "1000-1003", *more])


def test_the_whole_table(models: Path, ran: list[tuple[str, str, int]], capsys: pytest.CaptureFixture[str]) -> None:
    fractions = [str(models / name) for name in ("rotation_two_thirds", "rotation_third")]
    assert bench("--fractions", *fractions) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "10 of 14 cells, 4 not trained; report: runs/bench/report.md"
    text = Path("runs/bench/report.md").read_text()
    first = text[: text.index("## ")].splitlines()
    rows = {line.split("|")[1].strip(): line for line in first if line.startswith("| ")}
    assert set(rollout_task_names()) <= set(rows)
    assert rows["sweeping"].split("|")[2:5] == [" 4/4 (51-100 %) ", " 2/4 (15-85 %) ", " not trained "]
    assert rows["rotation"].split("|")[4] == " 2/4 (15-85 %) "
    assert rows["scooping"].count("not trained") == 2
    iou, turn = "mIoU 0.650 (0.400 to 0.900; at first 0.250)", "20.1 deg (5.7 deg to 34.4 deg; at first 28.6 deg)"
    assert f"{iou}; rotation error {turn}; 2/4" in rows["push_shape"]
    assert "mIoU 0.731" in rows["push_shape"]  # the paper's
    curve = text[text.index("## Fewer") : text.index("## Training")]
    assert [line.split("|")[3:6] for line in curve.splitlines() if line.startswith("| rot")] == [
        [" 300 ", " 3301 ", " 0/4 (0-49 %) "],
        [" 600 ", " 6601 ", " 2/4 (15-85 %) "],
        [" 900 ", " 9901 ", " 2/4 (15-85 %) "],
    ]
    stages = text[text.index("## Failures") : text.index("## Fewer")]
    assert "| Trials | failed: policy | failed: track | done after refused dreams | seconds per trial |" in stages
    assert "| rotation, dream, 300 demonstrations |  | 4 |  | 90 |" in stages
    assert "`, 2026-01-01 to 2026-01-04, commit abc, def, on Abacus, 2 cores. Successes" in text
    paired = text[text.index("## Dream against") : text.index("## Failures")]
    assert "| rotation | 2 | 0 | 0 | 2 | 1 | - |" in paired
    assert "| sweeping |" not in paired, "its policy is not trained"
    assert "All trials took 1.0 hours of one worker; 2 ran side by side in the last run." in text
    assert "| sweeping | letter_a | 2/2 | 2/2 | - |" in text
    assert "| sweeping | letter_b | 2/2 | 0/2 | - |" in text
    training = text[text.index("## Training") : text.index("## Pictures")]
    assert "| rotation, Diffusion Policy | 890 | 8900 | 2 |" in training
    assert "| rotation, dream | 900 | 9901 | 4 |" in training
    assert "(curves.png)" in training
    assert "(fractions.png)" in text
    for name in ("curves", "fractions"):
        assert PillowImage.open(f"runs/bench/{name}.png").size[0] > 600
    assert "in models/scooping" in text  # and not in a folder of this machine
    assert "No trained policy in runs/train/sweeping_diffusion_policy/model" in text
    assert "dreamitate train --task scooping" in text
    report = json.loads(Path("runs/bench/report.json").read_text())
    assert {"machine", "versions", "git_revision", "date"} <= set(report)
    cell = report["cells"]["rotation_diffusion_policy"]
    assert (cell["clips"], cell["failures_by_stage"]) == (890, {"policy": 2})
    assert cell["made"]["git_revisions"] == ["def"]
    assert "made" not in cell["results"]["1000"]
    for sheet in cell["sheets"]:
        assert (Path("runs/bench") / sheet).is_file()
        assert f"({sheet})" in text


def test_a_model_of_all_demonstrations_among_those_of_fewer_stands_for_the_tasks_own(
    models: Path, ran: list[tuple[str, str, int]]
) -> None:
    """It was trained like those of fewer, the task's own perhaps not."""
    shutil.copytree(models / "rotation", models / "rotation_whole")
    bench("--fractions", *(str(models / name) for name in ("rotation_whole", "rotation_third")))
    text = Path("runs/bench/report.md").read_text()
    curve = text[text.index("## Fewer") : text.index("## Training")]
    assert [line.split("|")[3] for line in curve.splitlines() if line.startswith("| rot")] == [" 300 ", " 900 "]
    assert "| rotation, dream |" in text[text.index("## Training") :]


@pytest.mark.parametrize("twice", ["runs/train/rotation_diffusion_policy/model", "models/rotation_third"])
def test_two_models_do_not_share_a_folder_of_results(
    twice: str, models: Path, ran: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--fractions", str(models / "rotation_third"), twice) == 2
    error = capsys.readouterr().err
    assert (error.count("\n"), ran) == (1, [])
    assert f"Two models are called '{Path(twice.removesuffix('/model')).name}'" in error


def test_successes_after_refused_dreams_are_told_in_the_table(
    models: Path, ran: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = made_up_result("sweeping", "replay", 1000)
    late["figures"]["attempts_refused"] = 1.0
    monkeypatch.setattr(tasks_trials, "run_all", lambda seeds, *_: iter([(seed, late) for seed in seeds]))
    bench()
    assert "| sweeping | 4/4 (51-100 %; 4 after refused dreams) |" in Path("runs/bench/report.md").read_text()


def test_dream_and_policy_are_compared_scene_by_scene() -> None:
    """The p-value is that of the classic example: 9 against 1 of 10 scenes that only one did, 2 * 11 / 1024."""
    outcomes = [(True, True)] * 5 + [(True, False)] * 9 + [(False, True)] + [(False, False)] * 2

    def cell(which: int, iou: float) -> dict[str, Any]:
        figures = {"iou": iou}
        results = [{"success": outcome[which], "figures": figures} for outcome in outcomes]
        return {"results": dict(enumerate(results))}

    found = compare(cell(0, 0.8), cell(1, 0.5))
    assert [found[name] for name in ("both", "dream", "policy", "neither")] == [5, 9, 1, 2]
    assert found["p"] == pytest.approx(22 / 1024)
    assert found["differences"] == {"iou": (pytest.approx(0.3), pytest.approx((0.3, 0.3)))}
    assert paired_lines({"push_shape": found})[-2] == (
        "| push_shape | 5 | 9 | 1 | 2 | 0.021 | mIoU 0.300 (0.300 to 0.300) |"
    )
    assert mcnemar_p(0, 0) == mcnemar_p(3, 3) == 1.0
    assert mcnemar_p(4, 9) == mcnemar_p(9, 4) > 0.1


def test_it_goes_on_where_it_was(models: Path, ran: list[tuple[str, str, int]]) -> None:
    bench()
    everything = len(ran)
    assert everything == 4 * (4 + 3 + 1)
    bench()
    assert len(ran) == everything
    (models / "rotation" / "model.safetensors").write_bytes(b"other weights")
    bench()
    assert ran[everything:] == [("rotation", "svd", seed) for seed in range(1000, 1004)]


def test_what_is_done_comes_first(models: Path, ran: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    from dreamitate_bench import tasks_all

    bench()
    (models / "push_shape" / "model.safetensors").write_bytes(b"other weights")
    run_cell, asked = tasks_all.run_cell, []

    def broken_off(cell: Any, *more: Any) -> dict[str, Any]:
        asked.append(cell.name)
        if cell.name == "push_shape_svd":
            raise KeyboardInterrupt
        return run_cell(cell, *more)

    monkeypatch.setattr(tasks_all, "run_cell", broken_off)
    bench()
    assert (asked[-1], len(asked)) == ("push_shape_svd", 12)
    assert Path("runs/bench/report.md").read_text().count("not run yet") == 1


@pytest.mark.parametrize("folder", ["models/rotation", "runs/train/rotation_diffusion_policy/model"])
def test_an_unfinished_model_is_not_measured(
    folder: str, models: Path, ran: list[tuple[str, str, int]], capsys: pytest.CaptureFixture[str]
) -> None:
    says = models.parent / folder / "model.json"
    says.write_text(json.dumps({**json.loads(says.read_text()), "done": 0.8}))
    bench()
    generator = "svd" if folder == "models/rotation" else "diffusion_policy"
    assert ("rotation", generator, 1000) not in ran
    assert "is trained to 80 % only. Go on with: dreamitate train" in capsys.readouterr().out


def test_a_task_that_averages_one_figure_alone(
    models: Path, ran: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made_up_result("push_shape", "replay", 1000)
    alone = {**whole, "figures": {"iou": 0.9}}
    monkeypatch.setattr(tasks_trials, "run_all", lambda seeds, *_: iter([(seed, alone) for seed in seeds]))
    assert bench() == 0
    text = Path("runs/bench/report.md").read_text()
    assert "mIoU 0.900 (0.900 to 0.900); 4/4" in text
    assert "rotation error" not in text


@pytest.mark.parametrize(
    ("broken", "said"), [({"done": 0.37}, "trained to 37 % only"), ({"task": "scooping"}, "was trained for scooping")]
)
def test_an_unfinished_or_another_tasks_policy_is_not_measured(
    broken: dict[str, Any],
    said: str,
    models: Path,
    ran: list[object],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(models.parent)
    folder = Path("runs/train/rotation_diffusion_policy/model")
    says = {**json.loads((folder / "model.json").read_text()), "tools": ["left", "right"], **broken}
    (folder / "model.json").write_text(json.dumps(says))
    command = ["bench", "tasks", "--task", "rotation", "--generator", "diffusion_policy", "--seeds", "1000"]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error


def test_broken_off_it_leaves_what_is_done(models: Path, ran: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from dreamitate_bench import tasks_all

    run_cell = tasks_all.run_cell

    def until_rotation(cell: Any, *more: Any) -> dict[str, Any]:
        if (cell.task, cell.generator) == ("rotation", "svd"):
            raise KeyboardInterrupt
        return run_cell(cell, *more)

    monkeypatch.setattr(tasks_all, "run_cell", until_rotation)
    assert bench() != 0
    row = next(x for x in Path("runs/bench/report.md").read_text().splitlines() if x.startswith("| rotation |"))
    assert row.split("|")[2:4] == [" 4/4 (51-100 %) ", " not run yet "]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--all", "--task", "sweeping"], "leave --task"),
        (["--all", "--generator", "replay"], "leave --task, --generator"),
        (["--task", "sweeping", "--seeds", "1000", "--fractions", "nowhere"], "--fractions belongs to --all"),
        (["--task", "sweeping"], "--seeds"),
        ([], "--all"),
        (["--task", "sweeping", "--seeds", "1000", "--generator", "magic"], "Known: diffusion_policy, replay, svd"),
        (["--all", "--fractions", "nowhere"], "nowhere/model.json"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: list[str], said: str, ran: list[object], models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["bench", "tasks", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error
    assert ran == []


def test_a_reason_of_several_lines_fits_on_a_sheet(tmp_path: Path) -> None:
    write_strip(tmp_path, 1, Glimpse(np.zeros((SIZE[1], SIZE[0], 3), np.uint8)))
    broken = {**made_up_result("rotation", "svd", 1), "reason": "RuntimeError: no\nmemory"}
    assert [path.name for path in write_sheets(tmp_path, {1: broken})] == ["failures.png"]


def test_sheets_show_the_first_of_each_kind(tmp_path: Path) -> None:
    shades = {seed: np.full((SIZE[1], SIZE[0], 3), 20 * seed, np.uint8) for seed in range(10)}
    for seed, picture in shades.items():
        write_strip(tmp_path, seed, Glimpse(picture))
    results = {seed: made_up_result("rotation", "replay" if seed > 1 else "svd", 2 * seed + 1) for seed in shades}
    assert [path.name for path in write_sheets(tmp_path, results)] == ["successes.png", "failures.png"]
    rows = {}
    for name in ("successes", "failures"):
        sheet = np.asarray(PillowImage.open(tmp_path / f"{name}.png").convert("RGB"))
        rows[name] = sheet.shape[0] / (SIZE[1] + 22)
        assert (tmp_path / f"{name}.png").stat().st_size < 200_000
    assert rows == {"successes": MOST_ROWS, "failures": 2}
    for result in results.values():
        result["success"] = True
    write_sheets(tmp_path, results)
    assert not (tmp_path / "failures.png").exists()


def test_the_bootstrap_interval_is_about_two_standard_errors() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.1, 400).tolist()
    low, high = bootstrap_interval(values) or (0.0, 0.0)
    assert low == pytest.approx(np.mean(values) - 1.96 * 0.1 / 20, abs=0.002)
    assert high == pytest.approx(np.mean(values) + 1.96 * 0.1 / 20, abs=0.002)
    assert bootstrap_interval([0.5]) is None
