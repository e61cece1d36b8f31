"""The tool's path over the table: tracked, planned and as it moved, above the photo laid out on the table plane."""

from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.camera import Image, StereoRig
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import Status, ToolTrajectory

Array = NDArray[np.float64]

TABLE_HALF_SIZE_M = (0.34, 0.24)
PIXEL_M = 0.002
AZIMUTH_RAD, ELEVATION_RAD = np.radians(-76.0), np.radians(46.0)
STATUS_COLOUR = {
    Status.NOT_VISIBLE: "#9aa3af",
    Status.PARTIAL: "#f0a832",
    Status.OK: "#1fa971",
    Status.RECOVERED: "#3b82f6",
    Status.LOST: "#e5484d",
}
PLANNED, MOVED = "#8b6cff", "#22c7ee"


@dataclass
class ToolPaths:
    """What there is to draw. tracked: in the frame "table"; planned, moved: (N, 4, 4) transform_tool_to_table."""

    tool: Tool
    tracked: ToolTrajectory | None = None
    planned: Array | None = None
    moved: Array | None = None
    photo: Image | None = None
    rig: StereoRig | None = None
    outlines: list[Array] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outlines = footprint(self.tool)


def draw_path(path: Path, paths: ToolPaths) -> None:
    """Write the picture of the tool's path, seen from the person's side, in orthographic projection."""
    figure = Figure(figsize=(9.6, 4.9), dpi=120)
    axes = figure.add_axes((0.01, 0.01, 0.98, 0.98))
    axes.set_aspect("equal")
    axes.axis("off")
    _draw_table(axes, paths)
    if paths.tracked is not None:
        _draw_tracked(axes, paths, paths.tracked)
    for poses, colour, width, label in (
        (paths.planned, PLANNED, 2.2, "planned"),
        (paths.moved, MOVED, 1.2, "as it moved"),
    ):
        if poses is not None:
            line = _to_view(_tips(poses, paths.tool))
            style = "-" if label == "planned" else (0, (4, 2))
            axes.plot(*line.T, color=colour, linewidth=width, linestyle=style, label=f"tool tip, {label}", zorder=6)
    axes.legend(loc="lower left", frameon=False, fontsize=9)
    figure.savefig(path, facecolor="white")


def footprint(tool: Tool) -> list[Array]:
    """Return the outlines (N, 3) of the tool where it meets the table: its section 5 mm above its lowest point."""
    height = float(tool.mesh.bounds[0, 2]) + 0.005
    section = tool.mesh.section(plane_origin=(0.0, 0.0, height), plane_normal=(0.0, 0.0, 1.0))
    return [] if section is None else [np.asarray(loop, float) for loop in section.discrete]


def table_picture(photo: Image, rig: StereoRig) -> Image:
    """Return camera 1's photo laid out on the table plane: row 0 at the largest y, x to the right, 2 mm a pixel."""
    half_x, half_y = TABLE_HALF_SIZE_M
    x, y = np.meshgrid(np.arange(-half_x, half_x, PIXEL_M), np.arange(half_y, -half_y, -PIXEL_M))
    points_table = np.stack([x, y, np.zeros_like(x)], axis=-1)
    if rig.transform_reference_to_table is None:
        raise ValueError("the rig is not tied to the table")
    transform_table_to_reference = se3.inverse(rig.transform_reference_to_table)
    points = se3.transform_points(transform_table_to_reference, points_table.reshape(-1, 3)).reshape(points_table.shape)
    pixels, _ = rig.camera_1.project(points)
    grid = pixels.astype(np.float32)
    return np.asarray(
        cv2.remap(photo, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR, borderValue=(246, 247, 249)), np.uint8
    )


def _tips(poses: Array, tool: Tool) -> Array:
    """Return where the tool's tip (N, 3) is at poses (N, 4, 4)."""
    return se3.transform_points(poses, tool.tip[None])[:, 0]


def _to_view(points: Array) -> Array:
    """Return where points (..., 3) of the table frame lie in the picture (..., 2), in metres."""
    turn = np.array([[-np.sin(AZIMUTH_RAD), np.cos(AZIMUTH_RAD)], [np.cos(AZIMUTH_RAD), np.sin(AZIMUTH_RAD)]])
    right, away = np.moveaxis(np.asarray(points, float)[..., :2] @ turn.T, -1, 0)
    return np.stack([right, -away * np.sin(ELEVATION_RAD) + points[..., 2] * np.cos(ELEVATION_RAD)], axis=-1)


def _draw_table(axes: Axes, paths: ToolPaths) -> None:
    half_x, half_y = TABLE_HALF_SIZE_M
    if paths.photo is not None and paths.rig is not None and paths.rig.transform_reference_to_table is not None:
        x, y = (_to_view(np.array(axis, float)) for axis in ((1, 0, 0), (0, 1, 0)))
        lay_down = Affine2D(np.array([[x[0], y[0], 0.0], [x[1], y[1], 0.0], [0.0, 0.0, 1.0]]))
        image = axes.imshow(table_picture(paths.photo, paths.rig), extent=(-half_x, half_x, -half_y, half_y))
        image.set_transform(lay_down + axes.transData)
    corners = [(-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y), (-half_x, -half_y)]
    edge = _to_view(np.array([(*corner, 0.0) for corner in corners]))
    axes.plot(*edge.T, color="#c3c9d2", linewidth=0.8)
    for value in np.arange(-0.3, 0.31, 0.1):
        _draw_tick(axes, np.array([value, -half_y, 0.0]), np.array([0.0, -0.012, 0.0]), f"{100 * value:.0f}")
    for value in np.arange(-0.2, 0.21, 0.1):
        _draw_tick(axes, np.array([half_x, value, 0.0]), np.array([0.012, 0.0, 0.0]), f"{100 * value:.0f}")
    for place, text in (((0.0, -half_y - 0.06, 0.0), "x [cm]"), ((half_x + 0.06, 0.0, 0.0), "y [cm]")):
        across, up = _to_view(np.array(place))
        axes.text(across, up, text, fontsize=9, color="#5b6472", ha="center", va="center")
    axes.set_xlim(edge[:, 0].min() - 0.02, edge[:, 0].max() + 0.09)
    axes.set_ylim(edge[:, 1].min() - 0.05, edge[:, 1].max() + 0.02)


def _draw_tick(axes: Axes, place: Array, outwards: Array, text: str) -> None:
    axes.plot(*_to_view(np.stack([place, place + outwards])).T, color="#c3c9d2", linewidth=0.8)
    across, up = _to_view(place + 2.2 * outwards)
    axes.text(across, up, text, fontsize=8, color="#5b6472", ha="center", va="center")


def _draw_tracked(axes: Axes, paths: ToolPaths, tracked: ToolTrajectory) -> None:
    tips = _tips(tracked.transform_tool_to_frame, paths.tool)
    seen = tracked.status != Status.NOT_VISIBLE
    for k in np.flatnonzero(seen):
        colour = STATUS_COLOUR[Status(int(tracked.status[k]))]
        for outline in paths.outlines:
            shape = _to_view(se3.transform_points(tracked.transform_tool_to_frame[k], outline))
            axes.fill(*shape.T, facecolor=colour, alpha=0.3, edgecolor="none", zorder=4)
    dots = _to_view(tips[seen])
    colours = [STATUS_COLOUR[Status(int(status))] for status in tracked.status[seen]]
    axes.scatter(dots[:, 0], dots[:, 1], s=26, c=colours, edgecolors="white", linewidths=0.8, zorder=7)
    axes.scatter([], [], s=26, c=STATUS_COLOUR[Status.OK], label="tool tip, tracked")
    for tip in tips[seen]:
        axes.plot(*_to_view(np.stack([tip, tip * (1, 1, 0)])).T, color="white", alpha=0.5, linewidth=0.8, zorder=3)
