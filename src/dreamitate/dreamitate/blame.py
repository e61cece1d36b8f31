"""Which stage is to blame where the arms moved and the task was not done: found by trying, not by taste.

The simulator lets tools follow any path exactly, pushed by a hand that nothing stops. Going back along the pipeline,
the first path that would have done the task clears everything before it:

execute   the planned poses, followed exactly, do the task; so the arm's own motion is to blame.
plan      they do not, but the tracked poses do, held to the task's height and tilt where the task holds tools so; so
          what the planner made of them is to blame.
track     the tracked poses do not, but the true poses of the clip do; so the tracker is to blame. Where the clip has no
          truth (a dream), the tracker is to blame where it says so itself: a frame is LOST, or its mean score is
          under 0.5.
dream     everything else: what the dream shows does not do the task.
policy    the same, where a policy gave the path and nothing was dreamed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.plan import Plan
from dreamitate_core.task import Task
from dreamitate_core.tool import Tool, load_tool
from dreamitate_core.trajectory import Status, ToolTrajectory
from dreamitate_exec.settings import planning_settings
from dreamitate_exec.tool_path import clamp

from .motion import Motion

Array = NDArray[np.float64]

LOW_SCORE = 0.5


@dataclass(frozen=True)
class Evidence:
    """What an episode left. scene: dreamitate_sim's; clip: the dream, None where a policy gave the path without one;
    tracks: in the table frame, one per tool, as plans and motions."""

    scene: Any
    clip: Clip | None
    tracks: Sequence[ToolTrajectory]
    plans: Sequence[Plan]
    motions: Sequence[Motion]


def find(evidence: Evidence) -> tuple[str, str]:
    """Return the stage to blame, and why, in one line."""
    tracks = evidence.tracks
    seen = np.logical_and.reduce([_seen(track) for track in tracks])
    times = tracks[0].time_s[seen]
    tracked = np.stack([track.transform_tool_to_frame[seen] for track in tracks])
    waypoints = np.stack([plan.waypoint_transform_tool_to_table for plan in evidence.plans])
    if _does_it(evidence, _stretched(times, waypoints.shape[1]), waypoints):
        return "execute", "the planned path, followed exactly, does the task; the arm's own motion did not"
    tips = [load_tool(track.tool).tip for track in tracks]
    held = [hold(poses, evidence.scene.task, tip) for poses, tip in zip(tracked, tips, strict=True)]
    if _does_it(evidence, times, np.stack(held)):
        return "plan", "the tracked path, followed exactly, does the task; the planned one does not"
    if evidence.clip is None:
        return "policy", "the policy's path, followed exactly, does not do the task"
    true = [poses for track in tracks if (poses := _true_poses(evidence, track.tool)) is not None]
    if len(true) == len(tracks):
        if _does_it(evidence, tracks[0].time_s, np.stack(true)):
            return "track", "the true path of the tool does the task; the tracked one does not"
        return "dream", "even the true path of the tool, followed exactly, does not do the task"
    lost = sum(int((track.status == Status.LOST).sum()) for track in tracks)
    score = min(float(track.score[_seen(track)].mean()) for track in tracks)
    if lost or score < LOW_SCORE:
        return "track", f"the tracker was unsure: {lost} frames lost, mean score {score:.2f}"
    return "dream", f"the dreamed path does not do the task; the tracker was sure of it (mean score {score:.2f})"


def measure(evidence: Evidence) -> dict[str, float]:
    """Return how far the tools were off from stage to stage, metres, mean over outlines, time and tools.

    tracking_error_m: tracked against true poses, where the clip has truth; planning_change_m: planned against tracked
    waypoints, along the table; following_error_m: from each planned waypoint to where the arm came nearest to it.
    """
    together = zip(evidence.tracks, evidence.plans, evidence.motions, strict=True)
    each = [_measure_one(evidence, *one) for one in together]
    return {name: float(np.mean([figures[name] for figures in each])) for name in each[0]}


def _measure_one(evidence: Evidence, track: ToolTrajectory, plan: Plan, motion: Motion) -> dict[str, float]:
    tool = load_tool(track.tool)
    figures = {}
    seen = _seen(track)
    tracked = track.transform_tool_to_frame[seen]
    true = _true_poses(evidence, track.tool)
    if true is not None:
        figures["tracking_error_m"] = _outline_distance(tool, tracked, true[seen])
    waypoints = plan.waypoint_transform_tool_to_table
    if len(waypoints) == len(tracked):
        figures["planning_change_m"] = _outline_distance(tool, waypoints, tracked, axes=2)
    moved = motion.transform_tool_to_table
    nearest = cKDTree(moved[:, :3, 3]).query(waypoints[:, :3, 3])[1]
    figures["following_error_m"] = _outline_distance(tool, moved[nearest], waypoints)
    return figures


def hold(poses: Array, task: Task, tip: Array) -> Array:
    """Return poses (N, 4, 4) of a tool with its tip at (3,), held to the task's height and tilt if it holds tools."""
    settings = planning_settings(task)
    return clamp(poses, tip, settings) if settings.on_limit == "clamp" else poses


def _does_it(evidence: Evidence, time_s: Array, poses: Array) -> bool:
    """Whether tools that follow poses (tools, N, 4, 4) exactly do the task, by physics."""
    if len(time_s) < 2:
        return False
    from dreamitate_sim.demonstrator import Demonstration
    from dreamitate_sim.scene import ToolMotion

    return Demonstration(evidence.scene).follow(ToolMotion(time_s - time_s[0], poses, "given")).verdict.success


def _seen(track: ToolTrajectory) -> NDArray[np.bool_]:
    return np.asarray(track.status != Status.NOT_VISIBLE)


def _stretched(times: Array, count: int) -> Array:
    """Return `count` times spread evenly over the given ones."""
    return np.linspace(times[0], times[-1], count)


def _true_poses(evidence: Evidence, tool: str) -> Array | None:
    """Return the clip's true transform_tool_to_table (12, 4, 4) of a tool, None where it has no truth."""
    if evidence.clip is None:
        return None
    truth, to_table = evidence.clip.truth, evidence.clip.rig.transform_reference_to_table
    if truth is None or to_table is None or tool not in truth:
        return None
    return to_table @ truth[tool]


def _outline_distance(tool: Tool, poses: Array, others: Array, axes: int = 3) -> float:
    """Return the mean distance in metres between the tool's corners at two lists of poses (N, 4, 4)."""
    corners = tool.mesh.bounding_box.vertices
    offset = se3.transform_points(poses, corners) - se3.transform_points(others, corners)
    return float(np.linalg.norm(offset[..., :axes], axis=-1).mean())
