"""The small model's autoencoder: the moving layer of a frame over its camera's photo, as coefficients of patches.

A frame is `layer + (1 - mask) * photo`: where it differs from the photo of the same camera, `mask` is one and `layer`
holds the frame's colour; elsewhere both are zero, so that the background of a dream is the photo itself. Layer and mask
(4 channels) are cut into square patches, and each patch becomes the coefficients of a linear basis that is fitted on
training frames (principal components without a mean, so that "nothing moves" is exactly zero).
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = 16
LATENTS = 128
PHOTO_LATENTS = 64
MASK_THRESHOLD = 0.045
"""A pixel moves where its 3x3 mean difference from the photo exceeds this (of 1), above the cameras' noise."""


class PatchCodec(nn.Module):
    """Linear patch autoencoder of moving layers and of photos.

    Pictures are float (N, 3, H, W) in 0..1 with H and W multiples of the patch; latents (N, channels, H/16, W/16).
    """

    basis: Tensor
    photo_basis: Tensor
    photo_mean: Tensor
    scale: Tensor
    photo_scale: Tensor

    def __init__(self, patch: int = PATCH, latents: int = LATENTS, photo_latents: int = PHOTO_LATENTS) -> None:
        super().__init__()
        self.patch, self.latents, self.photo_latents = patch, latents, photo_latents
        self.register_buffer("basis", torch.zeros(latents, 4 * patch * patch))
        self.register_buffer("photo_basis", torch.zeros(photo_latents, 3 * patch * patch))
        self.register_buffer("photo_mean", torch.zeros(3 * patch * patch))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("photo_scale", torch.ones(()))

    @property
    def config(self) -> dict[str, Any]:
        """What `__init__` needs to build this codec."""
        return {"patch": self.patch, "latents": self.latents, "photo_latents": self.photo_latents}

    def encode(self, frames: Tensor, photos: Tensor) -> Tensor:
        """Return latents (N, latents, h, w) of frames over their own camera's photos, both (N, 3, H, W)."""
        return self._coefficients(self.moving_layer(frames, photos), self.basis) / self.scale

    def decode(self, latents: Tensor, photos: Tensor) -> Tensor:
        """Return frames (N, 3, H, W) in 0..1 of latents (N, latents, h, w) over photos (N, 3, H, W)."""
        height, width = latents.shape[-2:]
        columns = torch.einsum("nchw,cp->nphw", latents * self.scale, self.basis).flatten(2)
        size = (height * self.patch, width * self.patch)
        layers = functional.fold(columns, size, kernel_size=self.patch, stride=self.patch)
        mask = layers[:, 3:].clamp(0, 1)
        return (layers[:, :3] + (1 - mask) * photos).clamp(0, 1)

    def encode_photo(self, photos: Tensor) -> Tensor:
        """Return photo latents (N, photo_latents, h, w) of photos (N, 3, H, W)."""
        return self._coefficients(photos, self.photo_basis, self.photo_mean) / self.photo_scale

    @staticmethod
    def moving_layer(frames: Tensor, photos: Tensor) -> Tensor:
        """Return the moving layer and its mask (N, 4, H, W)."""
        difference = functional.avg_pool2d((frames - photos).abs(), 3, 1, 1, count_include_pad=False).amax(
            1, keepdim=True
        )
        mask = (difference > MASK_THRESHOLD).to(frames.dtype)
        return torch.cat([frames * mask, mask], 1)

    @torch.no_grad()
    def fit(self, frames: Tensor, photos: Tensor, weight: Tensor) -> None:
        """Fit both bases on frames and their photos, (N, 3, H, W) each; deterministic. weight: of patches (N, h, w)."""
        layers = functional.unfold(self.moving_layer(frames, photos), self.patch, stride=self.patch)
        columns = layers.transpose(1, 2).flatten(0, 1)
        self.basis.copy_(_principal(columns * weight.flatten()[:, None].sqrt(), self.latents))
        self.scale.copy_((columns @ self.basis.T).square().mean().sqrt())
        flat = functional.unfold(photos, self.patch, stride=self.patch).transpose(1, 2).flatten(0, 1)
        self.photo_mean.copy_(flat.mean(0))
        self.photo_basis.copy_(_principal(flat - self.photo_mean, self.photo_latents))
        self.photo_scale.copy_(((flat - self.photo_mean) @ self.photo_basis.T).square().mean().sqrt())

    def _coefficients(self, pictures: Tensor, basis: Tensor, mean: Tensor | None = None) -> Tensor:
        height, width = pictures.shape[-2] // self.patch, pictures.shape[-1] // self.patch
        columns = functional.unfold(pictures, self.patch, stride=self.patch)
        if mean is not None:
            columns = columns - mean[:, None]
        return torch.einsum("nps,cp->ncs", columns, basis).unflatten(2, (height, width))


def _principal(columns: Tensor, count: int) -> Tensor:
    """Return the `count` strongest principal directions (count, P) of rows (N, P), signs fixed."""
    _, vectors = torch.linalg.eigh((columns.T @ columns).double() / len(columns))
    basis = vectors[:, -count:].flip(1).T
    signs = torch.sign(basis.gather(1, basis.abs().argmax(1, keepdim=True)))
    return (basis * signs).to(columns.dtype)
