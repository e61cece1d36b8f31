"""Stock diffusers' UNetSpatioTemporalConditionModel, made stereo: each frame sees its own camera's photo.

The UNet gives every frame the same context. Passing contexts as (B, F, L, D), it repeats them to (B * F, F, L, D); a
forward pre-hook on each transformer then keeps row i for frame i. No class is forked, and with equal photos the output
equals stock's. Temporal cross-attention sees frame 0's context, camera 1's, as in stock.
"""

from collections.abc import Sequence
from typing import Any

import torch
from diffusers import UNetSpatioTemporalConditionModel
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from torch import Tensor, nn

from dreamitate_core.video import STEPS

from .short_attention import ShortAttention

FRAMES = 2 * STEPS + 1
FRAME_VIEWS = [0] * (STEPS + 1) + [1] * STEPS
"""Which camera (0 or 1) each of the 25 frames belongs to."""
FRAME_TIMES = [*range(STEPS + 1), *range(1, STEPS + 1)]
"""Which time step 0..12 each of the 25 frames shows."""
POSITION_CHANNELS = 2 + 2 + STEPS + 1
"""Channels of `position_channels`: x, y, camera (2), time step (13)."""


def use_context_per_frame(unet: nn.Module) -> list[torch.utils.hooks.RemovableHandle]:
    """Make the UNet take `encoder_hidden_states` (B, F, L, D), L tokens for each frame; return the hooks' handles.

    Stock's (B, L, D), the same for all frames, goes on working.
    """
    transformers = [m for m in unet.modules() if isinstance(m, TransformerSpatioTemporalModel)]
    return [m.register_forward_pre_hook(_keep_own_context, with_kwargs=True) for m in transformers]


def _keep_own_context(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    context = kwargs.get("encoder_hidden_states")
    if context is None or context.ndim < 4:
        return args, kwargs
    frames = context.shape[1]
    own = torch.arange(frames, device=context.device).repeat(context.shape[0] // frames)
    rows = torch.arange(context.shape[0], device=context.device)
    return args, {**kwargs, "encoder_hidden_states": context[rows, own]}


def position_channels(frames: Sequence[int], like: Tensor) -> Tensor:
    """Return (F, POSITION_CHANNELS, h, w), as large as `like` (..., h, w): what no convolution can know."""
    height, width = like.shape[-2:]
    channels = torch.zeros(len(frames), POSITION_CHANNELS, height, width, device=like.device, dtype=like.dtype)
    channels[:, 0] = torch.linspace(-1, 1, width, device=like.device, dtype=like.dtype)
    channels[:, 1] = torch.linspace(-1, 1, height, device=like.device, dtype=like.dtype)[:, None]
    for row, frame in enumerate(frames):
        channels[row, 2 + FRAME_VIEWS[frame]] = 1
        channels[row, 4 + FRAME_TIMES[frame]] = 1
    return channels


def small_unet(in_channels: int, out_channels: int, channels: Sequence[int], context: int) -> Any:
    """Return a small UNet of SVD's architecture, randomly initialised; attention on all levels."""
    levels = len(channels)
    unet: Any = UNetSpatioTemporalConditionModel(
        sample_size=None,
        in_channels=in_channels,
        out_channels=out_channels,
        down_block_types=("CrossAttnDownBlockSpatioTemporal",) * levels,
        up_block_types=("CrossAttnUpBlockSpatioTemporal",) * levels,
        block_out_channels=tuple(channels),
        addition_time_embed_dim=32,
        projection_class_embeddings_input_dim=96,
        layers_per_block=1,
        cross_attention_dim=context,
        num_attention_heads=tuple(c // 32 for c in channels),
        num_frames=FRAMES,
    )
    unet.set_attn_processor(ShortAttention())
    return unet
