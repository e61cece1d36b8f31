"""The finishing network."""

import pytest
import torch
from torch import Tensor

from dreamitate_gen.refiner import Refiner


def _inputs(count: int, points: int, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    frames, photos = (torch.rand(count, 3, size, size, generator=random) for _ in range(2))
    around = torch.rand(count, 2, points, 2, generator=random) * size / 4 + size * 3 / 8
    return frames, photos, around, torch.arange(count) % 2


@pytest.mark.parametrize(("points", "tools"), [(3, 0), (4, 1), (8, 2)])
def test_untrained_it_changes_nothing_but_by_its_bias(points: int, tools: int) -> None:
    frames, photos, around, views = _inputs(2, points, 24)
    refined = Refiner(8, points, tools)(frames, photos, around, views)
    assert refined.shape == frames.shape
    assert torch.allclose((refined - frames).std((0, 2, 3)), torch.zeros(3), atol=0.2)


@pytest.mark.parametrize("tools", [0, 1])
def test_a_window_is_refined_as_the_whole_is(tools: int) -> None:
    """For it is trained on windows and used on whole pictures."""
    torch.manual_seed(0)
    refiner = Refiner(8, 4, tools)
    torch.nn.init.normal_(refiner.out.weight, std=0.1)
    frames, photos, points, views = _inputs(2, 4, 256)
    part, middle = slice(16, 240), slice(96, 128)
    inside, corners = (frames[..., part, part], photos[..., part, part], points, views), torch.full((2, 2), 16.0)
    with torch.no_grad():
        expected = refiner(frames, photos, points, views)[..., part, part]
        window, misplaced = refiner(*inside, corners), refiner(*inside, corners + 8)
    assert torch.allclose(window[..., middle, middle], expected[..., middle, middle], atol=1e-4)
    assert not torch.allclose(misplaced[..., middle, middle], expected[..., middle, middle], atol=1e-2)


@pytest.mark.parametrize("tools", [0, 1])
def test_it_learns_to_draw_where_the_points_are(tools: int) -> None:
    torch.manual_seed(0)
    refiner = Refiner(8, 4, tools)
    photos = torch.zeros(4, 3, 16, 16)
    points = (torch.rand(4, 1, 1, 2) * 8 + 4).expand(4, 2, 4, 2)
    truth = photos.clone()
    for index, (x, y) in enumerate(points[:, 0, 0].round().int().tolist()):
        truth[index, :, y - 2 : y + 3, x - 2 : x + 3] = 1
    optimizer = torch.optim.Adam(refiner.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        loss = (refiner(photos, photos, points, torch.zeros(4)) - truth).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
