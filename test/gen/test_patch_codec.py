"""The patch codec: nothing moves -> zero; what its basis spans comes back; the background stays the photo."""

import torch

from dreamitate_gen.patch_codec import PatchCodec


def _codec(latents: int = 64) -> tuple[PatchCodec, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    photos = torch.rand(6, 3, 32, 48, generator=random) * 0.3
    frames = photos.clone()
    for i in range(6):
        frames[i, :, 4 + 2 * i : 14 + 2 * i, 10:30] = torch.tensor([0.9, 0.2, 0.7]).view(3, 1, 1)
    codec = PatchCodec(16, latents, 8)
    codec.fit(frames, photos, torch.ones(6, 2, 3))
    return codec, frames, photos


def test_nothing_moving_is_zero_and_decodes_to_the_photo() -> None:
    codec, _, photos = _codec()
    latents = codec.encode(photos, photos)
    assert torch.equal(latents, torch.zeros_like(latents))
    assert torch.allclose(codec.decode(latents, photos), photos, atol=1e-6)


def test_frames_that_the_basis_spans_come_back() -> None:
    codec, frames, photos = _codec()
    assert (codec.decode(codec.encode(frames, photos), photos) - frames).abs().max() < 1e-2


def test_fewer_latents_lose_more() -> None:
    errors = []
    for latents in (2, 8, 64):
        codec, frames, photos = _codec(latents)
        errors.append(float((codec.decode(codec.encode(frames, photos), photos) - frames).square().mean()))
    assert errors[0] > errors[1] > errors[2]


def test_latents_have_unit_spread_on_what_they_were_fitted_to() -> None:
    codec, frames, photos = _codec()
    assert abs(float(codec.encode(frames, photos).square().mean().sqrt()) - 1) < 1e-3
    assert abs(float(codec.encode_photo(photos).square().mean().sqrt()) - 1) < 1e-3


def test_the_fit_is_repeatable() -> None:
    assert torch.equal(_codec()[0].basis, _codec()[0].basis)
