"""Messages over a pipe: four bytes of length, a JSON header, then the raw bytes of the arrays that the header names.

Nothing that is received can run code. This file also runs in the user's environment: Python 3.8 and numpy suffice.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

import numpy as np

LARGEST_HEADER, LARGEST_ARRAY = 1_000_000, 64_000_000
"""Bytes."""
KINDS = ("uint8", "int64", "float32", "float64")


class ClosedError(Exception):
    """The other side has gone."""


def send(pipe: IO[bytes], header: dict[str, Any], **arrays: np.ndarray) -> None:
    """Send a header and arrays. Raises ClosedError where nobody reads."""
    packed = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    described = [[name, str(array.dtype), list(array.shape)] for name, array in packed.items()]
    text = json.dumps({**header, "arrays": described}).encode()
    try:
        pipe.write(struct.pack(">I", len(text)) + text)
        for array in packed.values():
            pipe.write(array.tobytes())
        pipe.flush()
    except (BrokenPipeError, ValueError):
        raise ClosedError from None


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the next header and its arrays. Raises ClosedError at the end, ValueError for what is no message."""
    length = struct.unpack(">I", _exactly(pipe, 4))[0]
    if length > LARGEST_HEADER:
        raise ValueError(f"a header of {length} bytes")
    header = json.loads(_exactly(pipe, length))
    arrays = {}
    for name, kind, shape in header.pop("arrays"):
        if kind not in KINDS or not all(isinstance(side, int) and side >= 0 for side in shape):
            raise ValueError(f"an array of {kind} and shape {shape}")
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        if not 0 <= size <= LARGEST_ARRAY:
            raise ValueError(f"an array of {size} bytes")
        arrays[name] = np.frombuffer(_exactly(pipe, size), kind).reshape(shape)
    return header, arrays


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = pipe.read(size - len(data))
        if not piece:
            raise ClosedError
        data += piece
    return data
