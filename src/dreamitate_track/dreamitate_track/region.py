"""The region tracker: find each tool in every frame, choose the path, fit all frames and both views together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.progress import Progress
from dreamitate_core.trajectory import ToolTrajectory
from dreamitate_core.video import STEPS

from .certainty import surest
from .compiled import compile_first
from .detect import Eyes
from .fuse import COARSE_CELL_M, COARSE_WIDTH, FINE_CELL_M, FINE_FACES, FINE_WIDTHS, FUSIONS, Start, look
from .guide import Guide
from .hints import Hints
from .learn import clear_frames, learned, skin_tone
from .maps import make_maps, scene_histogram
from .model import Model, make_model, simplified
from .palette import Palette, palette_of
from .quality import judge, recognised, statuses
from .rivals import way_round_is_certain
from .scene import Level, Views
from .search import search, search_again
from .sequence import best_paths, filled, turned_over

Array = NDArray[np.float64]

NEAR_SKIN = 0.75
"""Overlap of a tool's colours with skin's from which the two cannot be told apart."""


@dataclass(frozen=True)
class Found:
    """A tool as the search left it: where fitting starts, and the palette before the clip taught it anything.

    start is None where no frame shows it; settled: of the ways round that the search tried, one is clearly the best;
    told: a person said which way round it is.
    """

    name: str
    model: Model
    start: Start | None
    given: Palette
    settled: bool
    told: bool


def track_region(clip: Clip, progress: Progress, hints: Hints, fusion: str = "joint") -> dict[str, ToolTrajectory]:
    """Return each tool's trajectory. Raises DreamitateError for meshes that cannot be tracked, or unknown fusions."""
    if fusion not in FUSIONS:
        raise unknown("fusion", fusion, FUSIONS)
    return {found.name: fused(clip, found, fusion, progress) for found in find_tools(clip, progress, hints)}


def find_tools(clip: Clip, progress: Progress, hints: Hints) -> list[Found]:
    """Return where the search found the clip's tools. Raises DreamitateError for meshes that cannot be tracked."""
    models = [make_model(tool) for tool in clip.tools]
    compile_first(progress)
    views = Views(clip)
    coarse = views.level(COARSE_WIDTH)
    radii_m = np.array([model.radius for model in models])
    eyes = [Eyes(simplified(model, COARSE_CELL_M), views.reference_to_cameras, coarse.intrinsics) for model in models]
    guides = [
        Guide(hints.get(tool.name), model.transform_body_to_tool, clip.video.width)
        for tool, model in zip(clip.tools, models, strict=True)
    ]
    palettes, tones, first_maps, candidates = [], [], [], []
    for tool, model, guide, own in zip(clip.tools, models, guides, eyes, strict=True):
        palette, tone = _first_palette(tool.name, model, coarse)
        palette = guide.taught(palette, coarse)
        maps = guide.confined(make_maps(coarse, palette))
        tried = [[]] * STEPS if guide.whole else search(own, maps, len(models), progress)
        palettes.append(palette)
        tones.append(tone)
        first_maps.append(maps)
        candidates.append(guide.held(own, maps, tried))
    given = list(palettes)
    for n, path in enumerate(best_paths(candidates, radii_m)):
        if max(path) < 0:
            continue
        poses, seen = filled(candidates[n], path)
        clear = clear_frames(eyes[n], first_maps[n], poses, seen)
        palettes[n] = _learned(views, models[n], palettes[n], tones[n], poses, clear)
        maps = guides[n].confined(make_maps(coarse, palettes[n]))
        tried = search_again(eyes[n], maps, candidates[n], len(models), progress)
        candidates[n] = guides[n].held(eyes[n], maps, tried)
    starts = [
        Start(views, models[index], palettes[index], *filled(candidates[index], path)) if max(path) >= 0 else None
        for index, path in enumerate(best_paths(candidates, radii_m))
    ]
    found = []
    for index, (tool, start) in enumerate(zip(clip.tools, starts, strict=True)):
        settled = False
        if start is not None:
            others = [other.poses for n, other in enumerate(starts) if other is not None and n != index]
            start, settled = surest(start, turned_over(candidates[index], start.poses, others), progress)
        found.append(Found(tool.name, models[index], start, given[index], settled, bool(guides[index].poses)))
    return found


def fused(clip: Clip, found: Found, fusion: str, progress: Progress) -> ToolTrajectory:
    """Return the trajectory of a tool that the search found, by the fusion of that name."""
    start, model = found.start, found.model
    if start is None:
        return _nowhere(clip, found.name, model)
    fitted = FUSIONS[fusion](start, progress)
    eyes, maps = look(start, COARSE_WIDTH, fitted.poses)
    quality = judge(eyes, maps, start.palette.trust, fitted.poses)
    as_given = make_maps(start.views.level(COARSE_WIDTH), found.given)
    certain = np.full(STEPS, recognised(eyes, as_given, found.given.trust, fitted.poses))
    if not found.told:
        certain &= found.settled & way_round_is_certain(eyes, maps, fitted.poses, start.seen)
    twist_to_tool = se3.adjoint(model.transform_body_to_tool)
    return ToolTrajectory(
        tool=found.name,
        frame="reference",
        time_s=clip.video.time_s,
        transform_tool_to_frame=fitted.poses @ se3.inverse(model.transform_body_to_tool),
        covariance=twist_to_tool @ fitted.covariance @ twist_to_tool.T,
        score=quality.score * np.where(certain, 1.0, 0.5),
        status=statuses(quality, fitted.covariance, start.seen, certain),
        views_apart_px=fitted.views_apart_px * clip.video.width / 768,
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


def _learned(
    views: Views, model: Model, palette: Palette, tone: Array | None, poses: Array, seen: NDArray[np.bool_]
) -> Palette:
    """Return the palette as the clip shows it, learned at the finest level that shows more than the coarse one."""
    level = views.level(min(FINE_WIDTHS[-1], max(views.full_width, FINE_WIDTHS[0])))
    eyes = Eyes(simplified(model, FINE_CELL_M, FINE_FACES), views.reference_to_cameras, level.intrinsics)
    return learned(palette, tone, level, eyes, poses, seen)


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
