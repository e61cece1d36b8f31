"""The image encoder's shapes and its auxiliary task."""

import torch

from dreamitate_gen.image_encoder import ImageEncoder, likeliest_points, place_channels, place_loss, tool_weight


def test_shapes() -> None:
    encoder = ImageEncoder(width=16, embedding=24, features=8)
    embedding, features, logits = encoder(torch.rand(2, 3, 32, 64), torch.tensor([0, 1]))
    assert embedding.shape == (2, 24)
    assert features.shape == (2, 8, 2, 4)
    assert logits.shape == (2, 12, 3, 8, 16)
    points = likeliest_points(logits)
    assert points.shape == (2, 12, 3, 2)
    assert place_channels(points, 2, 4, 16).shape == (2, 12, ImageEncoder.place_channels(16), 2, 4)


def test_the_likeliest_points_are_finer_than_a_cell() -> None:
    wanted = torch.tensor([21.0, 13.5])
    cell = (wanted + 0.5) / 4 - 0.5
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(16.0), indexing="ij")
    logits = -((x - cell[0]) ** 2 + (y - cell[1]) ** 2).expand(1, 12, 3, 8, 16)
    assert torch.allclose(likeliest_points(logits), wanted.expand(1, 12, 3, 2), atol=0.2)


def test_place_channels_are_where_the_points_are() -> None:
    channels = place_channels(torch.tensor([37.5, 5.5]).expand(1, 12, 3, 2), 2, 4, 16)
    fine = torch.nn.functional.pixel_shuffle(channels, 4)
    assert fine.shape == (1, 12, 3, 8, 16)
    assert int(fine[0, 4, 1].flatten().argmax()) == 1 * 16 + 9


def test_the_loss_is_least_where_the_points_are() -> None:
    points = torch.full((1, 12, 3, 2), 21.5)
    losses = []
    for column in (5, 6, 10):
        logits = torch.zeros(1, 12, 3, 8, 16)
        logits[..., 5, column] = 5.0
        losses.append(float(place_loss(logits, points)))
    assert losses[0] < losses[1] < losses[2]


def test_points_outside_do_not_count() -> None:
    points = torch.full((1, 12, 3, 2), 20.0)
    logits = torch.randn(1, 12, 3, 8, 16, generator=torch.Generator().manual_seed(0))
    before = place_loss(logits[:, :11], points[:, :11])
    points[:, 11] = -50.0
    assert torch.allclose(place_loss(logits, points), before)


def test_patches_near_the_tool_weigh_more() -> None:
    weight = tool_weight(torch.full((1, 3, 2), 23.5), 4, 6, 16, 5.0)
    assert weight.shape == (1, 4, 6)
    assert torch.isclose(weight[0, 1, 1], torch.tensor(6.0))
    assert torch.isclose(weight[0, 3, 5], torch.tensor(1.0), atol=1e-2)
