"""Numbers out of files that anybody may have written."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DreamitateError

Array = NDArray[np.float64]


def read_array(value: Any, shape: tuple[int, ...] | None, name: str) -> Array:
    """Return the finite numbers of a value, of that shape; None: a list of any length. Raises DreamitateError."""
    try:
        array = np.array(value, float)
    except (TypeError, ValueError, OverflowError):
        raise DreamitateError(f"{name} must be numbers; it is {_short(value)}.") from None
    wanted = shape if shape is not None else array.shape[:1]
    if array.shape != wanted or (shape is None and array.ndim != 1):
        raise DreamitateError(f"{name} must have shape {shape or '(n,)'}; it has {array.shape}.")
    if not np.isfinite(array).all():
        raise DreamitateError(f"{name} holds numbers that are not finite: {_short(value)}.")
    return array


def read_number(value: Any, name: str) -> float:
    """Return the finite number that a value is. Raises DreamitateError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(_float(value)):
        raise DreamitateError(f"{name} must be a finite number; it is {_short(value)}.")
    return float(value)


def read_count(value: Any, name: str, most: int) -> int:
    """Return the whole number from 1 to `most` that a value is. Raises DreamitateError."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise DreamitateError(f"{name} must be a whole number from 1 to {most}; it is {_short(value)}.")
    return value


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
