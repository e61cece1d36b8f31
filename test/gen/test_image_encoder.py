"""The image encoder's shapes, and where training looks."""

import torch

from dreamitate_gen.image_encoder import ImageEncoder, tool_weight


def test_shapes() -> None:
    encoder = ImageEncoder(width=16, embedding=24, features=8, points=8, ways=2)
    embedding, features, logits, preferences = encoder(torch.rand(2, 3, 32, 64), torch.tensor([0, 1]))
    assert embedding.shape == (2, 24)
    assert features.shape == (2, 8, 2, 4)
    assert logits.shape == (2, 2, 12, 8, 8, 16)
    assert preferences.shape == (2, 2)
    assert encoder.place_channels(16) == 8 * 16


def test_with_one_way_nothing_is_left_to_prefer() -> None:
    encoder = ImageEncoder(width=16, embedding=24, features=8)
    assert encoder.preferences is None
    assert torch.equal(encoder(torch.rand(2, 3, 32, 64), torch.tensor([0, 1]))[3], torch.zeros(2, 1))


def test_patches_near_the_tool_weigh_more() -> None:
    weight = tool_weight(torch.full((1, 3, 2), 23.5), 4, 6, 16, 5.0)
    assert weight.shape == (1, 4, 6)
    assert torch.isclose(weight[0, 1, 1], torch.tensor(6.0))
    assert torch.isclose(weight[0, 3, 5], torch.tensor(1.0), atol=1e-2)
