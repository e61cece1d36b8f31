"""The stereo UNet against stock diffusers, and whose photo each frame sees."""

from typing import Any

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.attention_processor import AttnProcessor2_0

from dreamitate_gen.short_attention import ShortAttention
from dreamitate_gen.stereo_unet import FRAME_TIMES, FRAME_VIEWS, FRAMES, small_unet, use_context_per_frame


@pytest.fixture
def unet() -> Any:
    torch.manual_seed(0)
    return small_unet(8, 4, (32, 32), 16).eval()


def _inputs(views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(2)
    sample = torch.randn(2, FRAMES, 8, 4, 4, generator=random)
    return sample, torch.tensor([0.3, -0.2]), views, torch.tensor([[5.0, 200.0, 0.0]]).expand(2, 3)


def test_frames_are_13_of_camera_1_and_12_of_camera_2() -> None:
    assert FRAME_VIEWS == [0] * 13 + [1] * 12
    assert [*range(13), *range(1, 13)] == FRAME_TIMES


@torch.no_grad()
def test_equal_photos_give_what_stock_gives(unet: Any) -> None:
    photo = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(3))
    unet.set_attn_processor(AttnProcessor2_0())
    sample, time, _, ids = _inputs(photo)
    stock = unet(sample, time, photo, ids).sample
    use_context_per_frame(unet)
    ours = unet(sample, time, photo[:, None].expand(2, FRAMES, 1, 16), ids).sample
    assert (ours - stock).abs().max() < 2e-5
    unet.set_attn_processor(ShortAttention())
    assert (unet(sample, time, photo[:, None].expand(2, FRAMES, 1, 16), ids).sample - stock).abs().max() < 2e-5


@torch.no_grad()
def test_each_frame_attends_to_its_own_photo(unet: Any) -> None:
    use_context_per_frame(unet)
    contexts = []

    def keep(module: Any, args: Any, kwargs: Any) -> None:
        contexts.append(kwargs["encoder_hidden_states"])

    blocks = [m for m in unet.modules() if isinstance(m, BasicTransformerBlock)]
    for block in blocks:
        block.register_forward_pre_hook(keep, with_kwargs=True)
    photos = torch.randn(2, 2, 16, generator=torch.Generator().manual_seed(4))
    per_frame = photos[:, FRAME_VIEWS, None]
    unet(*_inputs(per_frame)[:2], per_frame, _inputs(per_frame)[3])
    assert len(contexts) == len(blocks) > 0
    for context in contexts:
        assert context.shape == (2 * FRAMES, 1, 16)
        assert torch.equal(context[:, 0], per_frame[:, :, 0].flatten(0, 1))


@torch.no_grad()
def test_another_photo_of_camera_2_changes_the_dream(unet: Any) -> None:
    use_context_per_frame(unet)
    photos = torch.randn(2, 2, 16, generator=torch.Generator().manual_seed(5))
    first = photos[:, FRAME_VIEWS, None]
    photos[:, 1] += 3.0
    sample, time, _, ids = _inputs(first)
    outputs = [unet(sample, time, context, ids).sample for context in (first, photos[:, FRAME_VIEWS, None])]
    assert (outputs[0] - outputs[1])[:, 13:].abs().max() > 1e-3


def test_short_attention_refuses_masks(unet: Any) -> None:
    attention = next(m for m in unet.modules() if isinstance(m, BasicTransformerBlock)).attn1
    with pytest.raises(ValueError, match="mask"):
        attention(torch.zeros(1, 4, 32), attention_mask=torch.zeros(1, 4))
