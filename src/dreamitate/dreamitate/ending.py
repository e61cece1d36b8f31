"""The end of a rollout: close a folder that was cut off, and say on the terminal what happened and where to look."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from dreamitate_core.arms import load_arms
from dreamitate_core.clip import read_clip
from dreamitate_core.plan import read_plan
from dreamitate_core.task import load_task
from dreamitate_core.trajectory import read_tracks

from . import blame
from .pipeline import track_on_table
from .report import STAGE_FILES, headline
from .run_folder import CANCELED, COMPLETED, FAILED, RUNNING, Ending, RunFolder, of_arm, read_json, read_motion


def close_what_was_cut_off(folder: RunFolder, reason: str, interrupted: bool) -> None:
    """Write the verdict and the page of a folder whose rollout never said how it ended; else do nothing."""
    if read_json(folder.path / "verdict.json").get("ended", RUNNING) != RUNNING:
        return
    stage = next((stage for stage, file in STAGE_FILES.items() if not (folder.path / file).exists()), "execute")
    ended = CANCELED if interrupted else FAILED
    folder.finish(Ending(ended, failed_stage=stage, reason=reason or "the rollout ended without a word"))


def add_afterthoughts(folder: RunFolder) -> None:
    """Measure, in a simulated rollout that was carried through, how far the tool was off from stage to stage, and find
    who is to blame where the task was not done; write both into the verdict and the page."""
    record = read_json(folder.path / "verdict.json")
    if record.get("ended") != COMPLETED or record.get("success") is None:
        return
    evidence = _evidence(folder.path, record["settings"])
    told = Ending(**{entry.name: record[entry.name] for entry in fields(Ending)})
    told.figures = {**told.figures, **blame.measure(evidence)}
    if not told.success and _began_as_set_up(told.figures):
        told.blame, told.reason = blame.find(evidence)
    folder.finish(told)


def _began_as_set_up(figures: dict[str, float]) -> bool:
    """Whether it is known that nothing had moved when the best attempt began."""
    attempt, attempts, refused = (figures.get(name, 1) for name in ("attempt", "attempts", "attempts_refused"))
    return attempt == 1 or attempts - refused == 1


def _evidence(folder: Path, settings: dict[str, Any]) -> blame.Evidence:
    """Return what a simulated rollout left. Raises DreamitateError where something is missing."""
    from dreamitate_sim.scene import make_scene

    task = load_task(settings["task"])
    arms = load_arms(task, settings["robot"])
    clip = read_clip(folder / "dream")
    if clip.truth is None and (folder / "demonstration").is_dir():
        clip.truth = read_clip(folder / "demonstration").truth
    tracked = read_tracks(folder / "track.npz")
    tracks = [track_on_table(tracked, arm.tool.name, clip.rig) for arm in arms]
    plans = [read_plan(folder / of_arm("plan.npz", number)) for number in range(len(arms))]
    motions = [read_motion(folder, arm, number) for number, arm in enumerate(arms)]
    scene = make_scene(task, int(settings["seed"]), "test")
    return blame.Evidence(scene, clip, tracks, plans, motions)


def last_lines(folder: Path) -> str:
    """Return what happened, in a few lines: verdict, figures, times, and where the folder and the page are."""
    record = read_json(folder / "verdict.json")
    settings = record.get("settings", {})
    timings = read_json(folder / "timings.json")
    lines = [f"{settings.get('task')}, seed {settings.get('seed')}: {headline(record)[1]}"]
    lines += [f"  {record[key]}" for key in ("text", "reason") if record.get(key)]
    if timings:
        lines.append("  " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in timings.items()))
    lines.append(f"  folder  {folder.resolve()}")
    lines.append(f"  page    {(folder / 'index.html').resolve().as_uri()}")
    return "\n".join(lines)
