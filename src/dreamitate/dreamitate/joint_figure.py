"""The arm's joints over time: planned and as they moved, and how much of its speed each joint uses."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dreamitate_core.plan import Plan
from dreamitate_core.robot import Robot

from .motion import Motion

COLOURS = ("#2563eb", "#e0632b", "#1fa971", "#b0329c", "#7c5cff", "#0e9aa7", "#8a6d3b")


def draw_joints(path: Path, plan: Plan, robot: Robot | None, motion: Motion | None) -> None:
    """Write the picture of a plan's joints. motion: as measured, where it is known."""
    figure = Figure(figsize=(9.6, 4.0), dpi=120)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        _plain_frame(axes)
        for time_s in plan.waypoint_time_s:
            axes.axvline(time_s, color="#e4e7ec", linewidth=0.8, zorder=0)
    for k, name in enumerate(plan.joint_names):
        colour = COLOURS[k % len(COLOURS)]
        left.plot(plan.time_s, np.degrees(plan.position[:, k]), color=colour, linewidth=1.8, label=name)
        if motion is not None:
            left.plot(
                motion.time_s, np.degrees(motion.position[:, k]), color="#111827", linewidth=0.9, linestyle=(0, (4, 3))
            )
        speed = np.abs(plan.velocity[:, k])
        limit = None if robot is None else robot.velocity_limit[k]
        right.plot(plan.time_s, speed if limit is None else 100 * speed / limit, color=colour, linewidth=1.6)
    left.set_ylabel("position [deg]" + ("; dashed: as it moved" if motion is not None else ""))
    right.set_ylabel("speed [rad/s]" if robot is None else "speed [% of the joint's limit]")
    if robot is not None:
        right.set_ylim(0, 105)
    figure.legend(loc="lower center", ncols=len(plan.joint_names), frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, facecolor="white")


def _plain_frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#c3c9d2")
    axes.tick_params(colors="#5b6472", labelsize=8)
    axes.set_xlabel("time [s]", fontsize=9, color="#5b6472")
    axes.yaxis.label.set_fontsize(9)
    axes.yaxis.label.set_color("#5b6472")
