"""The region tracker: find each tool in every frame, choose the path, fit all frames and both views together."""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import STEPS

from .compiled import compile_first
from .detect import Eyes, Hypothesis, distinct, places, spread_rotations
from .guide import Guide
from .hints import Hints
from .joint import Fit, Prior, fit
from .learn import learned, skin_tone
from .maps import Maps, make_maps, scene_histogram
from .model import Model, make_model, simplified
from .palette import Palette, palette_of
from .quality import MARGIN, judge, statuses
from .scene import Level, Views
from .sequence import best_path, filled, margin

Array = NDArray[np.float64]

COARSE_WIDTH, FINE_WIDTHS = 192, (384, 768)
COARSE_CELL_M, FINE_CELL_M, FINE_FACES = 0.006, 0.0015, 3000
ROTATIONS = 400
KEPT = 8
NEAR_SKIN = 0.75
"""Overlap of a tool's colours with skin's from which the two cannot be told apart."""


def track_region(clip: Clip, progress: Progress, hints: Hints) -> dict[str, ToolTrajectory]:
    """Return each tool's trajectory. Raises DreamitateError for meshes that cannot be tracked."""
    models = {tool.name: make_model(tool) for tool in clip.tools}
    compile_first(progress)
    views = Views(clip)
    tracks = {}
    for name, model in models.items():
        guide = Guide(hints.get(name), model.transform_body_to_tool, clip.video.width)
        tracks[name] = _track_one(clip, views, name, model, guide, progress)
    return tracks


def _track_one(clip: Clip, views: Views, name: str, model: Model, guide: Guide, progress: Progress) -> ToolTrajectory:
    coarse = views.level(COARSE_WIDTH)
    eyes = Eyes(simplified(model, COARSE_CELL_M), views.reference_to_cameras, coarse.intrinsics)
    palette, tone = _first_palette(name, model, coarse)
    palette = guide.taught(palette, coarse)
    maps = guide.confined(make_maps(coarse, palette))
    candidates = guide.held(eyes, maps, [[]] * STEPS if guide.whole else _search(eyes, maps, progress))
    path = best_path(candidates)
    if max(path) < 0:
        return _nowhere(clip, name, model)
    poses, seen = filled(candidates, path)
    palette = _learned(views, model, palette, tone, poses, seen)
    maps = guide.confined(make_maps(coarse, palette))
    candidates = guide.held(eyes, maps, _again(eyes, maps, candidates, progress))
    path = best_path(candidates)
    if max(path) < 0:
        return _nowhere(clip, name, model)
    poses, seen = filled(candidates, path)
    fitted = Fit(poses, np.zeros((2, 3)), np.zeros((STEPS, 6, 6)), np.zeros((STEPS, 2)))
    for reach in (8, 4):
        fitted = fit(eyes, maps, fitted, Prior(), reach, 1.0, 0.5, 6, seen, progress)
    for width in FINE_WIDTHS:
        if width <= max(views.full_width, FINE_WIDTHS[0]):
            fitted = _refit(views, model, palette, width, fitted, seen, progress)
    quality = judge(eyes, maps, palette.trust, fitted.poses)
    settled = bool(guide.poses) or margin(candidates, path) > MARGIN
    tool_to_body = se3.inverse(model.transform_body_to_tool)
    twist_to_tool = se3.adjoint(model.transform_body_to_tool)
    return ToolTrajectory(
        tool=name,
        frame="reference",
        time_s=clip.video.time_s,
        transform_tool_to_frame=fitted.poses @ tool_to_body,
        covariance=twist_to_tool @ fitted.covariance @ twist_to_tool.T,
        score=quality.score * (1.0 if settled else 0.5),
        status=statuses(quality, seen, settled),
    )


def _first_palette(name: str, model: Model, level: Level) -> tuple[Palette, Array | None]:
    """Return the palette from the mesh's colours and the skin in this clip, and the skin's tone (3,).

    Raises DreamitateError where the tool has no colour but skin's.
    """
    palette = palette_of(model.colours, scene_histogram(level))
    nearness = palette.nearness_to_skin()  # anybody's
    tone = skin_tone(level, palette)
    if tone is not None:
        palette = palette.with_skin_tone(tone)
        nearness = np.maximum(nearness, palette.nearness_to_skin())
    if nearness.min() > NEAR_SKIN:
        raise DreamitateError(
            f"All colours of tool {name!r} are those of skin (overlap {nearness.min():.2f}, allowed {NEAR_SKIN}):"
            " it cannot be told from the hand. Give the tool another colour."
        )
    return palette, tone


def _search(eyes: Eyes, maps: Maps, progress: Progress) -> list[list[Hypothesis]]:
    """Return per frame the best distinct hypotheses of a search without any idea where the tool is."""
    rotations = spread_rotations(ROTATIONS)
    found = []
    for step in range(len(maps)):
        tried: list[Hypothesis] = []
        for place in places(maps[step], eyes, 2):
            progress("searching for the tool", step / len(maps))
            tried += distinct(eyes.searched(place, rotations, maps[step]), 12, 0.3, 0.03)
        refined = [eyes.refined(h.pose, maps[step], 4) for h in distinct(tried, 16, 0.3, 0.03)]
        found.append(distinct(refined, KEPT, 0.2, 0.02))
    return found


def _learned(
    views: Views, model: Model, palette: Palette, tone: Array | None, poses: Array, seen: NDArray[np.bool_]
) -> Palette:
    """Return the palette as the clip shows it, learned at the finest level that shows more than the coarse one."""
    level = views.level(min(FINE_WIDTHS[-1], max(views.full_width, FINE_WIDTHS[0])))
    eyes = Eyes(simplified(model, FINE_CELL_M, FINE_FACES), views.reference_to_cameras, level.intrinsics)
    return learned(palette, tone, level, eyes, poses, seen)


def _again(eyes: Eyes, maps: Maps, candidates: list[list[Hypothesis]], progress: Progress) -> list[list[Hypothesis]]:
    """Return per frame the best distinct hypotheses on new maps, handed on from frame to frame, forwards and back."""
    found = [
        distinct([eyes.refined(h.pose, maps[t], 3) for h in frame], KEPT, 0.2, 0.02)
        for t, frame in enumerate(candidates)
    ]
    steps = len(maps)
    for way in (1, -1):
        for step in range(1, steps) if way == 1 else range(steps - 2, -1, -1):
            progress("searching for the tool again", step / steps)
            before = [h.pose for h in found[step - way][:3]]
            if 0 <= step - 2 * way < steps and before and found[step - 2 * way]:
                before.append(se3.interpolate(found[step - 2 * way][0].pose, before[0], 2.0))
            tried = [eyes.refined(pose, maps[step], 4) for pose in before]
            found[step] = distinct([*found[step], *tried], KEPT, 0.2, 0.02)
    for step, frame in enumerate(found):
        progress("looking around", step / steps)
        found[step] = distinct([*frame, *(eyes.climbed(h.pose, maps[step]) for h in frame[:2])], KEPT, 0.2, 0.02)
    for step in range(1, steps - 1):
        if found[step - 1] and found[step + 1]:
            between = se3.interpolate(found[step - 1][0].pose, found[step + 1][0].pose, 0.5)
            found[step] = distinct([*found[step], eyes.refined(between, maps[step], 4)], KEPT, 0.2, 0.02)
    return found


def _refit(
    views: Views, model: Model, palette: Palette, width: int, start: Fit, seen: NDArray[np.bool_], progress: Progress
) -> Fit:
    """Return the path fitted again on larger pictures, near the path so far."""
    level = views.level(width)
    eyes = Eyes(simplified(model, FINE_CELL_M, FINE_FACES), views.reference_to_cameras, level.intrinsics)
    windows = _windows(eyes, start.poses, level, 14)
    return fit(eyes, make_maps(level, palette, windows), start, Prior(), 5, 1.0, 0.5, 7, seen, progress)


def _windows(eyes: Eyes, poses: Array, level: Level, margin_px: int) -> NDArray[np.int64]:
    """Return (12, 2, 4) first and last row, first and last column around the tool at poses (12, 4, 4) and a margin."""
    height, width = level.images.shape[2:4]
    boxes = np.zeros((len(poses), 2, 4), np.int64)
    for step, pose in enumerate(poses):
        for view, (fx, fy, cx, cy) in enumerate(eyes.intrinsics):
            x, y, z = se3.transform_points(eyes.reference_to_cameras[view] @ pose, eyes.body[0]).T
            if z.min() > 0.05:
                u, v = fx * x / z + cx, fy * y / z + cy
                rows = np.clip([v.min() - margin_px, v.max() + margin_px], 0, height)
                columns = np.clip([u.min() - margin_px, u.max() + margin_px], 0, width)
                boxes[step, view] = [*rows, *columns]
    return boxes


def _nowhere(clip: Clip, name: str, model: Model) -> ToolTrajectory:
    """Return the trajectory of a tool that no frame shows: status NOT_VISIBLE, poses one metre before camera 1."""
    pose = np.eye(4)
    pose[2, 3] = 1.0
    return ToolTrajectory(
        tool=name,
        frame="reference",
        time_s=clip.video.time_s,
        transform_tool_to_frame=np.tile(pose @ se3.inverse(model.transform_body_to_tool), (STEPS, 1, 1)),
        covariance=np.tile(np.diag([1.0] * 3 + [np.pi**2] * 3), (STEPS, 1, 1)),
        score=np.zeros(STEPS),
        status=np.zeros(STEPS, np.int64),
    )
