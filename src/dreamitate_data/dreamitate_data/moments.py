"""Which pairs make the clip: the last bare one before the hand comes in, then one per time step."""

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.tool import Tool, colours_of
from dreamitate_core.video import STEPS
from dreamitate_track.palette import SKIN_TONES, UNIFORM, shaded

CHANGED = 25
"""Grey levels, in the channel that differs most, from which on a pixel has changed."""
ENTERED = 0.004
"""The share of changed pixels in one view from which on somebody is there."""
SEEN = 0.0015
"""The share of a view that hand, and tool, must cover in some step."""
UNCOVERED = 0.5
"""The tool lay in the first frame where so much of it, against what is seen of it later, is gone from there."""
SATURATED = 60
"""Channels of a tool's colour that differ by so much; its dark and grey parts look like cloths and shadows."""
BARE_PAIRS = 3
"""Pairs at the start that must be alike to be taken as the bare scene."""


def choose(time_s: NDArray[np.float64], small: NDArray[np.uint8], duration_s: float) -> list[int]:
    """Return the numbers (13) of the pairs at t = 0..12: never later than the step's time, at most half a step older.

    time_s: (N,); small: (N, 2, h, w, 3) RGB. Raises DreamitateError: not bare at first, nobody came, too short, gaps.
    """
    if len(small) < BARE_PAIRS + STEPS:
        raise DreamitateError(f"only {len(small)} stereo pairs; at least {BARE_PAIRS + STEPS} are needed")
    bare = np.median(small[:BARE_PAIRS], axis=0).astype(np.uint8)
    share = np.array([_shares(pair, bare) for pair in small]).max(axis=1)
    if share[:BARE_PAIRS].max() > ENTERED:
        raise DreamitateError("something moves from the first pair on; begin with the bare table, hands out of view")
    entered = np.flatnonzero(share > ENTERED)
    if not len(entered):
        raise DreamitateError("nothing ever moves; was the demonstration given while recording?")
    start = int(entered[0]) - 1
    left_s = time_s[-1] - time_s[start]
    step_s = duration_s / STEPS
    if left_s < duration_s - 0.5 * step_s:
        raise DreamitateError(f"{left_s:.2f} s are left after the last bare pair; the task's clip has {duration_s:g} s")
    wanted = time_s[start] + np.arange(STEPS + 1) * step_s
    chosen = np.searchsorted(time_s, wanted + 1e-6, side="right") - 1  # the newest that is not later
    late_s = wanted - time_s[chosen]
    if late_s.max() > 0.5 * step_s:
        raise DreamitateError(
            f"no pair for {late_s.max():.3f} s before step {int(late_s.argmax())}; at most {0.5 * step_s:.3f} s"
        )
    return [int(index) for index in chosen]


def check_seen(small: NDArray[np.uint8], tools: list[Tool]) -> None:
    """Check the chosen pairs (13, 2, h, w, 3): no tool or hand in the bare one, both later, in both views.

    Raises DreamitateError that says what is missing where.
    """
    colours = np.concatenate([vivid_colours(tool) for tool in tools])
    tool, skin = shaded(colours, 1.0), shaded(SKIN_TONES, 0.6)
    for view in (0, 1):
        hands, tools_seen, uncovered = [], [], []
        bare = small[0, view]
        lain = alike(bare, tool, skin)
        for image in small[1:, view]:
            moved = _changed(image, bare)
            hands.append((moved & alike(image, skin, tool)).mean())
            tools_seen.append((moved & alike(image, tool, skin)).mean())
            uncovered.append((moved & lain & ~alike(image, tool, skin)).mean())
        for name, shares in (("hand", hands), ("tool", tools_seen)):
            if max(shares) < SEEN:
                raise DreamitateError(
                    f"no {name} is seen in view {view + 1}: it covers {max(shares):.2%} at most, {SEEN:.2%} are needed"
                )
        if min(uncovered[-3:]) > UNCOVERED * max(tools_seen):
            raise DreamitateError(f"the tool lies in view {view + 1} of the first frame, which must be bare")


def _shares(pair: NDArray[np.uint8], bare: NDArray[np.uint8]) -> list[float]:
    return [float(_changed(image, ground).mean()) for image, ground in zip(pair, bare, strict=True)]


def _changed(image: NDArray[np.uint8], bare: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(cv2.absdiff(image, bare).max(axis=-1) > CHANGED)


def vivid_colours(tool: Tool) -> NDArray[np.float64]:
    """Return the RGB colours (N, 3) by which a tool is known: the saturated ones, where it has any."""
    colours = np.unique(colours_of(tool.mesh).vertex_colors[:, :3], axis=0).astype(float)
    saturated = colours[np.ptp(colours, axis=1) >= SATURATED]
    return saturated if len(saturated) else colours


def alike(image: NDArray[np.uint8], wanted: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which pixels have the wanted colours rather than the others."""
    i, j, k = (image >> 3).transpose(2, 0, 1)
    return np.asarray(wanted[i, j, k] > np.maximum(other[i, j, k], 4 * UNIFORM))
