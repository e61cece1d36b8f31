"""A small model's weights on disk: int8 with a scale per channel, and what it costs."""

import torch

from dreamitate_core.paths import models_dir
from dreamitate_gen.model_folder import LARGE, SCALE, packed_weights, unpacked_weights


def test_large_weights_become_int8_and_come_back_within_half_a_step() -> None:
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(8, LARGE // 8, 2, generator=random) * torch.logspace(-3, 1, 8).view(-1, 1, 1)
    weight[3] = 0.0
    bias = torch.randn(8, generator=random)
    packed = packed_weights({"weight": weight, "bias": bias})
    assert packed["weight"].dtype == torch.int8
    assert packed["weight" + SCALE].shape == (8, 1, 1)
    back = unpacked_weights(packed)
    assert set(back) == {"weight", "bias"}
    step = weight.abs().flatten(1).amax(1).view(-1, 1, 1) / 127
    assert ((back["weight"] - weight).abs() <= 0.55 * step + 1e-9).all()
    assert torch.allclose(back["bias"], bias, atol=2e-3)


def test_weights_in_float16_are_read_as_they_are() -> None:
    halves = {"weight": torch.randn(4, 8).half()}
    assert torch.equal(unpacked_weights(halves)["weight"], halves["weight"].float())


def test_the_models_that_come_with_the_project_are_small() -> None:
    assert sum(file.stat().st_size for file in models_dir().rglob("*") if file.is_file()) < 64 * 2**20
