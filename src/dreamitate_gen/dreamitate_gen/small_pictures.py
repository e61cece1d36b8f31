"""Pictures to latents and conditions, for the small model: a linear patch codec and a convolutional image encoder."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from .conditions import Conditions
from .image_encoder import ImageEncoder
from .patch_codec import PatchCodec
from .picture_size import PictureSize
from .places import Places, place_channels
from .refiner import Refiner
from .stereo_unet import FRAME_TIMES, FRAME_VIEWS, position_channels


class SmallPictures(nn.Module):
    """The small model's `codec` (frozen after it is fitted) and `image_encoder` (trained before the UNet); and, where
    there are some, the `closer` look's encoder and the finishing network, `refiner` (both trained after it)."""

    def __init__(self, codec: PatchCodec, image_encoder: ImageEncoder, fps_id: float, motion_score: float) -> None:
        super().__init__()
        self.refiner: Refiner | None = None
        self.closer: ImageEncoder | None = None
        self.closer_size: PictureSize | None = None
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
        if self.refiner is not None:
            config["refiner"] = self.refiner.config
        if self.closer is not None and self.closer_size is not None:
            config["closer"], config["closer_size"] = self.closer.config, asdict(self.closer_size)
        return config

    def conditions(
        self,
        photos: Tensor,
        frames: Sequence[int],
        points: Tensor | None = None,
        random: torch.Generator | None = None,
    ) -> Conditions:
        """Return the conditions of `frames` (of the 25) given the photos (B, 2, 3, H, W) in 0..1.

        points: pixels (B, 2, 12, P, 2) of the tools, known in training, agreed on in dreams (`agreement`); by default
        where they are likeliest. random: of no effect; these conditions have no noise.
        """
        batch = len(photos)
        embedding, features, places = encoded(self.image_encoder, photos)
        with torch.autocast(photos.device.type, enabled=False):
            photo_latents = self.codec.encode_photo(photos.flatten(0, 1))
        points = places.likeliest_points() if points is None else points
        height, width = photo_latents.shape[-2:]
        drawn = place_channels(points, height, width, self.codec.patch)
        own = torch.tensor([FRAME_VIEWS[i] for i in frames], device=photos.device)
        time = torch.tensor([max(FRAME_TIMES[i] - 1, 0) for i in frames], device=photos.device)
        position = position_channels(frames, photo_latents)
        per_view = torch.cat([photo_latents, features.to(photo_latents.dtype)], 1).unflatten(0, (batch, 2))
        channels = [per_view[:, own], drawn[:, own, time], position.expand(batch, *position.shape)]
        ids = torch.tensor([self.fps_id, self.motion_score, 0.0], device=photos.device).expand(batch, 3)
        return Conditions(
            context=embedding.unflatten(0, (batch, 2))[:, own, None],
            channels=torch.cat(channels, 2),
            time_ids=ids,
            points=points,
            places=places,
        )

    def places(self, photos: Tensor) -> Places:
        """Return the tools' likely places given the photos (B, 2, 3, H, W)."""
        return encoded(self.image_encoder, photos)[2]

    def closer_places(self, photos: Tensor) -> Places:
        """Return the tools' likely places given photos (B, 2, 3, H, W) of the closer look (`closer`)."""
        assert self.closer is not None
        return encoded(self.closer, photos)[2]

    def encode(self, video: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return latents (B, F, C, h, w) of the frames (B, F, 3, H, W) in 0..1 over the photos (B, 2, 3, H, W)."""
        return self.codec.encode(video.flatten(0, 1), _own_photos(photos, frames)).unflatten(0, video.shape[:2])

    def decode(self, latents: Tensor, photos: Tensor, frames: Sequence[int], conditions: Conditions) -> Tensor:
        """Return frames (B, F, 3, H, W) in 0..1 of latents (B, F, C, h, w) over the photos (B, 2, 3, H, W).

        conditions: those the latents were sampled with. The finishing network may compute in half precision, as it was
        trained; the codec never does. The first frame is camera 1's photo: nothing has moved yet.
        """
        with torch.autocast(photos.device.type, enabled=False):
            decoded = self.codec_frames(latents, photos, frames)
        bare = torch.tensor([FRAME_TIMES[i] == 0 for i in frames], device=photos.device).view(1, -1, 1, 1, 1)
        decoded = torch.where(bare, _own_photos(photos, frames).unflatten(0, decoded.shape[:2]), decoded)
        if self.refiner is None or conditions.points is None:
            return decoded
        points = both_views(conditions.points, frames).flatten(0, 1)
        views = torch.tensor([FRAME_VIEWS[i] for i in frames], device=photos.device).repeat(len(photos))
        refined = self.refiner(decoded.flatten(0, 1), _own_photos(photos, frames), points, views)
        return torch.where(bare, decoded, refined.clamp(0, 1).unflatten(0, decoded.shape[:2]))

    def codec_frames(self, latents: Tensor, photos: Tensor, frames: Sequence[int]) -> Tensor:
        """Return what `decode` returns, before the finishing network."""
        return self.codec.decode(latents.flatten(0, 1), _own_photos(photos, frames)).unflatten(0, latents.shape[:2])


def encoded(encoder: ImageEncoder, photos: Tensor) -> tuple[Tensor, Tensor, Places]:
    """Return embedding (B * 2, D), features (B * 2, C, h, w) and likely places given photos (B, 2, 3, H, W); both views
    say which way."""
    views = torch.arange(2, device=photos.device).repeat(len(photos))
    embedding, features, logits, preferences = encoder(photos.flatten(0, 1), views)
    both = (len(photos), 2)
    return embedding, features, Places(logits.unflatten(0, both), preferences.unflatten(0, both).sum(1))


def both_views(points: Tensor, frames: Sequence[int]) -> Tensor:
    """Return the points (B, F, 2, P, 2) of each frame, in its own view and in the other one, of points (B, 2, 12, P, 2)
    in both views."""
    own = [FRAME_VIEWS[i] for i in frames]
    times = [max(FRAME_TIMES[i] - 1, 0) for i in frames]
    return torch.stack([points[:, own, times], points[:, [1 - view for view in own], times]], 2)


def _own_photos(photos: Tensor, frames: Sequence[int]) -> Tensor:
    """Return the photo of each frame's own camera (B * F, 3, H, W)."""
    return photos[:, [FRAME_VIEWS[i] for i in frames]].flatten(0, 1)
