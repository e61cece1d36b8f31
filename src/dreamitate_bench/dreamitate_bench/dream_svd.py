"""`dreamitate bench dream` for Stable Video Diffusion: each speed setting against diffusers' own pipeline.

Both photos are the same and have no noise, so that the stock pipeline, which knows one photo, dreams the same. All rows
have the same weights, noise, sigmas and chunks of decoding. No tool is tracked: weights that were not trained on the
task show none, and trained ones are measured as any model is, in `dreamitate bench tasks`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import StableVideoDiffusionPipeline
from PIL import Image

from dreamitate_core.errors import unknown
from dreamitate_core.task import Task, load_task
from dreamitate_gen.stereo_unet import FRAMES
from dreamitate_gen.svd import SvdGenerator

Row = dict[str, Any]
OPTIONS: dict[str, Row] = {
    "ours": {},
    "channels last": {"channels_last": True},
    "bfloat16": {"dtype": "bfloat16"},
    "int8": {"quantize": "int8"},
    "cache 2": {"cache_every": 2},
    "cache 3": {"cache_every": 3},
    "compile": {"compile": True},
}
"""Each row's settings, as in the task's `generator` section."""
COLUMNS = {
    "seconds": "s",
    "cpu_seconds": "CPU s",
    "first_seconds": "first s",
    "peak_MiB": "peak MiB",
    "difference_of_255": "differs /255",
}
SEED = 0


def measure_svd(task_name: str, folder: Path, names: list[str] | None, steps: int, threads: int) -> list[Row]:
    """Return a row for the stock pipeline and one for each of the settings named. Prints each as it comes.

    names: None: all but `compile`, which takes minutes, and `int8` where there is no torchao. Settings in the folder's
    own `model.json` hold for all rows.
    Raises DreamitateError for a name that is not there.
    """
    if names is None:
        left_out = {"compile"} if find_spec("torchao") else {"compile", "int8"}
        names = [name for name in OPTIONS if name not in left_out]
    for name in names:
        if name not in OPTIONS:
            raise unknown("speed setting", name, list(OPTIONS))
    torch.set_num_threads(threads)
    task = with_settings(load_task(task_name), {"noise_augmentation": 0.0, "guidance": 1.0, "steps": steps})
    settings, device = _settings(task, folder)
    photo = _photo(settings["width"], settings["height"])
    photos = torch.from_numpy(np.array(photo)).permute(2, 0, 1).float().div(255).expand(1, 2, -1, -1, -1).to(device)
    rows = [_timed("stock pipeline", *_stock(folder, settings, photo, photos), None)]
    reference = rows[0].pop("frames")
    for name in names:
        generator = SvdGenerator(with_settings(task, {"dtype": "float32", **OPTIONS[name]}), folder)
        rows.append(_timed(name, _dreamt, (generator, photos), reference))
        del rows[-1]["frames"], generator
    return rows


def _settings(task: Task, folder: Path) -> tuple[Row, torch.device]:
    """Return the settings that a generator of this folder has, and its device."""
    generator = SvdGenerator(with_settings(task, {"dtype": "float32"}), folder)
    return generator.settings, generator.device


def _photo(width: int, height: int) -> Image.Image:
    """Return a picture of soft random spots."""
    spots = np.random.default_rng(SEED).integers(0, 255, (height // 8, width // 8, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize((width, height))


def _stock(folder: Path, settings: Row, photo: Image.Image, photos: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return what dreams with the stock pipeline as `_dreamt` does, and its arguments."""
    pipeline: Any = StableVideoDiffusionPipeline.from_pretrained(folder, dtype=torch.float32).to(photos.device)
    pipeline.set_progress_bar_config(disable=True)
    noise = _noise(photos, folder)
    called = {
        "height": settings["height"],
        "width": settings["width"],
        "num_frames": FRAMES,
        "num_inference_steps": settings["sampling"]["steps"],
        "fps": int(settings["fps_id"]) + 1,  # the pipeline subtracts one
        "motion_bucket_id": int(settings["motion_score"]),
        "decode_chunk_size": int(settings.get("decode_chunk", 13)),
        "noise_aug_strength": 0.0,
        "min_guidance_scale": 1.0,
        "max_guidance_scale": 1.0,
        "output_type": "np",
    }

    def dream(pipeline: Any) -> Any:
        return pipeline(photo, latents=noise.clone(), **called).frames[0]

    return dream, (pipeline,)


def with_settings(task: Task, changes: Row) -> Task:
    """Return the task with changes in its `generator` section."""
    return replace(task, settings={**task.settings, "generator": {**task.section("generator"), **changes}})


def _noise(photos: Any, folder: Path) -> Any:
    """Return the noise that `dream_frames` draws first, in the pipeline's unit: it multiplies it by the first sigma."""
    config = json.loads((folder / "vae" / "config.json").read_text())
    factor = 2 ** (len(config["block_out_channels"]) - 1)
    drawn = torch.Generator().manual_seed(SEED)
    torch.randn(photos.shape, generator=drawn)  # the noise on the photos, which counts for nothing here
    size = photos.shape[-2] // factor, photos.shape[-1] // factor
    return torch.randn(1, FRAMES, config["latent_channels"], *size, generator=drawn).to(photos.device)


def _dreamt(generator: SvdGenerator, photos: Any) -> Any:
    return generator.dream_frames(photos, SEED)[0].permute(0, 2, 3, 1).float().cpu().numpy()


def _timed(name: str, dream: Callable[..., Any], arguments: tuple[Any, ...], reference: Any) -> Row:
    """Dream twice; return times, peak memory of the second, and the difference of its frames to the reference."""
    times = []
    for _ in range(2):
        _forget_peak()
        began, began_cpu = time.perf_counter(), time.process_time()
        frames = np.clip(dream(*arguments), 0, 1)
        times.append((time.perf_counter() - began, time.process_time() - began_cpu))
    row: Row = {"kind": name, "first_seconds": times[0][0], "seconds": times[1][0], "cpu_seconds": times[1][1]}
    row |= {"peak_MiB": _peak_mib(), "frames": frames}
    if reference is not None:
        row["difference_of_255"] = 255 * float(np.abs(frames - reference).mean())
    print(f"{name}: {times[1][0]:.2f} s", flush=True)
    return row


def _forget_peak() -> None:
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the peak begins anew


def _peak_mib() -> float:
    """Return the most memory since `_forget_peak`: the GPU's, or the whole process's."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def svd_table(rows: list[Row]) -> str:
    """Return the table for people."""
    lines = ["".join([f"{'':16}", *(f"{head:>14}" for head in [*COLUMNS.values(), "times faster"])])]
    for row in rows:
        cells = [f"{row[name]:14.3g}" if name in row else f"{'-':>14}" for name in COLUMNS]
        lines.append(f"{row['kind']:16}" + "".join(cells) + f"{_faster(rows, row):14.2f}")
    return "\n".join(lines)


def svd_last_line(rows: list[Row]) -> str:
    """Return the line that sums up."""
    best = max(rows[1:], key=lambda row: _faster(rows, row))
    return (
        f"dream: {best['kind']} is fastest, {_faster(rows, best):.2f} times as fast as the stock"
        f" pipeline ({rows[0]['seconds']:.2f} s), {best['difference_of_255']:.2g} of 255 off it"
    )


def _faster(rows: list[Row], row: Row) -> float:
    """Return how many times faster than the first row a row is: by the clock on a GPU, else by the processor's time."""
    name = "seconds" if torch.cuda.is_available() else "cpu_seconds"
    return float(rows[0][name] / row[name])
