"""Trials of one task by one generator: each seed's result is a JSON file, made again only where the settings, the
model's weights or the sources have changed since; beside it lies what camera 1 saw of the trial.
"""

import inspect
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from dreamitate.run_folder import read_json, write_json
from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.parallel import in_processes, on_ray

from .tasks_made import made_now
from .tasks_sheet import write_strip

POLICY = "diffusion_policy"
GENERATORS = ("replay", "svd", POLICY)
"""A demonstration shown again; a dream; and a policy that gives the tools' path without a dream."""


class NotTrainedError(DreamitateError):
    """There is no model where one is needed."""


def settings_of(task_name: str, generator: str, tracker: str, planner: str, model: Path | None) -> dict[str, Any]:
    """Return all that decides a result but the seed. Raises DreamitateError for an unknown task, generator, tracker or
    planner, and NotTrainedError."""
    from dreamitate import provenance
    from dreamitate_core.task import load_task
    from dreamitate_exec.plan import PLANNERS
    from dreamitate_track.track import trackers

    if generator not in GENERATORS:
        raise unknown("generator", generator, GENERATORS)
    trackers.get(tracker)
    PLANNERS.get(planner)
    task = load_task(task_name)
    settings = {
        "task": task.name,
        "robot": task.robot,
        "generator": generator,
        "tracker": tracker,
        "planner": planner,
        "model": str(model or ""),
        "sources": _sources(task.name),
    }
    if generator != "replay":
        folder = model or model_folder(task.name, generator)
        check_trained(task.name, generator, folder)
        settings["weights"] = provenance.weights_hash(folder)
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

    workers: processes; ray: the address of a Ray cluster to run on instead. Raises DreamitateError before any trial
    where there is no scene to be made, or none can be drawn.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = {seed: result for seed in seeds if (result := _valid(out, seed, settings)) is not None}
    todo = [seed for seed in seeds if seed not in results]
    if todo:
        _check_scene(settings["task"], todo[0], settings["sources"], drawn_here=not ray)
    if results:
        print(f"{len(results)} of {len(seeds)} seeds are done already in {out}", flush=True)
    for seed, result in run_all(todo, settings, out, workers, ray):
        results[seed] = result
        write_json(out / f"{seed}.json", {"settings": settings, "result": result})
        state = "ok" if result["success"] else f"failed at {result['failed_stage']}: {result['reason']}"
        print(f"[{len(results)}/{len(seeds)}] seed {seed}: {state}", flush=True)
    return {seed: results[seed] for seed in seeds}


def is_done(seeds: Sequence[int], settings: dict[str, Any], out: Path) -> bool:
    """Whether all seeds have a valid result in `out`."""
    return all(_valid(out, seed, settings) is not None for seed in seeds)


def run_all(
    seeds: Sequence[int], settings: dict[str, Any], out: Path, workers: int, ray: str = ""
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Run the seeds in processes of their own and yield (seed, result) as they come."""
    cores = 1 if ray else max(1, (os.cpu_count() or 1) // workers)  # Ray gives each call one
    os.environ.setdefault("OMP_NUM_THREADS", str(cores))
    model = settings["model"] or model_folder(settings["task"], settings["generator"])
    calls = [(settings, seed, str(out.resolve()), str(Path(model).resolve())) for seed in seeds]
    for call, result in on_ray(run_seed, calls, ray) if ray else in_processes(run_seed, calls, workers):
        yield call[1], result


def run_seed(settings: dict[str, Any], seed: int, out: str, model: str) -> dict[str, Any]:
    """Run one episode, write what was seen of it, and return its result as plain data, with the seconds that it took
    altogether, whether a "defect" ended it, of the program, the machine or a file, which is no failure of the task, and
    what "made" it (`tasks_made`).

    Raises DreamitateError where this machine's sources or weights are not those of the settings.
    """
    from dreamitate.glimpses import Glimpse
    from dreamitate.pipeline import EpisodeResult, run_episode

    _check_same(settings["task"], settings["sources"], settings.get("weights"), model)
    stage, began_s = "photos", time.monotonic()

    def note_stage(name: str, fraction: float) -> None:
        nonlocal stage
        stage = name

    generator, folder = settings["generator"], Path(model)
    seen: list[Glimpse] = []
    try:
        policy = None
        if generator == POLICY:
            from .policy import load_policy

            policy = load_policy(settings["task"], folder)
        result = run_episode(
            settings["task"],
            seed,
            *(generator, settings["tracker"], settings["planner"]),
            model=folder if generator == "svd" else None,
            progress=note_stage,
            policy=policy,
            glimpses=seen,
        )
    except Exception as defect:  # one seed's defect must not cost the others' results
        result = EpisodeResult(False, stage, f"{type(defect).__name__}: {defect}", defect=True)
    result.reason = " ".join(result.reason.split())
    if seen:
        best = int(result.figures.get("attempt", len(seen)))
        write_strip(Path(out), seed, seen[best - 1])
    return {**asdict(result), "seconds": time.monotonic() - began_s, "made": made_now()}


def check_trained(task_name: str, generator: str, folder: Path) -> None:
    """Raise NotTrainedError where no whole, finished model of that task is in the folder."""
    from dreamitate.checks import weights
    from dreamitate_core.task import load_task

    how = (
        "dreamitate train" + (f" --policy {POLICY}" if generator == POLICY else "") + f" --task {task_name} --data DIR"
    )
    if generator == POLICY and not any(folder.glob("*.safetensors")):
        raise NotTrainedError(f"No trained policy in {folder}. Train one: {how}; or name its --model.")
    if generator != POLICY and not (check := weights(task_name, folder)).ok:
        raise NotTrainedError(check.said)
    done = read_json(folder / "model.json").get("done", 1.0)
    if done < 1.0:
        raise NotTrainedError(f"The model in {folder} is trained to {100 * done:.0f} % only. Go on with: {how}")
    try:
        load_model(load_task(task_name), generator, folder)
    except DreamitateError as broken:
        raise NotTrainedError(str(broken)) from None


def load_model(task: Any, generator: str, folder: Path) -> None:
    """Load a model to see that it is whole. Raises DreamitateError where it is not."""
    if generator == POLICY:
        from .policy import DiffusionPolicy

        DiffusionPolicy(task, folder)
    else:
        from dreamitate_gen.registry import load_generator

        load_generator(generator, task, folder)


def _sources(task_name: str) -> str:
    """Return the hash of all code and configuration that decides a result."""
    from dreamitate import provenance
    from dreamitate_core.paths import config_dir
    from dreamitate_core.task import load_task
    from dreamitate_sim.scene import scene_kind

    scene_file = inspect.getfile(scene_kind(load_task(task_name)).make)  # may lie outside the repository
    return provenance.source_fingerprint(config_dir(), Path(scene_file))


@cache
def _check_scene(task_name: str, seed: int, sources: str, drawn_here: bool) -> None:
    """Raise DreamitateError where the objects or the task's file are wrong, or this machine cannot draw."""
    from dreamitate.checks import software_gl
    from dreamitate_core.task import load_task
    from dreamitate_sim.scene import make_scene

    make_scene(load_task(task_name), seed, "test")
    if drawn_here and not (check := software_gl()).ok:
        raise DreamitateError(check.said)


@cache
def _check_same(task_name: str, sources: str, weights: str | None, model: str) -> None:
    """Raise DreamitateError where this process, perhaps on another machine, would run something else."""
    from dreamitate import provenance

    if _sources(task_name) != sources:
        raise DreamitateError(
            "The sources changed since the benchmark began, or this machine has others. Run it again with the same ones"
            " everywhere; what was done with others is done again."
        )
    if weights is not None and provenance.weights_hash(Path(model)) != weights:
        raise DreamitateError(f"The weights in {model} are not those that the benchmark began with. Run it again.")


def _valid(out: Path, seed: int, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the seed's earlier result where it was made with the same settings, and is not that of a defect."""
    data = read_json(out / f"{seed}.json")
    result: dict[str, Any] = data.get("result") or {}
    return result if result and data.get("settings") == settings and not result.get("defect") else None
