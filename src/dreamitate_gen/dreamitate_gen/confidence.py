"""How far a dream can be trusted, without knowing the truth: which of several is taken.

A dream is good where the tools are seen in all frames, both views show them in the same place, they keep their size,
and the rest of the scene stays as it is on the photos. The tools are found by their own vivid colours: quicker than
tracking them, and enough to compare dreams of one scene.
"""

import colorsys
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.camera import Camera
from dreamitate_core.clip import Clip
from dreamitate_core.tool import Tool, colours_of
from dreamitate_core.video import STEPS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

VIVID = 0.5
"""Saturation and value from which on a colour of a tool counts as vivid."""
HUE_APART, HUE_NEAR = 0.09, 0.05
"""Of the colour circle: tools' colours that are farther apart are two; a pixel is of a colour that is so near."""
PIXEL_SATURATION, PIXEL_VALUE = 0.45, 0.2
CHANGED = 24
"""Of 255, from the photo, in any channel: what has come into the picture."""
LEAST_SHARE = 3e-4
"""Of the picture's pixels that a colour must cover to be seen."""
STEREO_PX, ROUGHNESS, CHANGE = 2.0, 0.5, 12.0
"""Disagreement, unsteadiness of size and change of the scene at which trust falls by a factor e."""


@dataclass(frozen=True)
class Confidence:
    """seen: share 0..1 of the views and time steps that show a tool; stereo_px: how far a tool's colours in view 2 lie
    from the epipolar lines of those in view 1, median, pixels; roughness: how unsteady their sizes are in time, mean
    change of the logarithm; change: of the scene behind, mean of 255."""

    seen: float
    stereo_px: float
    roughness: float
    change: float

    @property
    def value(self) -> float:
        """Trust, 0..1."""
        doubt = self.stereo_px / STEREO_PX + self.roughness / ROUGHNESS + self.change / CHANGE
        return float(self.seen * np.exp(-doubt))

    def as_info(self) -> dict[str, float]:
        """Return what `clip.json` keeps."""
        return {"value": round(self.value, 4), **{name: round(value, 4) for name, value in asdict(self).items()}}


def confidence(clip: Clip) -> Confidence:
    """Return how far the clip can be trusted. Where the tools have no vivid colour, all that moves is looked at."""
    views = clip.video.view_1[1:], clip.video.view_2
    photos = clip.background_1, clip.background_2
    hues = vivid_hues(clip.tools)
    masks = np.stack([_masks(view, photo, hues) for view, photo in zip(views, photos, strict=True)])
    areas = masks.sum((-2, -1))  # (2, 12, H)
    seen = areas >= LEAST_SHARE * masks.shape[-1] * masks.shape[-2]
    return Confidence(
        seen=float(seen.any(axis=2).mean()),
        stereo_px=_stereo_px(masks, seen, clip.rig.cameras),
        roughness=_roughness(areas, seen),
        change=float(np.mean([_change(view, photo) for view, photo in zip(views, photos, strict=True)])),
    )


def vivid_hues(tools: list[Tool]) -> list[float]:
    """Return the hues 0..1 of the tools' vivid colours, the largest first, no two of them alike."""
    shares: dict[float, float] = {}
    for tool in tools:
        colours = np.asarray(colours_of(tool.mesh).face_colors)[:, :3] / 255.0
        for colour in np.unique(colours, axis=0):
            hue, saturation, value = colorsys.rgb_to_hsv(*colour)
            if min(saturation, value) >= VIVID:
                area = float(tool.mesh.area_faces[(colours == colour).all(axis=1)].sum())
                shares[hue] = shares.get(hue, 0.0) + area
    chosen: list[float] = []
    for hue in sorted(shares, key=lambda each: -shares[each]):
        if all(_apart(hue, other) > HUE_APART for other in chosen):
            chosen.append(hue)
    return chosen


def _apart(hue: float, other: float) -> float:
    return abs((hue - other + 0.5) % 1.0 - 0.5)


def _masks(frames: NDArray[np.uint8], photo: NDArray[np.uint8], hues: list[float]) -> Mask:
    """Return where each frame (12, H, W, 3) has come to show each hue: (12, len(hues) or 1, H, W)."""
    masks = []
    for frame in frames:
        changed = cv2.absdiff(frame, photo).max(axis=2) > CHANGED
        hsv = cv2.cvtColor(frame.astype(np.float32) / 255.0, cv2.COLOR_RGB2HSV)
        vivid = changed & (hsv[..., 1] > PIXEL_SATURATION) & (hsv[..., 2] > PIXEL_VALUE)
        apart = [np.abs((hsv[..., 0] / 360.0 - hue + 0.5) % 1.0 - 0.5) for hue in hues]
        masks.append(np.stack([vivid & (far < HUE_NEAR) for far in apart] or [changed]))
    return np.stack(masks)


def _stereo_px(masks: Mask, seen: Mask, cameras: tuple[Camera, Camera]) -> float:
    """Return the median distance of colours' middles in view 2 from the epipolar lines of those in view 1; where no
    colour is seen in both views at once, the pictures' height."""
    distances = []
    for step, hue in zip(*np.nonzero(seen.all(axis=0)), strict=True):
        one, two = (np.argwhere(masks[view, step, hue]).mean(axis=0)[::-1] for view in (0, 1))
        origin, direction = cameras[0].rays(one)
        ends, depths = cameras[1].project(origin + np.array([[0.3], [2.0]]) * direction)
        if (depths > 0).all():
            along = ends[1] - ends[0]
            offset = two - ends[0]
            distances.append(abs(along[0] * offset[1] - along[1] * offset[0]) / np.linalg.norm(along))
    return float(np.median(distances)) if distances else float(masks.shape[-2])


def _roughness(areas: NDArray[np.int64], seen: Mask) -> float:
    """Return how far a colour's size is from the mean of those before and after it, in logarithms, in the mean."""
    logarithms = np.where(seen, np.log(np.maximum(areas, 1.0)), np.nan)
    bends = np.abs(logarithms[:, 1:-1] - 0.5 * (logarithms[:, :-2] + logarithms[:, 2:]))
    return float(np.nanmean(bends)) if np.isfinite(bends).any() else float(STEPS)


def _change(frames: NDArray[np.uint8], photo: NDArray[np.uint8]) -> float:
    """Return how far the frames (12, H, W, 3) are from the photo, of 255: in each pixel the median over time, which
    does not see a hand that goes by."""
    difference = np.abs(frames.astype(np.int16) - photo).mean(axis=3)
    return float(np.median(difference, axis=0).mean())
