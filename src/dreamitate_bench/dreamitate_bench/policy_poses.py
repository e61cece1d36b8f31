"""Paths of tools as numbers that a network can learn: per tool and time step a position and two axes (Zhou et al., On
the Continuity of Rotation Representations in Neural Networks, CVPR 2019).
"""

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

Array = NDArray[np.float64]

NUMBERS = 9
"""Per tool: x, y, z [m], then the first two columns of the rotation matrix."""
SMALLEST_RANGE_M = 1e-3
"""A height that never changes must not become noise when its range is stretched to -1..1."""


def to_numbers(paths: Array) -> Array:
    """Return (..., T, 9 * tools) of poses (..., tools, T, 4, 4)."""
    axes = np.swapaxes(paths[..., :3, :2], -1, -2)
    numbers = np.concatenate([paths[..., :3, 3], axes.reshape(*paths.shape[:-2], 6)], -1)
    return np.concatenate(list(np.moveaxis(numbers, -3, 0)), -1)


def to_paths(numbers: Array) -> Array:
    """Return poses (..., tools, T, 4, 4) of (..., T, 9 * tools); axes that are not quite orthonormal are made so."""
    each = np.stack(np.split(np.asarray(numbers, float), numbers.shape[-1] // NUMBERS, -1), -3)
    first = _unit(each[..., 3:6])
    second = each[..., 6:9] - (first * each[..., 6:9]).sum(-1, keepdims=True) * first
    second = _unit(second)
    rotation = np.stack([first, second, np.cross(first, second)], -1)
    return se3.make_transform(rotation, each[..., :3])


def limits(paths: Array) -> tuple[Array, Array]:
    """Return the least and the greatest (9 * tools,) of the numbers of paths (N, tools, T, 4, 4); of axes, -1 and 1."""
    numbers = to_numbers(paths).reshape(-1, NUMBERS * paths.shape[1])
    lower, upper = numbers.min(0), numbers.max(0)
    is_axis = np.arange(len(lower)) % NUMBERS >= 3
    return np.where(is_axis, -1.0, lower - SMALLEST_RANGE_M / 2), np.where(is_axis, 1.0, upper + SMALLEST_RANGE_M / 2)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
