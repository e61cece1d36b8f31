"""The image encoder's shapes, and where training looks."""

import pytest
import torch

from dreamitate_gen.image_encoder import ImageEncoder, tool_weight
from dreamitate_gen.relation import Relation


@pytest.mark.parametrize("layers", [0, 2])
def test_shapes(layers: int) -> None:
    encoder = ImageEncoder(embedding=24, features=8, points=8, ways=2, widths=(16, 32, 64), layers=layers)
    embedding, features, logits, preferences = encoder(torch.rand(2, 3, 32, 64), torch.tensor([0, 1]))
    assert embedding.shape == (2, 24)
    assert features.shape == (2, 8, 2, 4)
    assert logits.shape == (2, 2, 12, 8, 8, 16)
    assert preferences.shape == (2, 2)
    assert encoder.place_channels(16) == 8 * 16


def test_relation_joins_the_photos_of_a_pair_and_no_others() -> None:
    torch.manual_seed(0)
    relation, maps = Relation(64, 1), torch.rand(4, 64, 3, 5)
    changed = maps.clone()
    changed[1, :, 2, 4] = torch.rand(64)
    difference = (relation(changed) - relation(maps)).abs().amax((1, 2, 3))
    assert (difference[:2] > 1e-4).all()
    assert (difference[2:] == 0).all()


def test_relation_tells_places_and_cameras_apart() -> None:
    torch.manual_seed(0)
    same = Relation(64, 1)(torch.ones(2, 64, 3, 5)).flatten(2).transpose(0, 1).flatten(1)
    assert torch.cdist(same.T[None], same.T[None])[0].fill_diagonal_(1.0).min() > 1e-3


def test_with_one_way_nothing_is_left_to_prefer() -> None:
    encoder = ImageEncoder(width=16, embedding=24, features=8)
    assert encoder.preferences is None
    assert torch.equal(encoder(torch.rand(2, 3, 32, 64), torch.tensor([0, 1]))[3], torch.zeros(2, 1))


def test_patches_near_the_tool_weigh_more() -> None:
    weight = tool_weight(torch.full((1, 3, 2), 23.5), 4, 6, 16, 5.0)
    assert weight.shape == (1, 4, 6)
    assert torch.isclose(weight[0, 1, 1], torch.tensor(6.0))
    assert torch.isclose(weight[0, 3, 5], torch.tensor(1.0), atol=1e-2)
