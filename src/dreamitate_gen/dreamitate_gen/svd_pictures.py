"""Pictures to latents and conditions with Stable Video Diffusion's own frozen networks."""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers.pipelines.stable_video_diffusion.pipeline_stable_video_diffusion import _resize_with_antialiasing
from torch import Tensor, nn

from .conditions import Conditions
from .stereo_unet import FRAME_VIEWS

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class SvdPictures(nn.Module):
    """AutoencoderKLTemporalDecoder and CLIPVisionModelWithProjection, each in a precision of its own.

    noise_augmentation: standard deviation of the noise on the photos (of -1..1) before they are encoded;
    decode_chunk: frames decoded at a time; text: a constant embedding (L, D) that frames see instead of their photo's,
    for weights that were trained so (the photos then enter as latents alone, and there may be no image encoder).
    """

    text: Tensor | None

    def __init__(
        self,
        vae: Any,
        image_encoder: Any | None,
        fps_id: float,
        motion_score: float,
        noise_augmentation: float = 0.0,
        decode_chunk: int = 13,
        text: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.vae, self.image_encoder = vae, image_encoder
        self.fps_id, self.motion_score, self.noise_augmentation = fps_id, motion_score, noise_augmentation
        self.decode_chunk = decode_chunk
        self.register_buffer("text", text)

    @property
    def latents(self) -> int:
        """Channels of the latents."""
        return int(self.vae.config.latent_channels)

    def conditions(
        self,
        photos: Tensor,
        frames: Sequence[int],
        random: torch.Generator | None = None,
    ) -> Conditions:
        """Return the conditions of `frames` (of the 25) given the photos (B, 2, 3, H, W) in 0..1.

        random: draws, on the CPU, the noise on the photos; None: there is none.
        """
        strength = self.noise_augmentation if random is not None else 0.0
        latents = self.photo_latents(photos, torch.full((len(photos),), strength), random)
        return self.frame_conditions(
            self.embeddings(photos), latents, photos.new_full((len(photos),), strength), frames
        )

    def frame_conditions(
        self, embeddings: Tensor, latents: Tensor, strength: Tensor, frames: Sequence[int]
    ) -> Conditions:
        """Give each frame its own camera's embedding (of (B, 2, L, D)) and photo latents (of (B, 2, C, h, w)).

        strength: (B,), the noise on the photos, which the UNet is told.
        """
        own = [FRAME_VIEWS[i] for i in frames]
        ids = strength.new_tensor([self.fps_id, self.motion_score]).expand(len(strength), 2)
        return Conditions(embeddings[:, own], latents[:, own], torch.cat([ids, strength[:, None]], 1))

    def embeddings(self, photos: Tensor) -> Tensor:
        """Return tokens (B, 2, L, D) of the photos (B, 2, 3, H, W) in 0..1: CLIP's image embedding, or the text's."""
        if self.text is not None:
            return self.text.to(photos.device).expand(len(photos), 2, *self.text.shape)
        clip: Any = self.image_encoder
        size = int(clip.config.image_size)
        small = (_resize_with_antialiasing(photos.flatten(0, 1) * 2 - 1, (size, size)) + 1) / 2
        mean, std = (photos.new_tensor(values).view(1, 3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
        embedded: Tensor = clip(((small - mean) / std).to(clip.dtype)).image_embeds
        return embedded.unflatten(0, (len(photos), 2))[:, :, None]

    def photo_latents(self, photos: Tensor, strength: Tensor, random: torch.Generator | None) -> Tensor:
        """Return latents (B, 2, C, h, w), unscaled as in SVD, of photos (B, 2, 3, H, W) with noise `strength` (B,)."""
        pixels = photos * 2 - 1
        if random is not None:
            drawn = torch.randn(pixels.shape, generator=random).to(pixels.device)
            pixels = pixels + strength.to(pixels.device).view(-1, 1, 1, 1, 1) * drawn
        return self._encode(pixels.flatten(0, 1)).unflatten(0, (len(photos), 2))

    def encode(self, video: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return latents (B, F, C, h, w) of the frames (B, F, 3, H, W) in 0..1."""
        latents = self._encode(video.flatten(0, 1) * 2 - 1) * self.vae.config.scaling_factor
        return latents.unflatten(0, video.shape[:2])

    def decode(
        self, latents: Tensor, photos: Tensor, frames: Sequence[int], conditions: Conditions | None = None
    ) -> Tensor:
        """Return frames (B, F, 3, H, W) in 0..1 of latents (B, F, C, h, w).

        Each view is decoded alone, for the decoder mixes in time.
        """
        views = [[row for row, frame in enumerate(frames) if FRAME_VIEWS[frame] == view] for view in (0, 1)]
        decoded = [self._decode_view(latents[:, rows]) for rows in views if rows]
        order = torch.tensor([row for rows in views for row in rows]).argsort().to(latents.device)
        return torch.cat(decoded, 1)[:, order]

    def _encode(self, pixels: Tensor) -> Tensor:
        """Encode pictures (N, 3, H, W) in -1..1, some at a time, for their activations are large."""
        chunks = pixels.to(self.vae.dtype).split(self.decode_chunk)
        return torch.cat([self.vae.encode(chunk).latent_dist.mode() for chunk in chunks]).to(pixels.dtype)

    def _decode_view(self, latents: Tensor) -> Tensor:
        """Decode the frames (B, F, C, h, w) of one view."""
        videos = []
        for clip in (latents / self.vae.config.scaling_factor).to(self.vae.dtype):
            chunks = clip.split(self.decode_chunk)
            videos.append(torch.cat([self.vae.decode(chunk, num_frames=len(chunk)).sample for chunk in chunks]))
        return (torch.stack(videos).float() / 2 + 0.5).clamp(0, 1)
