"""Attention for short sequences: plain products, and nothing to weigh where there is one key.

torch's fused attention is made for long sequences; with 8 to 96 tokens its backward pass takes a quarter of a training
step on a CPU. With one key (the one embedding per frame) the softmax is 1 and queries and keys do not matter.
"""

from typing import Any

import torch
from torch import Tensor


class ShortAttention:
    """A diffusers attention processor that gives what `AttnProcessor2_0` gives, without masks."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> Tensor:
        """Return the attended states (N, S, C) of hidden_states (N, S, C)."""
        if attention_mask is not None:
            raise ValueError("ShortAttention takes no attention mask.")
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        value = attn.to_v(context)
        if context.shape[1] == 1:
            return attn.to_out[0](value).expand(-1, hidden_states.shape[1], -1)
        query, key, value = (_by_head(t, attn.heads) for t in (attn.to_q(hidden_states), attn.to_k(context), value))
        weight = torch.softmax((query * attn.scale) @ key.transpose(-1, -2), -1)
        return attn.to_out[0]((weight @ value).transpose(1, 2).flatten(2))


def _by_head(tokens: Tensor, heads: int) -> Tensor:
    return tokens.unflatten(2, (heads, -1)).transpose(1, 2)
