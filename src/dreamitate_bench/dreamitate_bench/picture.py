"""The picture of the loop in the README, made of one rollout's folder: `python -m dreamitate_bench.picture RUN OUT`."""

import sys
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image as PillowImage

from dreamitate.run_folder import read_json
from dreamitate_core.clip import read_image
from dreamitate_core.errors import DreamitateError
from dreamitate_core.plan import Plan, read_plan
from dreamitate_core.video import Images, read_mp4

LARGEST_BYTES = 500_000
HEIGHT_INCHES, WIDTH_INCHES = 3.0, 14.6
WIDTHS_PX = (2280, 1900, 1600, 1300, 1000)
DREAMED = (3, 12)
"""The frames of the dream that are shown; the last is shown tracked."""
DREAMER = {"svd": "a video model shows how", "replay": "a demonstration, shown again"}
SHOWN_SHARE = 0.7
"""How much of the sweep is done in the picture of the arm."""


def make_picture(folder: Path, out: Path) -> None:
    """Write the picture of a whole rollout, under 500 kB.

    Raises DreamitateError where the folder lacks something, as that of a failed rollout does.
    """
    for name in ("photo_1.png", "photo_2.png", "dream.mp4", "plan.npz", "tracked.mp4", "path_3d.png", "execution.mp4"):
        if not (folder / name).is_file():
            raise DreamitateError(f"{folder} has no {name}: the picture needs a rollout that was carried through.")
    generator = read_json(folder / "verdict.json").get("settings", {}).get("generator", "")
    dream, tracked, execution = (read_mp4(folder / f"{name}.mp4") for name in ("dream", "tracked", "execution"))
    photos = np.hstack([read_image(folder / f"photo_{number}.png") for number in (1, 2)])
    panels = [
        ("Look", "two photos of the bare table", _stacked([photos])),
        ("Dream", DREAMER.get(generator, "a video shows how"), _stacked(dream[list(DREAMED)])),
        ("Track", "where is the tool?", _stacked([tracked[DREAMED[-1]]])),
        ("Plan", "joints within limits, nothing hit", _trimmed(read_image(folder / "path_3d.png"))),
        ("Move", "the arm does it", _stacked(_sweep(execution, read_plan(folder / "plan.npz")))),
    ]
    rendered = _draw(panels)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(_shrunk(rendered))


def _stacked(frames: Sequence[Images] | Images) -> Images:
    """Return frames (H, 2W, 3) of both views as one picture: camera 1 above camera 2, frames from left to right."""
    half = frames[0].shape[1] // 2
    columns = [np.concatenate([frame[:, :half], _gap(frame[:, :half], 0), frame[:, half:]]) for frame in frames]
    gap = _gap(columns[0], 1)
    return np.concatenate([part for column in columns for part in (column, gap)][:-1], axis=1)


def _gap(image: Images, axis: int) -> Images:
    """Return a white line as long as the picture along the other axis, 1 % of its width thick."""
    thickness = max(2, image.shape[1] // 100)
    shape = (thickness, image.shape[1], 3) if axis == 0 else (image.shape[0], thickness, 3)
    return np.full(shape, 255, np.uint8)


def _trimmed(image: Images) -> Images:
    """Return the picture without its white margin."""
    rows, columns = np.nonzero((image < 250).any(axis=2))
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _sweep(execution: Images, plan: Plan) -> Images:
    """Return the one frame (1, H, 2W, 3) late in the tracked part of the motion."""
    first, last = plan.waypoint_time_s[0], plan.waypoint_time_s[-1]
    late = round((first + SHOWN_SHARE * (last - first)) / plan.duration_s * (len(execution) - 1))
    return execution[late : late + 1]


def _draw(panels: list[tuple[str, str, Images]]) -> PillowImage.Image:
    shapes = [image.shape[1] / image.shape[0] for *_, image in panels]
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=WIDTHS_PX[0] / WIDTH_INCHES)
    gap, top, bottom = 0.022, 0.78, 0.02
    scale = (1 - gap * (len(panels) + 1)) / sum(shapes)
    height = min(top - bottom, scale * WIDTH_INCHES / HEIGHT_INCHES)
    scale = height * HEIGHT_INCHES / WIDTH_INCHES
    left = (1 - scale * sum(shapes) - gap * (len(panels) - 1)) / 2
    for index, ((name, text, image), shape) in enumerate(zip(panels, shapes, strict=True)):
        axes = figure.add_axes((left, top - height, scale * shape, height))
        axes.imshow(image, aspect="auto", interpolation="antialiased")
        axes.axis("off")
        middle = left + scale * shape / 2
        figure.text(middle, top + 0.11, name, ha="center", fontsize=17, fontweight="bold", color="#0f172a")
        figure.text(middle, top + 0.035, text, ha="center", fontsize=11, color="#5b6472")
        left += scale * shape + gap
        if index + 1 < len(panels):
            middle = left - gap / 2
            figure.text(middle, top - height / 2, "\u203a", ha="center", va="center", fontsize=26, color="#6d4aff")
    buffer = BytesIO()
    figure.savefig(buffer, facecolor="white")
    return PillowImage.open(buffer).convert("RGB")


def _shrunk(image: PillowImage.Image) -> bytes:
    """Return the picture as PNG of 256 colours, as wide as fits into 500 kB."""
    for width in WIDTHS_PX:
        smaller = image.resize((width, round(image.height * width / image.width)), PillowImage.Resampling.LANCZOS)
        buffer = BytesIO()
        smaller.quantize(256, dither=PillowImage.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() < LARGEST_BYTES:
            return buffer.getvalue()
    raise DreamitateError(f"The picture does not fit into {LARGEST_BYTES} bytes at {WIDTHS_PX[-1]} pixels.")


def main() -> int:
    """Make the picture of the folder and for the file that the command line names."""
    if len(sys.argv) != 3:
        print("Usage: python -m dreamitate_bench.picture RUN_FOLDER OUT.png", file=sys.stderr)
        return 2
    try:
        make_picture(Path(sys.argv[1]), Path(sys.argv[2]))
    except DreamitateError as error:
        print(f"picture: {error}", file=sys.stderr)
        return 2
    print(f"{sys.argv[2]}: {Path(sys.argv[2]).stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
