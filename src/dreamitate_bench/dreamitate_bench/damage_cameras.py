"""Damage to what a clip says of its cameras."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from dreamitate_core import se3
from dreamitate_core.camera import Camera
from dreamitate_core.clip import Clip

from .damage_ways import Rng, damage


def _cameras(clip: Clip, change: Callable[[int, Camera], Camera]) -> Clip:
    one, two = (change(view, camera) for view, camera in enumerate(clip.rig.cameras))
    return replace(clip, rig=replace(clip.rig, camera_1=one, camera_2=two))


def _second(clip: Clip, transform: Any) -> Clip:
    return _cameras(clip, lambda v, c: replace(c, transform_camera_to_reference=transform) if v else c)


@damage
def cameras_swapped(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _second(clip, se3.inverse(clip.rig.camera_2.transform_camera_to_reference))


@damage
def cameras_together(rng: Rng, clip: Clip, other: Clip) -> Clip:
    return _second(clip, np.eye(4))


@damage
def cameras_moved(rng: Rng, clip: Clip, other: Clip) -> Clip:
    twist = rng.normal(0, rng.choice([0.02, 0.1, 0.5]), 6)
    return _second(clip, clip.rig.camera_2.transform_camera_to_reference @ se3.exp(twist))


@damage
def cameras_turned_away(rng: Rng, clip: Clip, other: Clip) -> Clip:
    turned = clip.rig.camera_2.transform_camera_to_reference @ se3.exp([0, 0, 0, *rng.normal(0, 3, 3)])
    return _second(clip, turned)


@damage
def cameras_in_millimetres(rng: Rng, clip: Clip, other: Clip) -> Clip:
    moved = clip.rig.camera_2.transform_camera_to_reference.copy()
    moved[:3, 3] *= 1000
    return _second(clip, moved)


@damage
def extrinsics_infinite(rng: Rng, clip: Clip, other: Clip) -> Clip:
    broken = clip.rig.camera_2.transform_camera_to_reference.copy()
    broken[rng.integers(3), rng.integers(4)] = rng.choice([np.nan, np.inf, -np.inf])
    return _second(clip, broken)


@damage
def extrinsics_no_rotation(rng: Rng, clip: Clip, other: Clip) -> Clip:
    broken = clip.rig.camera_2.transform_camera_to_reference.copy()
    broken[:3, :3] *= rng.choice([-1.0, 0.0, 2.0])
    return _second(clip, broken)


@damage
def intrinsics_nan(rng: Rng, clip: Clip, other: Clip) -> Clip:
    K = clip.rig.camera_1.K.copy()
    K[rng.integers(2), rng.integers(3)] = rng.choice([np.nan, np.inf])
    return _cameras(clip, lambda v, c: c if v else replace(c, K=K))


@damage
def intrinsics_negative(rng: Rng, clip: Clip, other: Clip) -> Clip:
    K = clip.rig.camera_1.K * np.array([[rng.choice([-1, 0])], [1], [1]])
    return _cameras(clip, lambda v, c: c if v else replace(c, K=K))


@damage
def intrinsics_scaled(rng: Rng, clip: Clip, other: Clip) -> Clip:
    gain = np.exp(rng.normal(0, rng.choice([0.1, 0.7, 4.0]), (2, 1)))
    return _cameras(clip, lambda v, c: replace(c, K=np.vstack([c.K[:2] * gain, c.K[2:]])))


@damage
def intrinsics_off_centre(rng: Rng, clip: Clip, other: Clip) -> Clip:
    by = rng.normal(0, rng.choice([10, 100, 1e4]), 2)

    def move(view: int, camera: Camera) -> Camera:
        K = camera.K.copy()
        K[:2, 2] += by
        return replace(camera, K=K)

    return _cameras(clip, move)


@damage
def distortion(rng: Rng, clip: Clip, other: Clip) -> Clip:
    coefficients = rng.normal(0, rng.choice([0.1, 2.0, 1e3]), 5)
    return _cameras(clip, lambda v, c: replace(c, distortion=coefficients))
