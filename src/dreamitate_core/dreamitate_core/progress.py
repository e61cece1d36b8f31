"""How long work says how far it is, and how it is stopped."""

from collections.abc import Callable

Progress = Callable[[str, float], None]
"""Called as progress(stage, fraction done 0..1). It may raise `errors.Cancelled` to stop the work."""


def quiet(stage: str, fraction: float) -> None:
    """Say nothing."""
