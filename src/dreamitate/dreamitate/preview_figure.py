"""The preview as a picture: what a person looks at before the arm moves, or to see why it does not."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dreamitate_exec.preview import Preview

Array = NDArray[np.float64]

PLANNED, REFUSED, GREY, BAND = "#8b6cff", "#e5484d", "#5b6472", "#e9f7ef"
AXIS_M = 0.03
AXIS_COLOURS = ("#e5484d", "#1fa971", "#3b82f6")
MARGIN_CM = 8.0
TITLE_COLUMNS = 150
FEW_M = 0.05
"""Heights above this belong to the way there and back, not to the work: they are cut off."""


def draw_preview(path: Path, seen: Preview, title: str) -> None:
    """Write the picture: the table from above, the height over time, and each tracked pose's reach and quality."""
    figure = Figure(figsize=(11.0, 5.2), dpi=110)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.25, 1.0), left=0.06, right=0.98, top=0.87, bottom=0.1, hspace=0.42)
    _draw_table(figure.add_subplot(grid[:, 0]), seen)
    _draw_height(figure.add_subplot(grid[0, 1]), seen)
    _draw_poses(figure.add_subplot(grid[1, 1]), seen)
    colour = REFUSED if seen.refused >= 0 or not len(seen.time_s) else "#111827"
    figure.suptitle(textwrap.fill(title, TITLE_COLUMNS), fontsize=9.5, color=colour, y=0.985, va="top")
    figure.savefig(path, facecolor="white")


def _draw_table(axes: Axes, seen: Preview) -> None:
    axes.set_aspect("equal")
    if len(seen.tip):
        axes.plot(*(100 * seen.tip[:, :2]).T, color=PLANNED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.plot(*(100 * seen.tip[seen.swept, :2]).T, color=PLANNED, linewidth=2.2, label="planned tip, on the table")
    for place, turned in zip(seen.waypoint_tip, seen.waypoint_axes, strict=True):
        for axis, colour in enumerate(AXIS_COLOURS):
            ends = np.stack([place, place + AXIS_M * turned[:, axis]])
            axes.plot(*(100 * ends[:, :2]).T, color=colour, linewidth=1.2)
    fine = np.all(np.isfinite(seen.tracked_tip), axis=1)
    reached = fine & np.isfinite(seen.reach)
    dots = 100 * seen.tracked_tip
    colours = colormaps["RdYlGn"](seen.quality)
    edges = ["#111827" if ok else REFUSED for ok in reached]
    axes.scatter(
        dots[fine, 0],
        dots[fine, 1],
        s=40,
        c=colours[fine],
        edgecolors=[e for e, ok in zip(edges, fine, strict=True) if ok],
    )
    for number in np.flatnonzero(fine):
        x, y = dots[number, :2]
        axes.annotate(str(number), (x, y), fontsize=7, xytext=(4, 4), textcoords="offset points", color=GREY)
    if 0 <= seen.refused < len(dots) and fine[seen.refused]:
        axes.scatter(
            dots[seen.refused, 0],
            dots[seen.refused, 1],
            s=180,
            marker="x",
            color=REFUSED,
            label=f"pose {seen.refused} refused",
        )
    axes.scatter([], [], s=40, c=[colormaps["RdYlGn"](1.0)], edgecolors="#111827", label="tracked tip: its score")
    if len(reached) and not reached.all():
        axes.scatter([], [], s=40, c="white", edgecolors=REFUSED, label="out of reach")
    shown = 100 * np.concatenate([seen.tracked_tip[fine], seen.tip[seen.swept]])[:, :2]
    if len(shown):
        axes.set_xlim(shown[:, 0].min() - MARGIN_CM, shown[:, 0].max() + MARGIN_CM)
        axes.set_ylim(shown[:, 1].min() - MARGIN_CM, shown[:, 1].max() + MARGIN_CM)
    axes.legend(loc="best", fontsize=7, frameon=False)
    _label(axes, "x on the table [cm]", "y on the table [cm]")


def _draw_height(axes: Axes, seen: Preview) -> None:
    lower, upper = seen.height_limits_m
    if np.isfinite([lower, upper]).any():
        low = lower if np.isfinite(lower) else 0.0
        axes.axhspan(1e3 * low, 1e3 * (upper if np.isfinite(upper) else FEW_M), color=BAND, label="allowed for the tip")
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    if len(seen.time_s):
        axes.plot(seen.time_s, 1e3 * seen.tip[:, 2], color=PLANNED, linewidth=1.6, label="tip")
        axes.plot(seen.time_s, 1e3 * seen.lowest_m, color="#f0a832", linewidth=1.2, label="lowest point of the tool")
        axes.set_xlim(seen.waypoint_time_s[0] - 0.4, seen.waypoint_time_s[-1] + 0.4)
        tallest = 1e3 * max(float(seen.tip[seen.swept, 2].max(initial=0.0)), FEW_M / 2)
        axes.set_ylim(-2.0, 1.15 * tallest)
        axes.legend(loc="upper right", fontsize=7, frameon=False)
    else:
        axes.text(0.5, 0.5, "no plan", transform=axes.transAxes, ha="center", color=REFUSED)
    _label(axes, "time of the plan [s]", "height [mm]")


def _draw_poses(axes: Axes, seen: Preview) -> None:
    number = np.arange(len(seen.quality))
    axes.bar(number - 0.2, seen.quality, 0.4, color=colormaps["RdYlGn"](seen.quality), label="tracker's score")
    reach = np.nan_to_num(seen.reach)
    axes.bar(number + 0.2, reach, 0.4, color="#3b82f6", label="reach left (0: edge)")
    out = ~np.isfinite(seen.reach)
    axes.scatter(number[out] + 0.2, np.full(int(out.sum()), 0.04), marker="x", color=REFUSED)
    if seen.refused >= 0:
        axes.axvspan(seen.refused - 0.5, seen.refused + 0.5, color=REFUSED, alpha=0.15)
    axes.set_ylim(0.0, 1.25)
    axes.set_xticks(number)
    axes.legend(loc="upper right", ncols=2, fontsize=7, frameon=False)
    _label(axes, "tracked pose", "0 .. 1")


def _label(axes: Axes, across: str, up: str) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#c3c9d2")
    axes.tick_params(colors=GREY, labelsize=7)
    axes.set_xlabel(across, fontsize=8, color=GREY)
    axes.set_ylabel(up, fontsize=8, color=GREY)
