"""Track the tools of a clip: the one function that the command, the node and the pipeline call."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from dreamitate_core.clip import Clip
from dreamitate_core.progress import Progress, quiet
from dreamitate_core.registry import Registry
from dreamitate_core.task import load_task, task_names
from dreamitate_core.tool import part_of
from dreamitate_core.trajectory import ToolTrajectory

from .check import check_clip
from .hints import Hints
from .megapose import track_megapose, track_megapose_midpoint
from .region import track_region

Tracker = Callable[[Clip, Progress, Hints], dict[str, ToolTrajectory]]

trackers: Registry[Tracker] = Registry("tracker")
trackers.register("region")(track_region)
trackers.register("region_midpoint")(partial(track_region, fusion="midpoint"))
trackers.register("megapose")(track_megapose)
trackers.register("megapose_midpoint")(track_megapose_midpoint)


def track(
    clip: Clip, backend: str = "region", progress: Progress = quiet, hints: Hints | None = None
) -> dict[str, ToolTrajectory]:
    """Return each tool's trajectory at t = 1..12, in the frame "reference" (camera 1's optical frame).

    hints: what a person or a detector knows of some tools; none are needed.
    A tool that is not there, or is lost, is said by the status of its frames; poses of such frames are guesses.
    Raises DreamitateError for an unknown backend and for clips, cameras or meshes that cannot be tracked.
    """
    tracker = trackers.get(backend)
    check_clip(clip)
    return tracker(_with_tracked_parts(clip), progress, hints or {})


def _with_tracked_parts(clip: Clip) -> Clip:
    """Return the clip with only that part of its tools that its task tracks, as `tracking.part` says."""
    name = clip.info.get("task")
    tracking = load_task(name).settings.get("tracking", {}) if name in task_names() else {}
    part = tracking.get("part", "whole")
    return clip if part == "whole" else replace(clip, tools=[part_of(tool, part) for tool in clip.tools])
