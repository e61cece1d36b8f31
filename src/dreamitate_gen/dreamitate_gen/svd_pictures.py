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
    """AutoencoderKLTemporalDecoder and CLIPVisionModelWithProjection; decode_chunk: frames decoded at a time."""

    def __init__(
        self,
        vae: Any,
        image_encoder: Any,
        fps_id: float,
        motion_score: float,
        decode_chunk: int = 13,
    ) -> None:
        super().__init__()
        self.vae, self.image_encoder = vae, image_encoder
        self.fps_id, self.motion_score, self.decode_chunk = fps_id, motion_score, decode_chunk

    @property
    def latents(self) -> int:
        """Channels of the latents."""
        return int(self.vae.config.latent_channels)

    def conditions(self, photos: Tensor, frames: Sequence[int]) -> Conditions:
        """Return the conditions of `frames` (of the 25) given the photos (B, 2, 3, H, W) in 0..1."""
        batch, flat = len(photos), photos.flatten(0, 1)
        own = [FRAME_VIEWS[i] for i in frames]
        small = (_resize_with_antialiasing(flat * 2 - 1, (self._clip_size, self._clip_size)) + 1) / 2
        mean, std = (photos.new_tensor(values).view(1, 3, 1, 1) for values in (CLIP_MEAN, CLIP_STD))
        embedding = self.image_encoder((small - mean) / std).image_embeds.unflatten(0, (batch, 2))
        latents = self.vae.encode(flat * 2 - 1).latent_dist.mode().unflatten(0, (batch, 2))  # unscaled, as in SVD
        ids = photos.new_tensor([self.fps_id, self.motion_score, 0.0]).expand(batch, 3)
        return Conditions(context=embedding[:, own], channels=latents[:, own], time_ids=ids)

    def encode(self, video: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return latents (B, F, C, h, w) of the frames (B, F, 3, H, W) in 0..1."""
        latents = self.vae.encode(video.flatten(0, 1) * 2 - 1).latent_dist.mode() * self.vae.config.scaling_factor
        return latents.unflatten(0, video.shape[:2])

    def decode(self, latents: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return frames (B, F, 3, H, W) in 0..1 of latents (B, F, C, h, w).

        Each view is decoded alone, for the decoder mixes in time.
        """
        views = [[row for row, frame in enumerate(frames) if FRAME_VIEWS[frame] == view] for view in (0, 1)]
        decoded = [self._decode_view(latents[:, rows]) for rows in views if rows]
        order = torch.tensor([row for rows in views for row in rows]).argsort().to(latents.device)
        return torch.cat(decoded, 1)[:, order]

    def _decode_view(self, latents: Tensor) -> Tensor:
        """Decode the frames (B, F, C, h, w) of one view."""
        videos = []
        for clip in latents / self.vae.config.scaling_factor:
            chunks = clip.split(self.decode_chunk)
            videos.append(torch.cat([self.vae.decode(chunk, num_frames=len(chunk)).sample for chunk in chunks]))
        return (torch.stack(videos) / 2 + 0.5).clamp(0, 1)

    @property
    def _clip_size(self) -> int:
        return int(self.image_encoder.config.image_size)
