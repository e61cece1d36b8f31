"""The trackers on the user's own MegaPose or HappyPose: each view alone, then fused; `region` refines both jointly."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.clip import Clip
from dreamitate_core.progress import Progress
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import STEPS

from .estimator import Estimator
from .foreground import Box, foreground
from .hints import Hints, ToolHints
from .midpoint import LOST, Fused, midpoint
from .model import make_model
from .monocular import Sight, track_views
from .region import track_region
from .scene import Views, undistorted
from .symmetry import half_turns, undone

Array = NDArray[np.float64]

FOREGROUND_WIDTH = 384


def track_megapose(clip: Clip, progress: Progress, hints: Hints) -> dict[str, ToolTrajectory]:
    """Return each tool's trajectory by `region`, started where MegaPose sees the tool in the two views."""
    started = {}
    for name, fused in fused_views(clip, lambda stage, fraction: progress(stage, 0.7 * fraction), hints).items():
        given = hints.get(name, ToolHints())
        poses = {step: fused.poses[step] for step in range(STEPS) if fused.views[step] and fused.score[step] >= LOST}
        started[name] = ToolHints(given.boxes, given.masks, {**poses, **given.poses})
    return track_region(clip, lambda stage, fraction: progress(stage, 0.7 + 0.3 * fraction), started)


def track_megapose_midpoint(clip: Clip, progress: Progress, hints: Hints) -> dict[str, ToolTrajectory]:
    """Return each tool's trajectory as the paper has it: MegaPose in each view, midpoint and mean rotation."""
    tracks = {}
    for name, fused in fused_views(clip, progress, hints).items():
        tracks[name] = ToolTrajectory(
            tool=name,
            frame="reference",
            time_s=clip.video.time_s,
            transform_tool_to_frame=fused.poses,
            covariance=fused.covariance(),
            score=fused.score,
            status=fused.status(),
        )
    return tracks


def fused_views(clip: Clip, progress: Progress, hints: Hints) -> dict[str, Fused]:
    """Return per tool what MegaPose sees in the two views, symmetric flips undone, fused by the midpoint rule."""
    models = {tool.name: make_model(tool) for tool in clip.tools}
    turns = {tool.name: half_turns(tool.mesh) for tool in clip.tools}
    boxes = _boxes(clip, np.concatenate([model.colours for model in models.values()]))
    pairs, _ = undistorted(clip)
    with Estimator(clip.tools, progress) as estimator:
        sight = Sight(estimator, pairs, clip.rig, list(models), boxes, hints)
        tracks = track_views(sight, turns, progress)
    to_reference = np.stack([camera.transform_camera_to_reference for camera in clip.rig.cameras])
    fused = {}
    for name, track in tracks.items():
        poses = undone(to_reference[:, None] @ track.poses, track.scores, turns[name])
        centre = models[name].transform_body_to_tool[:3, 3]
        fused[name] = midpoint(poses, track.scores, centre, to_reference[:, :3, 3])
    return fused


def _boxes(clip: Clip, colours: Array) -> list[list[list[Box]]]:
    """Return the boxes by step and view, in pixels of the video."""
    width = min(FOREGROUND_WIDTH, clip.video.width)
    scale = clip.video.width / width
    found = foreground(Views(clip).level(width), colours)
    return [[[Box(box.corners * scale, box.weight) for box in view] for view in step] for step in found]
