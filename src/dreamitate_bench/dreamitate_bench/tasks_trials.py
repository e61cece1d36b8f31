"""Trials of one task by one generator: each seed's result is a JSON file, made again only where the settings, the
model's weights or the sources have changed since; beside it lies what camera 1 saw of the trial.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dreamitate.run_folder import read_json, write_json
from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.parallel import in_processes, on_ray

from .tasks_sheet import write_strip

POLICY = "diffusion_policy"
GENERATORS = ("replay", "svd", POLICY)
"""A demonstration shown again; a dream; and a policy that gives the tools' path without a dream."""


class NotTrainedError(DreamitateError):
    """There is no model where one is needed."""


def settings_of(task_name: str, generator: str, tracker: str, planner: str, model: Path | None) -> dict[str, Any]:
    """Return all that decides a result but the seed. Raises DreamitateError for an unknown task or generator, and
    NotTrainedError."""
    from dreamitate import provenance
    from dreamitate_core.task import load_task

    if generator not in GENERATORS:
        raise unknown("generator", generator, GENERATORS)
    task = load_task(task_name)
    settings = {
        "task": task.name,
        "robot": task.robot,
        "generator": generator,
        "tracker": tracker,
        "planner": planner,
        "model": str(model or ""),
        "sources": provenance.source_fingerprint(),
    }
    if generator != "replay":
        folder = model or model_folder(task.name, generator)
        settings["weights"] = provenance.file_hash(_trained(task.name, generator, folder))
    return settings


def model_folder(task_name: str, generator: str) -> Path:
    """Return where a task's model is kept: policies, too large for the repository, where they were trained."""
    from dreamitate_core.paths import models_dir

    if generator == POLICY:
        return Path("runs") / "train" / f"{task_name}_{POLICY}" / "model"
    return models_dir() / task_name


def run_trials(
    seeds: Sequence[int], settings: dict[str, Any], out: Path, workers: int, ray: str = ""
) -> dict[int, dict[str, Any]]:
    """Run the seeds that have no valid result in `out` yet; return all results by seed, in order.

    workers: processes; ray: the address of a Ray cluster to run on instead.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = {seed: result for seed in seeds if (result := _valid(out, seed, settings)) is not None}
    todo = [seed for seed in seeds if seed not in results]
    if results:
        print(f"{len(results)} of {len(seeds)} seeds are done already in {out}", flush=True)
    for seed, result in run_all(todo, settings, out, workers, ray):
        results[seed] = result
        write_json(out / f"{seed}.json", {"settings": settings, "result": result})
        state = "ok" if result["success"] else f"failed at {result['failed_stage']}: {result['reason']}"
        print(f"[{len(results)}/{len(seeds)}] seed {seed}: {state}", flush=True)
    return {seed: results[seed] for seed in seeds}


def run_all(
    seeds: Sequence[int], settings: dict[str, Any], out: Path, workers: int, ray: str = ""
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Run the seeds in processes of their own and yield (seed, result) as they come."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    calls = [(settings, seed, str(out.resolve())) for seed in seeds]
    for call, result in on_ray(run_seed, calls, ray) if ray else in_processes(run_seed, calls, workers):
        yield call[1], result


def run_seed(settings: dict[str, Any], seed: int, out: str) -> dict[str, Any]:
    """Run one episode, write what was seen of it, and return its result as plain data; a defect counts as a failure of
    its stage."""
    from dreamitate.glimpses import Glimpse
    from dreamitate.pipeline import EpisodeResult, run_episode

    stage = "photos"

    def note_stage(name: str, fraction: float) -> None:
        nonlocal stage
        stage = name

    model = Path(settings["model"]) if settings["model"] else None
    names = (settings["generator"], settings["tracker"], settings["planner"])
    seen: list[Glimpse] = []
    try:
        policy = None
        if settings["generator"] == POLICY:
            from .policy import load_policy

            policy = load_policy(settings["task"], model or model_folder(settings["task"], POLICY))
        result = run_episode(
            settings["task"], seed, *names, model=model, progress=note_stage, policy=policy, glimpses=seen
        )
    except Exception as defect:  # one seed's defect must not cost the others' results
        result = EpisodeResult(False, stage, f"{type(defect).__name__}: {defect}")
    if seen:
        best = int(result.figures.get("attempt", len(seen)))
        write_strip(Path(out), seed, seen[best - 1])
    return asdict(result)


def _trained(task_name: str, generator: str, folder: Path) -> Path:
    """Return the model's folder. Raises NotTrainedError where no model is in it."""
    from dreamitate.checks import weights

    if generator == POLICY and not any(folder.glob("*.safetensors")):
        raise NotTrainedError(
            f"No trained policy in {folder}."
            f" Train one: dreamitate train --policy {POLICY} --task {task_name} --data DIR; or name its --model."
        )
    check = weights(task_name, folder)
    if not check.ok:
        raise NotTrainedError(check.said)
    return folder


def _valid(out: Path, seed: int, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the seed's earlier result where it was made with the same settings."""
    data = read_json(out / f"{seed}.json")
    return data["result"] if data.get("settings") == settings and "result" in data else None
