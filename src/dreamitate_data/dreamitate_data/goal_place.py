"""Where did the demonstration leave the object? Its mask is the clip's goal (paper section 4.5)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool
from dreamitate_track.palette import SKIN_TONES, shaded

from .moments import CHANGED, SEEN, alike, vivid_colours

Images = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Colours = NDArray[np.float64]

OFF_CLOTH = 40.0
"""Grey levels by which an object differs from the cloth, at least."""
SHADED = 0.3
"""An object's sides differ from the cloth by this share of what its top does, at least."""
PART = 0.1
"""Parts of the object smaller than this share of its largest are taken for specks."""


def final_masks(first: Images, last: Images, tools: list[Tool]) -> tuple[Mask, Mask]:
    """Return each view's mask (H, W), 255 where the object that was moved lies in the last pair, 0 elsewhere.

    first, last: (2, H, W, 3) RGB, both without hand and tool: the object is what is off the cloth where nothing was
    before, and all that has its colours and hangs together with that.
    Raises DreamitateError where something still reaches in, a tool is left there, or no object has moved.
    """
    colours = np.concatenate([vivid_colours(tool) for tool in tools])
    one, two = (_mask(*pair, colours, view) for view, pair in enumerate(zip(first, last, strict=True), 1))
    return one, two


def _mask(before: Images, after: Images, tool: Colours, view: int) -> Mask:
    smooth, earlier = (cv2.GaussianBlur(image, (0, 0), 1.0).astype(float) for image in (after, before))
    cloth = np.median(smooth.reshape(-1, 3), axis=0)
    off = np.linalg.norm(smooth - cloth, axis=2)
    changed = np.abs(smooth - earlier).max(axis=2) > CHANGED
    new = changed & (off > OFF_CLOTH)
    if new.mean() < SEEN:
        raise DreamitateError(f"no object lies elsewhere than before in view {view} of the last pair")
    if (new & alike(after, shaded(tool, 1.0), shaded(SKIN_TONES, 0.6))).mean() > SEEN:
        raise DreamitateError(f"the tool is still in view {view} of the last pair; end with the object alone")
    colour = np.median(smooth[new], axis=0)
    same = np.linalg.norm(smooth - colour, axis=2) < off
    shown = (off > SHADED * np.linalg.norm(colour - cloth)) & (changed | same)
    count, part = cv2.connectedComponents(shown.astype(np.uint8))
    areas = np.array([((part == label) & new).any() * (part == label).sum() for label in range(1, count)])
    mask = np.isin(part, 1 + np.flatnonzero(areas > PART * areas.max()))
    if mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any():
        raise DreamitateError(f"something reaches into view {view} of the last pair; end with the object alone")
    return np.where(mask, 255, 0).astype(np.uint8)
