"""Statistics of features as LeRobot keeps them: per episode, and put together over all."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Stats = dict[str, NDArray[np.float64]]
QUANTILES = (0.01, 0.10, 0.50, 0.90, 0.99)
_EVERY = 4
"""Pixels of pictures are counted at every fourth row and column."""


def of_numbers(values: NDArray[np.generic]) -> Stats:
    """Return the statistics of values (N, n) along their first axis, each (n,); count (1,)."""
    return _stats(values.reshape(len(values), -1).astype(float), len(values))


def of_pictures(pictures: NDArray[np.uint8]) -> Stats:
    """Return the statistics of pictures (N, H, W, 3) per channel, in 0..1, each (3, 1, 1); count (1,) of pictures."""
    pixels = pictures[:, ::_EVERY, ::_EVERY].reshape(-1, 3) / 255.0
    found = _stats(pixels, len(pictures))
    return {name: value if name == "count" else value.reshape(3, 1, 1) for name, value in found.items()}


def together(parts: Sequence[Stats]) -> Stats:
    """Return the statistics over all parts; quantiles are the parts' mean, by their counts, as LeRobot takes them."""
    count = np.array([part["count"][0] for part in parts], float)
    share = count / count.sum()

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.tensordot(share, values, axes=1))

    stacked = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
    centre = mean(stacked["mean"])
    variance = mean(stacked["std"] ** 2 + (stacked["mean"] - centre) ** 2)
    return {
        "min": stacked["min"].min(axis=0),
        "max": stacked["max"].max(axis=0),
        "mean": centre,
        "std": np.sqrt(variance),
        "count": count.sum(keepdims=True).astype(np.int64),
        **{name: mean(stacked[name]) for name in (_name(q) for q in QUANTILES)},
    }


def _stats(values: NDArray[np.float64], count: int) -> Stats:
    quantiles = np.quantile(values, QUANTILES, axis=0)
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([count]),
        **{_name(q): row for q, row in zip(QUANTILES, quantiles, strict=True)},
    }


def _name(quantile: float) -> str:
    return f"q{round(100 * quantile):02d}"
