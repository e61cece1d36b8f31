"""Curves of the report: losses over what was learnt from, successes over the number of demonstrations."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from .wilson import wilson_interval

CURVES, FRACTIONS = "curves.png", "fractions.png"
LOSSES = {
    "video_loss": "video (dream)",
    "place_loss": "places of the tool (dream)",
    "loss": "path (Diffusion Policy)",
    "loss_other_photos": "path, other clips' photos",
}
"""What a curve's columns are, by name; each is drawn where there is one."""
INCHES = 3.4, 2.4


def curve_files(model: Path) -> list[Path]:
    """Return the learning curves of a model: in its folder, or in that of the run that it is a part of."""
    return sorted(model.glob("curve*.csv")) or sorted(model.parent.glob("curve.csv"))


def draw_curves(file: Path, curves: Sequence[tuple[str, Sequence[Path | str]]]) -> bool:
    """Draw a plot of each (title, files) over the samples seen; return whether there was something to draw."""
    read = [(title, [_read(Path(path)) for path in files]) for title, files in curves if files]
    if not read:
        return False
    columns = min(4, len(read))
    rows = -(-len(read) // columns)
    figure = Figure(figsize=(INCHES[0] * columns, INCHES[1] * rows), layout="constrained")
    for index, (title, parts) in enumerate(read):
        axes = figure.add_subplot(rows, columns, index + 1, xlabel="samples", ylabel="loss", yscale="log")
        axes.set_title(title, fontsize=9)
        colours = dict(zip(LOSSES, ("C0", "C2", "C1", "C3"), strict=True))
        for part in parts:
            for name in [name for name in LOSSES if name in part]:
                axes.plot(part["samples"], part[name], color=colours[name], linewidth=1.0, label=LOSSES[name])
        labels = dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True))
        axes.legend(labels.values(), labels.keys(), fontsize=7)
    figure.savefig(file, dpi=90)
    return True


def draw_fractions(file: Path, curves: Mapping[str, Sequence[tuple[int, int, int]]]) -> None:
    """Draw the share of successes, with 95 % intervals, over demonstrations. curves: by what they are called, points of
    (demonstrations, successes, trials)."""
    figure = Figure(figsize=(2 * INCHES[0], 1.5 * INCHES[1]), layout="constrained")
    axes = figure.add_subplot(xlabel="demonstrations", ylabel="successes", ylim=(0.0, 1.02))
    for name, points in curves.items():
        clips, successes, trials = np.array(sorted(points)).T
        share = successes / trials
        low, high = np.array([wilson_interval(*pair) for pair in zip(successes, trials, strict=True)]).T
        axes.errorbar(clips, share, [share - low, high - share], marker="o", capsize=3.0, label=name)
    axes.legend(fontsize=8)
    figure.savefig(file, dpi=90)


def _read(path: Path) -> dict[str, NDArray[np.float64]]:
    with path.open(newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]} if rows else {}
