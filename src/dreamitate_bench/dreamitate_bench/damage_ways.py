"""The ways in which a clip can be damaged. Each takes a generator of random numbers, the clip and another clip, and
returns a damaged copy."""

from collections.abc import Callable

import numpy as np

from dreamitate_core.clip import Clip

Rng = np.random.Generator
Damage = Callable[[Rng, Clip, Clip], Clip]

DAMAGES: dict[str, Damage] = {}


def damage(function: Damage) -> Damage:
    """Enter a way of damaging under its name."""
    DAMAGES[function.__name__] = function
    return function
