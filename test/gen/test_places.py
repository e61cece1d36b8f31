"""Likely places: finer than a cell, drawn where they are, and learnt as a mixture of whole ways."""

import torch
from torch import Tensor

from dreamitate_gen.places import Places, blobs, likeliest_points, place_channels, place_loss


def test_the_likeliest_points_are_finer_than_a_cell() -> None:
    wanted = torch.tensor([21.0, 13.5])
    assert torch.allclose(likeliest_points(_peaked(wanted.expand(2, 12, 3, 2))), wanted.expand(2, 12, 3, 2), atol=0.2)


def test_place_channels_are_where_the_points_are() -> None:
    channels = place_channels(torch.tensor([37.5, 5.5]).expand(1, 2, 12, 3, 2), 2, 4, 16)
    assert channels.shape == (1, 2, 12, 3 * 16, 2, 4)
    fine = torch.nn.functional.pixel_shuffle(channels, 4)
    assert fine.shape == (1, 2, 12, 3, 8, 16)
    assert int(fine[0, 1, 4, 1].flatten().argmax()) == 1 * 16 + 9


def test_the_loss_is_least_where_the_points_are() -> None:
    points = torch.full((1, 2, 12, 3, 2), 21.5)
    losses = []
    for column in (5, 6, 10):
        logits = torch.zeros(1, 2, 1, 12, 3, 8, 16)
        logits[..., 5, column] = 5.0
        losses.append(float(place_loss(Places(logits, torch.zeros(1, 1)), points)))
    assert losses[0] < losses[1] < losses[2]


def test_points_outside_do_not_count() -> None:
    points = torch.full((1, 2, 12, 3, 2), 20.0)
    places = Places(torch.randn(1, 2, 2, 12, 3, 8, 16, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 2))
    before = place_loss(Places(places.logits[:, :, :, :11], places.preferences), points[:, :, :11])
    points[:, :, 11] = -50.0
    assert torch.allclose(place_loss(places, points), before)


def test_a_way_is_taken_whole_and_it_is_the_preferred_one() -> None:
    """Two ways that cross: each point of a dream must lie on the same one."""
    left, right = _line(10.0, 50.0), _line(50.0, 10.0)
    logits = torch.stack([_peaked(left), _peaked(right)], 1)[None]
    assert logits.shape == (1, 2, 2, 12, 3, 8, 16)
    places = Places(logits, torch.tensor([[0.0, 1.0]]))
    assert torch.allclose(places.likeliest_points()[0], right, atol=0.5)
    assert torch.allclose(places.points_of_ways()[0], torch.stack([left, right]), atol=0.5)


def test_a_mixture_learns_both_ways_of_one_scene() -> None:
    """The same photo, done in two ways: one map per point would be half right in each; the mixture learns both."""
    torch.manual_seed(0)
    ways = torch.stack([_line(10.0, 50.0), _line(50.0, 10.0)])
    logits = (0.5 * torch.randn(1, 2, 2, 12, 3, 8, 16)).requires_grad_()
    preferences = torch.zeros(1, 2, requires_grad=True)
    optimizer = torch.optim.Adam([logits, preferences], 0.1)
    for _ in range(100):
        loss = place_loss(Places(logits.expand(2, -1, -1, -1, -1, -1, -1), preferences.expand(2, -1)), ways)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    places = Places(logits, preferences)
    found = places.points_of_ways()[0]
    errors = torch.tensor([[float((one - way).norm(dim=-1).max()) for way in ways] for one in found])
    assert errors.amin(1).max() < 3.0
    assert set(errors.argmin(1).tolist()) == {0, 1}
    assert torch.allclose(preferences.softmax(1), torch.full((1, 2), 0.5), atol=0.1)


def _line(begin: float, end: float) -> Tensor:
    """Points (2, 12, 3, 2) that move along x, alike in both views."""
    x = torch.linspace(begin, end, 12).view(1, 12, 1).expand(2, 12, 3)
    return torch.stack([x, torch.full_like(x, 13.5)], -1)


def _peaked(points: Tensor) -> Tensor:
    """Logits (..., 8, 16) that are highest at points (..., 2) in pixels."""
    return (blobs((points + 0.5) / 4 - 0.5, 8, 16) + 1e-9).log()
