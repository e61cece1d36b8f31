"""`dreamitate dream PHOTO_1 PHOTO_2 --task T --out CLIP`."""

import argparse
from pathlib import Path

from .options import add_cameras, add_task, seed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("photo_1", type=Path, help="the bare scene from camera 1, any size of the rig's shape")
    parser.add_argument("photo_2", type=Path, help="the same from camera 2")
    add_task(parser)
    add_cameras(parser)
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
    from dreamitate_core.task import load_task

    task = load_task(options.task)
    rig = read_rig(options.cameras) if options.cameras else load_rig(task.rig)
    photo_1, photo_2 = read_image(options.photo_1), read_image(options.photo_2)
    if photo_1.shape == photo_2.shape and (photo_1 == photo_2).all():
        raise DreamitateError(f"{options.photo_1} and {options.photo_2} are the same picture; each camera has its own.")

    from dreamitate_gen.registry import load_generator

    from ..terminal import ProgressShow

    generator = load_generator(options.generator, task, options.model, options.replay)
    with ProgressShow() as progress:
        clip = generator.dream(photo_1, photo_2, rig, options.seed, progress)
    write_clip(options.out, clip)
    print(f"{options.out}: 25 frames of {clip.video.width}x{clip.video.height}, {clip.video.fps:g} a second")
    return 0
