"""Many demonstrations: in memory one by one, or as clip folders by parallel processes that can be resumed."""

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dreamitate_core.camera import read_rig
from dreamitate_core.clip import Clip, write_clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.task import Task, load_task

from .demonstrator import Demonstration
from .scene import make_scene

MOST_WAYS = 3
"""A demonstration follows one of the scene's best ways, mostly the best, as often as its task says."""


def demonstration(task: Task, seed: int, split: str, width: int, height: int) -> Clip | None:
    """Return the demonstration of a seed, along one of the scene's ways; None where no way succeeds.

    The clip's pictures are (height, width, 3). Where the task has a goal, the clip's is where the object ended, as in
    the paper; where it takes another motion to come there, it is the scene's, so that what to do first is learnt, too.
    The same arguments give the same clip.
    """
    random = np.random.default_rng([seed, 49979687])
    wanted = int(random.geometric(task.best_way_share)) - 1
    person = Demonstration(make_scene(task, seed, split))
    sweeps = list(islice(person.successes(), min(wanted + 1, MOST_WAYS)))
    if not sweeps:
        return None
    chosen, goal = sweeps[-1], person.scene.goal
    if goal is not None and not chosen.motion.on_the_way:
        goal = person.scene.as_seen(chosen.seen).objects[0]
    return person.film(chosen, width, height, goal=goal)


def iterate_demonstrations(
    task: Task, seeds: Iterable[int], split: str, width: int, height: int
) -> Iterator[tuple[int, Clip]]:
    """Yield (seed, clip) for each seed whose scene can be solved, in this process."""
    for seed in seeds:
        clip = demonstration(task, seed, split, width, height)
        if clip is not None:
            yield seed, clip


def write_demonstrations(
    task: Task,
    count: int,
    seed: int,
    out: Path,
    width: int,
    height: int,
    workers: int = 0,
    progress: Progress = quiet,
    split: str = "train",
) -> list[Path]:
    """Write `count` clip folders `out/<task>-<seed>`, of consecutive seeds from `seed` on, and return them.

    Folders that are there already are kept, so that an interrupted call goes on where it was. A scene that cannot be
    solved is passed over, and the next seed takes its place. workers: processes, 0 for one per core.
    Raises DreamitateError where `out` holds clips of another size; Cancelled through `progress`.
    """
    if count < 1 or width < 16 or height < 16:
        raise DreamitateError(f"{count} demonstrations of {width}x{height}: at least 1 of at least 16x16 is needed.")
    for folder in out.glob(f"{task.name}-*"):
        _check_size(folder, width, height)
    out.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    tried = 0
    # A GL context does not survive a fork, so each worker starts afresh.
    context = multiprocessing.get_context("spawn")
    with (
        context.Pool(workers or os.cpu_count() or 1, _ignore_interrupt) as pool,
        tqdm(total=count, unit="clip") as bar,
    ):
        while len(written) < count:
            seeds = range(seed + tried, seed + tried + count - len(written))
            tried += len(seeds)
            if tried > 2 * count + 10:
                raise DreamitateError(f"Only {len(written)} of {count} scenes from seed {seed} on could be solved.")
            jobs = [(task.name, next_seed, split, str(out), width, height) for next_seed in seeds]
            for path in pool.imap(_write_one, jobs):
                if path is not None:
                    written.append(Path(path))
                    bar.update()
                progress("demonstrate", len(written) / count)
    return written


def _ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent process, which ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _write_one(job: tuple[str, int, str, str, int, int]) -> str | None:
    """Write one folder, unless it is there. Takes and returns plain data, for it runs in another process."""
    task_name, seed, split, out, width, height = job
    folder = Path(out) / f"{task_name}-{seed:06d}"
    if folder.is_dir():
        return str(folder)
    clip = demonstration(load_task(task_name), seed, split, width, height)
    if clip is None:
        return None
    write_clip(folder, clip)
    return str(folder)


def _check_size(folder: Path, width: int, height: int) -> None:
    """Raise DreamitateError where the clip in the folder has another size."""
    camera = read_rig(folder / "cameras.json").camera_1
    if (camera.width, camera.height) != (width, height):
        raise DreamitateError(
            f"{folder} holds a clip of {camera.width}x{camera.height}; {width}x{height} is asked for."
            " Choose another folder, or remove it."
        )
