"""`dreamitate dream PHOTO_1 PHOTO_2 --task T --out CLIP`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import add_cameras, add_task, seed

if TYPE_CHECKING:
    from dreamitate_core.goal import Mask
    from dreamitate_core.task import Task


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("photo_1", type=Path, help="the bare scene from camera 1, any size of the rig's shape")
    parser.add_argument("photo_2", type=Path, help="the same from camera 2")
    add_task(parser)
    add_cameras(parser)
    parser.add_argument(
        "--goal",
        type=Path,
        nargs=2,
        metavar=("MASK_1", "MASK_2"),
        help="where the object shall end, of the photos' size: 255 on it, 0 elsewhere; for tasks with a goal",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="CLIP", help="the clip folder to write")
    parser.add_argument("--generator", default="svd", help="svd (default) or replay")
    parser.add_argument("--model", type=Path, help="folder of a trained model (default: the task's under models/)")
    parser.add_argument("--replay", type=Path, metavar="CLIP", help="the clip that the generator `replay` shows")
    parser.add_argument("--seed", type=seed, default=0, help="of the dream's noise (default 0)")


def run(options: argparse.Namespace) -> int:
    """Dream once and write the clip."""
    from dreamitate_core.camera import load_rig, read_rig
    from dreamitate_core.clip import read_image, write_clip
    from dreamitate_core.errors import DreamitateError
    from dreamitate_core.goal import blend, fit_mask
    from dreamitate_core.task import load_task

    task = load_task(options.task)
    rig = read_rig(options.cameras) if options.cameras else load_rig(task.rig)
    photo_1, photo_2 = read_image(options.photo_1), read_image(options.photo_2)
    if photo_1.shape == photo_2.shape and (photo_1 == photo_2).all():
        raise DreamitateError(f"{options.photo_1} and {options.photo_2} are the same picture; each camera has its own.")
    masks = _goal_masks(task, options.goal)
    if masks:
        photo_1, photo_2 = blend(photo_1, masks[0]), blend(photo_2, masks[1])

    from dreamitate_gen.registry import load_generator

    from ..terminal import ProgressShow

    generator = load_generator(options.generator, task, options.model, options.replay)
    with ProgressShow() as progress:
        clip, *others = generator.dreams(photo_1, photo_2, rig, options.seed, progress)
    if masks:
        seen = rig.cropped_and_resized(photo_1.shape[1], photo_1.shape[0])
        pairs = zip(masks, seen.cameras, clip.rig.cameras, strict=True)
        one, two = (fit_mask(mask, camera, fitted) for mask, camera, fitted in pairs)
        clip.goals = one, two
    write_clip(options.out, clip)
    best = f", the one to be trusted most of {1 + len(others)}" if others else ""
    print(f"{options.out}: 25 frames of {clip.video.width}x{clip.video.height}, {clip.video.fps:g} a second{best}")
    return 0


def _goal_masks(task: "Task", paths: list[Path] | None) -> tuple["Mask", "Mask"] | None:
    """Return the masks of a task that shows its goal. Raises DreamitateError where there are none, or are needless."""
    from dreamitate_core.errors import DreamitateError
    from dreamitate_core.goal import read_mask

    if task.shows_goal and not paths:
        raise DreamitateError(
            f"The task {task.name!r} shows its goal in the pictures: give the object's silhouettes there as --goal"
            " MASK_1 MASK_2, of the photos' size, 255 on the object and 0 elsewhere."
        )
    if paths and not task.shows_goal:
        raise DreamitateError(f"The task {task.name!r} has no goal to show: leave out --goal.")
    return (read_mask(paths[0]), read_mask(paths[1])) if paths else None
