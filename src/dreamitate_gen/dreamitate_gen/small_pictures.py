"""Pictures to latents and conditions, for the small model: a linear patch codec and a convolutional image encoder."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .conditions import Conditions
from .image_encoder import ImageEncoder, likeliest_points, place_channels
from .patch_codec import PatchCodec
from .refiner import Refiner
from .stereo_unet import FRAME_TIMES, FRAME_VIEWS, position_channels


class SmallPictures(nn.Module):
    """The small model's `codec` (frozen after it is fitted) and `image_encoder` (trained along with the UNet)."""

    def __init__(self, codec: PatchCodec, image_encoder: ImageEncoder, fps_id: float, motion_score: float) -> None:
        super().__init__()
        self.refiner: Refiner | None = None
        self.codec, self.image_encoder = codec, image_encoder
        self.fps_id, self.motion_score = fps_id, motion_score

    @property
    def latents(self) -> int:
        """Channels of the latents."""
        return self.codec.latents

    @property
    def config(self) -> dict[str, Any]:
        """What builds these networks again."""
        config = {"codec": self.codec.config, "image_encoder": self.image_encoder.config}
        return config if self.refiner is None else {**config, "refiner": self.refiner.config}

    def conditions(
        self,
        photos: Tensor,
        frames: Sequence[int],
        points: Tensor | None = None,
        random: torch.Generator | None = None,
    ) -> Conditions:
        """Return the conditions of `frames` (of the 25) given the photos (B, 2, 3, H, W) in 0..1.

        points: pixels (B, 2, 12, 3, 2) of the tool, known in training; by default where it is likeliest. random: of no
        effect; these conditions have no noise.
        """
        batch, views = len(photos), torch.arange(2, device=photos.device)
        flat = photos.flatten(0, 1)
        embedding, features, logits = self.image_encoder(flat, views.repeat(batch))
        with torch.autocast(photos.device.type, enabled=False):
            photo_latents = self.codec.encode_photo(flat)
        points = likeliest_points(logits) if points is None else points.flatten(0, 1)
        height, width = photo_latents.shape[-2:]
        places = place_channels(points, height, width, self.codec.patch).unflatten(0, (batch, 2))
        own = torch.tensor([FRAME_VIEWS[i] for i in frames], device=photos.device)
        time = torch.tensor([max(FRAME_TIMES[i] - 1, 0) for i in frames], device=photos.device)
        position = position_channels(frames, photo_latents)
        per_view = torch.cat([photo_latents, features.to(photo_latents.dtype)], 1).unflatten(0, (batch, 2))
        channels = [per_view[:, own], places[:, own, time], position.expand(batch, *position.shape)]
        ids = torch.tensor([self.fps_id, self.motion_score, 0.0], device=photos.device).expand(batch, 3)
        return Conditions(
            context=embedding.unflatten(0, (batch, 2))[:, own, None],
            channels=torch.cat(channels, 2),
            time_ids=ids,
            places=logits.unflatten(0, (batch, 2)),
        )

    def places(self, photos: Tensor) -> Tensor:
        """Return logits (B, 2, 12, 3, h', w') of the tool's likely places given the photos (B, 2, 3, H, W)."""
        views = torch.arange(2, device=photos.device).repeat(len(photos))
        logits: Tensor = self.image_encoder(photos.flatten(0, 1), views)[2]
        return logits.unflatten(0, (len(photos), 2))

    def encode(self, video: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return latents (B, F, C, h, w) of the frames (B, F, 3, H, W) in 0..1 over the photos (B, 2, 3, H, W)."""
        return self.codec.encode(video.flatten(0, 1), _own_photos(photos, frames)).unflatten(0, video.shape[:2])

    def decode(self, latents: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return frames (B, F, 3, H, W) in 0..1 of latents (B, F, C, h, w) over the photos (B, 2, 3, H, W).

        The finishing network may compute in half precision, as it was trained; the codec never does.
        """
        with torch.autocast(photos.device.type, enabled=False):
            decoded = self.codec_frames(latents, photos, frames)
        if self.refiner is None:
            return decoded
        points = likeliest_points(self.places(photos).flatten(0, 1)).unflatten(0, (len(photos), 2))
        own = points[:, [FRAME_VIEWS[i] for i in frames], [max(FRAME_TIMES[i] - 1, 0) for i in frames]]
        refined = self.refiner(decoded.flatten(0, 1), _own_photos(photos, frames), own.flatten(0, 1))
        shows_tool = torch.tensor([FRAME_TIMES[i] > 0 for i in frames], device=photos.device).view(1, -1, 1, 1, 1)
        return torch.where(shows_tool, refined.clamp(0, 1).unflatten(0, decoded.shape[:2]), decoded)

    def codec_frames(self, latents: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return what `decode` returns, before the finishing network."""
        return self.codec.decode(latents.flatten(0, 1), _own_photos(photos, frames)).unflatten(0, latents.shape[:2])


def _own_photos(photos: Tensor, frames: Sequence[int]) -> Tensor:
    """Return the photo of each frame's own camera (B * F, 3, H, W)."""
    return photos[:, [FRAME_VIEWS[i] for i in frames]].flatten(0, 1)
