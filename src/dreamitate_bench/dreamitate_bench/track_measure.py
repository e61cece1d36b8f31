"""One test clip: track it, and compare with the truth."""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool
from dreamitate_core.trajectory import ToolTrajectory

Array = NDArray[np.float64]
Row = dict[str, Any]

FUSIONS = ("joint", "midpoint")
VISIBLE = 0.5
"""A frame counts as visible from this share of the tool's surface inside the picture of at least one camera."""


def measure(condition: str, seed: int) -> Row:
    """Return the rows of one clip: per fusion the seconds and, per tool, lists over the 12 frames."""
    from dreamitate_track.region import find_tools, fused
    from dreamitate_track.synthetic import make_clip

    from .track_conditions import CONDITIONS

    clip = make_clip(seed, CONDITIONS[condition].shows)
    begin = time.perf_counter()
    found = find_tools(clip, _silent, {})
    searched = time.perf_counter() - begin
    row: Row = {}
    for fusion in FUSIONS:
        begin = time.perf_counter()
        tracks = {one.name: fused(clip, one, fusion, _silent) for one in found}
        seconds = searched + time.perf_counter() - begin
        row[fusion] = {"seconds": seconds, "tools": {tool.name: compare(clip, tool, tracks) for tool in clip.tools}}
    return row


def compare(clip: Clip, tool: Tool, tracks: dict[str, ToolTrajectory]) -> Row:
    """Return how far a tool's track is from the truth, in each frame.

    mm: of the point `middle` of the tool's settings; degrees; add_mm, mssd_mm: mean and largest distance of the mesh's
    vertices; mspd_px: the largest distance in either view's picture; swapped: nearer to another tool's truth than to
    its own; surprise: squared error over what the covariance expects, 6 on average.
    """
    assert clip.truth is not None
    truth, track = clip.truth[tool.name], tracks[tool.name]
    poses = track.transform_tool_to_frame
    middle = np.asarray(tool.settings.get("middle", tool.mesh.bounds.mean(axis=0)), float)[None]
    vertices = np.asarray(tool.mesh.vertices)
    off = np.linalg.norm(se3.transform_points(poses, vertices) - se3.transform_points(truth, vertices), axis=2)
    at = se3.transform_points(poses, middle)[:, 0]
    distance = {
        name: np.linalg.norm(at - se3.transform_points(p, middle)[:, 0], axis=1) for name, p in clip.truth.items()
    }
    twist = se3.log(se3.inverse(poses) @ truth)
    return {
        "visible": (inside(clip, tool, truth) >= VISIBLE).tolist(),
        "mm": (1e3 * distance[tool.name]).tolist(),
        "degrees": np.degrees(se3.rotation_distance_rad(poses, truth)).tolist(),
        "add_mm": (1e3 * off.mean(axis=1)).tolist(),
        "mssd_mm": (1e3 * off.max(axis=1)).tolist(),
        "mspd_px": [_largest_in_picture(clip, vertices, pose, true) for pose, true in zip(poses, truth, strict=True)],
        "swapped": [bool(min(d[t] for d in distance.values()) < distance[tool.name][t]) for t in range(len(poses))],
        "surprise": np.einsum("ni,nij,nj->n", twist, np.linalg.inv(track.covariance), twist).tolist(),
        "views_apart_px": None if np.isnan(track.views_apart_px) else track.views_apart_px,
        "score": track.score.tolist(),
        "status": track.status.tolist(),
    }


def inside(clip: Clip, tool: Tool, poses: Array) -> Array:
    """Return (12,) the share of the tool's surface inside the picture of the camera that has more of it."""
    points = np.asarray(tool.mesh.vertices)[np.asarray(tool.mesh.faces)]
    weight = np.asarray(tool.mesh.area_faces)
    shares = np.zeros((len(poses), 2))
    for t, pose in enumerate(poses):
        for view, camera in enumerate(clip.rig.cameras):
            pixels, depth = camera.project(se3.transform_points(pose, points.mean(axis=1)))
            seen = (pixels >= 0).all(axis=1) & (pixels < (camera.width, camera.height)).all(axis=1) & (depth > 0)
            shares[t, view] = weight[seen].sum() / weight.sum()
    return np.asarray(shares.max(axis=1))


def _largest_in_picture(clip: Clip, vertices: Array, pose: Array, true: Array) -> list[float]:
    """Return per view the largest distance in pixels of the mesh's vertices (V, 3) at two poses."""
    largest = []
    for camera in clip.rig.cameras:
        one, two = (camera.project(se3.transform_points(p, vertices))[0] for p in (pose, true))
        largest.append(float(np.linalg.norm(one - two, axis=1).max()))
    return largest


def _silent(stage: str, fraction: float) -> None:
    """Show nothing."""
