"""What a model was trained on, by its `model.json`: with the model that it began from, and with all of its parts."""

from collections.abc import Mapping
from typing import Any


def demonstrations(settings: Mapping[str, Any]) -> int:
    """Return how many demonstrations the model has learnt from, in that part of its training that had most."""
    return max(int(settings.get(name, 0)) for name in ("clips", "closer_clips"))


def samples_seen(settings: Mapping[str, Any]) -> int:
    """Return how many clips (with repetition) all parts of the training have seen."""
    return sum(int(settings.get(name, 0)) for name in ("begun_seen", "seen", "closer_seen", "finish_seen"))


def training_s(settings: Mapping[str, Any]) -> float:
    """Return how long all parts of the training took, seconds."""
    return sum(float(settings.get(name, 0.0)) for name in ("begun_s", "elapsed_s", "closer_s", "finish_s"))
