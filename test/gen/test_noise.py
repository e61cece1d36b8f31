"""Noise levels and preconditioning."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamitate_gen import noise


@settings(deadline=None)
@given(sigma=st.floats(0.01, 500.0))
def test_v_prediction_of_the_truth_gives_the_truth(sigma: float) -> None:
    random = torch.Generator().manual_seed(1)
    clean, eps = (torch.randn(1, 2, 4, 3, 3, generator=random, dtype=torch.float64) for _ in range(2))
    level = torch.tensor(sigma, dtype=torch.float64)
    noisy = clean + level * eps
    truth = (noisy / (level**2 + 1) - clean) * torch.sqrt(level**2 + 1) / level
    assert torch.allclose(noise.denoised("v_prediction", truth, noisy, level), clean, atol=1e-8)


def test_v_weight_makes_the_loss_that_of_v() -> None:
    level = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
    noisy = torch.zeros(3, dtype=torch.float64)
    change = noise.denoised("v_prediction", torch.ones(3, dtype=torch.float64), noisy, level)
    assert torch.allclose(noise.loss_weight("v_prediction", level) * change**2, torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("schedule", ["karras", "log_uniform"])
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_levels_fall_from_the_highest_to_zero(schedule: str, steps: int) -> None:
    levels = noise.sigmas(schedule, steps, 0.3, 60.0)
    assert len(levels) == steps + 1
    assert math.isclose(levels[0], 60.0)
    assert levels[-1] == 0.0
    assert all(a > b for a, b in itertools.pairwise(levels))
    if steps > 1:
        assert math.isclose(levels[-2], 0.3)


def test_input_scale_gives_unit_variance() -> None:
    sigma = torch.tensor([0.2, 5.0])
    assert torch.allclose(noise.input_scale(sigma) ** 2 * (sigma**2 + 1), torch.ones(2))
