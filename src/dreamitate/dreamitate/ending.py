"""The end of a rollout: close a folder that was cut off, and say on the terminal what happened and where to look."""

from pathlib import Path

from .report import STAGE_FILES, headline
from .run_folder import CANCELED, FAILED, RUNNING, Ending, RunFolder, read_json


def close_what_was_cut_off(folder: RunFolder, reason: str, interrupted: bool) -> None:
    """Write the verdict and the page of a folder whose rollout never said how it ended; else do nothing."""
    if read_json(folder.path / "verdict.json").get("ended", RUNNING) != RUNNING:
        return
    stage = next((stage for stage, file in STAGE_FILES.items() if not (folder.path / file).exists()), "execute")
    ended = CANCELED if interrupted else FAILED
    folder.finish(Ending(ended, failed_stage=stage, reason=reason or "the rollout ended without a word"))


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
