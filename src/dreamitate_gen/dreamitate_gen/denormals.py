"""Numbers next to zero, which processors are slow with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Count numbers next to zero as zero, much faster on a CPU, and stop doing so at the end: it holds for all code."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
