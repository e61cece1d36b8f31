"""The finishing network."""

import torch

from dreamitate_gen.refiner import Refiner


def test_untrained_it_changes_nothing_but_by_its_bias() -> None:
    frames = torch.rand(2, 3, 16, 24)
    refined = Refiner(8, points=4)(frames, torch.rand(2, 3, 16, 24), torch.rand(2, 4, 2) * 16)
    assert refined.shape == frames.shape
    assert torch.allclose((refined - frames).std((0, 2, 3)), torch.zeros(3), atol=0.2)


def test_it_learns_to_draw_where_the_points_are() -> None:
    torch.manual_seed(0)
    refiner = Refiner(8)
    photos = torch.zeros(4, 3, 16, 16)
    points = (torch.rand(4, 1, 2) * 8 + 4).expand(4, 3, 2)
    truth = photos.clone()
    for index, (x, y) in enumerate(points[:, 0].round().int().tolist()):
        truth[index, :, y - 2 : y + 3, x - 2 : x + 3] = 1
    optimizer = torch.optim.Adam(refiner.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        loss = (refiner(photos, photos, points) - truth).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
