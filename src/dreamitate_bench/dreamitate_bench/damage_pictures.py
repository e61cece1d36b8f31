"""Damage to a clip's pictures."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.tool import colours_of
from dreamitate_core.video import STEPS, StereoVideo

from .damage_ways import Rng, damage

Images = NDArray[np.uint8]


def _frames(clip: Clip, change: Callable[[int, int, Images], Any]) -> Clip:
    """Return the clip with each picture at step 0..11 and view 0..1 passed through `change`."""
    pairs = clip.video.pairs()
    new = [
        [np.asarray(change(step, view, pairs[step, view].copy()), np.uint8) for view in (0, 1)] for step in range(STEPS)
    ]
    return _with_pairs(clip, np.array(new))


def _with_pairs(clip: Clip, pairs: Images) -> Clip:
    video = StereoVideo(np.concatenate([clip.video.view_1[:1], pairs[:, 0]]), pairs[:, 1].copy(), clip.video.fps)
    return replace(clip, video=video)


def _bare_pairs(clip: Clip) -> Images:
    return np.tile(np.stack([clip.background_1, clip.background_2])[None], (STEPS, 1, 1, 1, 1))


@damage
def black_frames(rng: Rng, clip: Clip, other: Clip) -> Clip:
    dark = rng.random((STEPS, 2)) < rng.uniform(0.1, 0.9)
    return _frames(clip, lambda s, v, image: image * (not dark[s, v]))


@damage
def view_missing(rng: Rng, clip: Clip, other: Clip) -> Clip:
    gone, grey = rng.integers(2), rng.integers(256)
    return _frames(clip, lambda s, v, image: np.full_like(image, grey) if v == gone else image)


@damage
def view_frozen(rng: Rng, clip: Clip, other: Clip) -> Clip:
    frozen, at = rng.integers(2), rng.integers(STEPS)
    held = clip.video.pairs()[at, frozen]
    return _frames(clip, lambda s, v, image: held if v == frozen else image)


@damage
def nothing_moves(rng: Rng, clip: Clip, other: Clip) -> Clip:
    bare = clip.background_1, clip.background_2
    return _frames(clip, lambda s, v, image: bare[v] + rng.integers(0, 3, image.shape).astype(np.uint8))


@damage
def views_swapped(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _with_pairs(clip, clip.video.pairs()[:, ::-1])


@damage
def frames_shuffled(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _with_pairs(clip, clip.video.pairs()[rng.permutation(STEPS)])


@damage
def views_out_of_step(rng: Rng, clip: Clip, other: Clip) -> Clip:
    pairs = clip.video.pairs()
    pairs[:, 1] = np.roll(pairs[:, 1], rng.integers(1, STEPS), axis=0)
    return _with_pairs(clip, pairs)


@damage
def frames_of_another(rng: Rng, clip: Clip, other: Clip) -> Clip:
    strange = rng.random((STEPS, 2)) < rng.uniform(0.1, 0.6)
    pairs = _bare_pairs(other)
    return _frames(clip, lambda s, v, image: pairs[s, v] if strange[s, v] else image)


@damage
def noise(rng: Rng, clip: Clip, other: Clip) -> Clip:
    sigma = rng.uniform(5, 150)
    return _frames(clip, lambda s, v, image: np.clip(image + rng.normal(0, sigma, image.shape), 0, 255))


@damage
def salt(rng: Rng, clip: Clip, other: Clip) -> Clip:
    share = rng.uniform(0.01, 0.6)

    def spoil(step: int, view: int, image: Images) -> Images:
        where = rng.random(image.shape[:2]) < share
        image[where] = rng.integers(0, 256, (int(where.sum()), 3))
        return image

    return _frames(clip, spoil)


@damage
def jpeg(rng: Rng, clip: Clip, other: Clip) -> Clip:
    quality = int(rng.integers(1, 20))
    return _frames(clip, lambda s, v, i: cv2.imdecode(cv2.imencode(".jpg", i, [1, quality])[1], cv2.IMREAD_COLOR))


@damage
def blur(rng: Rng, clip: Clip, other: Clip) -> Clip:
    sigma = rng.uniform(1, 12)
    return _frames(clip, lambda s, v, image: cv2.GaussianBlur(image, (0, 0), sigma))


@damage
def pixelated(rng: Rng, clip: Clip, other: Clip) -> Clip:
    small, size = int(rng.integers(4, 40)), (clip.video.width, clip.video.height)
    return _frames(
        clip, lambda s, v, i: cv2.resize(cv2.resize(i, (small, small)), size, interpolation=cv2.INTER_NEAREST)
    )


@damage
def colours_inverted(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _frames(clip, lambda s, v, image: 255 - image)


@damage
def colours_gone(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _frames(clip, lambda s, v, image: np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2))


@damage
def colour_cast(rng: Rng, clip: Clip, other: Clip) -> Clip:
    gain, offset = rng.uniform(0.2, 2.0, 3), rng.uniform(-80, 80, 3)
    return _frames(clip, lambda s, v, image: np.clip(image * gain + offset, 0, 255))


@damage
def flicker(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _frames(clip, lambda s, v, image: np.clip(image * rng.uniform(0.1, 2.5), 0, 255))


@damage
def views_mirrored(rng: Rng, clip: Clip, other: Clip) -> Clip:
    which = rng.integers(1, 4)
    return _frames(clip, lambda s, v, image: image[:, ::-1] if which >> v & 1 else image)


@damage
def views_shifted(rng: Rng, clip: Clip, other: Clip) -> Clip:
    by = rng.integers(-40, 41, (2, 2))
    return _frames(clip, lambda s, v, image: np.roll(image, by[v], axis=(0, 1)))


@damage
def bars(rng: Rng, clip: Clip, other: Clip) -> Clip:
    height, width = clip.video.height, clip.video.width
    corners = rng.integers(0, [width, height], (4, 2, 2))
    colours = rng.integers(0, 256, (4, 3))

    def cover(step: int, view: int, image: Images) -> Images:
        for (a, b), colour in zip(corners, colours, strict=True):
            cv2.rectangle(image, a.tolist(), b.tolist(), colour.tolist(), -1)
        return image

    return _frames(clip, cover)


@damage
def decoy(rng: Rng, clip: Clip, other: Clip) -> Clip:
    """A ball or a stick of one of the tool's own colours crosses the table; both cameras see it where it is."""
    colours = np.asarray(colours_of(clip.tools[0].mesh).face_colors, int)[:, :3]
    colour = colours[rng.integers(len(colours))]
    start, end = (np.array([*rng.uniform((-0.2, -0.12), (0.2, 0.12)), 0.02]) for _ in range(2))
    stick = rng.uniform(-0.08, 0.08, 3) * rng.integers(0, 2)
    radius_m = rng.uniform(0.008, 0.03)
    assert clip.rig.transform_reference_to_table is not None
    to_reference = se3.inverse(clip.rig.transform_reference_to_table)

    def put(step: int, view: int, image: Images) -> Images:
        camera = clip.rig.cameras[view]
        middle = start + (end - start) * step / (STEPS - 1)
        pixels, depth = camera.project(se3.transform_points(to_reference, np.stack([middle - stick, middle + stick])))
        thick = max(1, round(2 * radius_m * float(camera.K[0, 0]) / float(depth.mean())))
        one, two = pixels.round().astype(int).tolist()
        cv2.line(image, one, two, (0.8 * colour).astype(int).tolist(), thick, cv2.LINE_AA)
        return image

    return _frames(clip, put)


@damage
def backgrounds_swapped(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, background_1=clip.background_2, background_2=clip.background_1)


@damage
def backgrounds_of_another(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, background_1=other.background_1, background_2=other.background_2)


@damage
def backgrounds_black(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return replace(clip, background_1=np.zeros_like(clip.background_1), background_2=np.zeros_like(clip.background_2))


@damage
def backgrounds_with_hand(rng: Rng, clip: Clip, other: Clip) -> Clip:
    one, two = clip.video.pairs()[rng.integers(STEPS)]
    return replace(clip, background_1=one, background_2=two)
