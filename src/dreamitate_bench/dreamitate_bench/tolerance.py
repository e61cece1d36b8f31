"""`dreamitate bench tolerance`: how far a dreamed and tracked tool may be off before a task fails.

The demonstrator's true tool poses get an error, and go through the planner, the simulated arms and the judge. Nothing
is drawn, dreamed or tracked.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate.motion import move
from dreamitate.run_folder import write_json
from dreamitate_core import se3
from dreamitate_core.arms import ArmSetup, load_arms
from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task, load_task
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_exec.plan import plan_arms
from dreamitate_sim.demonstrator import Demonstration
from dreamitate_sim.scene import Scene, make_scene
from dreamitate_sim.table_simulation import TableSimulation

from .tasks import read_seeds

Array = NDArray[np.float64]

DESCRIPTION = "How far tools may be off before a task fails: true poses with errors, planned and carried out."
OFF_MM, OFF_DEG = (0.0, 3.0, 6.0, 10.0), (0.0, 3.0, 6.0)
NOISE = 0.25
"""What each frame adds at random, as a share of the error that stays."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the measurement's arguments."""
    parser.add_argument("--task", required=True, help="the task, as in config/tasks")
    parser.add_argument("--seeds", required=True, type=read_seeds, help="of the scenes: 1000-1019")
    parser.add_argument("--mm", type=_numbers, default=OFF_MM, help="errors of place (default: 0,3,6,10)")
    parser.add_argument("--deg", type=_numbers, default=OFF_DEG, help="errors of attitude (default: 0,3,6)")
    parser.add_argument("--out", type=Path, help="folder of tolerance.json (default: none is written)")


def run(options: argparse.Namespace) -> int:
    """Run all scenes at all levels and print a table: how many succeed."""
    task = load_task(options.task)
    levels = [(mm, deg) for mm in options.mm for deg in options.deg]
    results: dict[tuple[float, float], list[str]] = {level: [] for level in levels}
    for seed in options.seeds:
        scene = make_scene(task, seed, "test")
        truth = next(Demonstration(scene).successes()).truth
        for level in levels:
            results[level].append(attempt(scene, truth, *level))
            said = results[level][-1]
            print(f"seed {seed}, {level[0]:g} mm, {level[1]:g} deg: {said or 'ok'}", flush=True)
    print(table(results, options.mm, options.deg))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        write_json(options.out / "tolerance.json", _report(results, options))
    return 0


def attempt(scene: Scene, truth: Array, off_mm: float, off_deg: float) -> str:
    """Return why the scene failed, "" where it did not.

    truth: (tools, 12, 4, 4) transform_tool_to_table; each tool is off by so much in a random direction and about a
    random axis throughout, and by a quarter of it more at random in each frame.
    """
    arms = load_arms(scene.task)
    simulation = TableSimulation(scene, arms)
    random = np.random.default_rng([scene.seed, 67867967])
    tracks = [
        _track(scene.task, arm, spoiled(poses, arm.tool.mesh.bounds.mean(axis=0), off_mm, off_deg, random))
        for arm, poses in zip(arms, truth, strict=True)
    ]
    try:
        moved = move(simulation, plan_arms(tracks, scene.task, arms, [arm.position for arm in simulation.arms]), False)
    except DreamitateError as refusal:
        return str(refusal)
    verdict = simulation.judge()
    return "" if verdict.success else moved.problem or verdict.text


def spoiled(poses: Array, middle: Array, off_mm: float, off_deg: float, random: np.random.Generator) -> Array:
    """Return poses (N, 4, 4) with an error that stays and a quarter of it that does not, about the tool's middle (3,).

    The same generator gives the same directions at every level.
    """
    about = se3.make_transform(np.eye(3), middle)
    scale = np.repeat([off_mm * 1e-3, np.deg2rad(off_deg)], 3)
    stays = np.concatenate([_direction(random), _direction(random)])
    noise = NOISE / np.sqrt(3.0) * random.standard_normal((len(poses), 6))
    return np.asarray(poses @ about @ se3.exp(scale * (stays + noise)) @ se3.inverse(about))


def table(results: dict[tuple[float, float], list[str]], off_mm: Sequence[float], off_deg: Sequence[float]) -> str:
    """Return a row per error of attitude, a column per error of place: how many scenes succeeded."""
    lines = ["success" + "".join(f"{mm:>7g} mm" for mm in off_mm)]
    for deg in off_deg:
        counts = [results[mm, deg] for mm in off_mm]
        lines.append(f"{deg:3g} deg" + "".join(f"{said.count(''):>6d}/{len(said):<3d}" for said in counts))
    return "\n".join(lines)


def _track(task: Task, arm: ArmSetup, poses: Array) -> ToolTrajectory:
    number = len(poses)
    return ToolTrajectory(
        tool=arm.tool.name,
        frame="table",
        time_s=np.arange(1, number + 1) / task.fps,
        transform_tool_to_frame=poses,
        covariance=np.tile(np.eye(6) * 1e-6, (number, 1, 1)),
        score=np.ones(number),
        status=np.full(number, int(Status.OK)),
    )


def _direction(random: np.random.Generator) -> Array:
    vector = random.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise DreamitateError(f"Errors are numbers as in 0,3,6; {text!r} is none.") from None


def _report(results: dict[tuple[float, float], list[str]], options: argparse.Namespace) -> dict[str, Any]:
    levels = [{"mm": mm, "deg": deg, "failures": said} for (mm, deg), said in results.items()]
    return {"task": options.task, "seeds": options.seeds, "levels": levels}
