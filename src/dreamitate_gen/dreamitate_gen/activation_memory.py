"""Activations are computed again for the backward pass instead of kept, the temporal blocks' too.

diffusers' own gradient checkpointing covers residual layers and spatial transformer blocks and leaves out the temporal
blocks, which keep more than everything else.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from diffusers.models.attention import TemporalBasicTransformerBlock
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

_observers: list[Callable[[Tensor], Any]] = []
"""Told what goes into blocks that are computed again, for `checkpoint` keeps it out of sight."""


def compute_again(unet: Any) -> None:
    """Keep only what goes into the UNet's blocks; compute the rest again where the gradients need it."""
    unet.enable_gradient_checkpointing(_again)
    for block in unet.modules():
        if isinstance(block, TemporalBasicTransformerBlock):
            block.forward = partial(_again, block.forward)


def _again(function: Any, *args: Any, **kwargs: Any) -> Any:
    for observer in _observers:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Tensor):
                observer(value)
    return checkpoint(function, *args, use_reentrant=False, **kwargs)


def kept_bytes(unet: nn.Module, run: Callable[[], object]) -> int:
    """Return how many bytes `run`, a forward pass of the UNet, keeps for the backward pass, parameters not counted.

    Works on the meta device too, so that a size which fits no machine at hand can be counted. What goes into blocks
    that are computed again counts; what one block keeps while it is computed again does not.
    """
    parameters = {parameter.untyped_storage()._cdata for parameter in unet.parameters()}
    kept: dict[int, Tensor] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata
        if storage not in parameters:
            kept[storage] = tensor
        return tensor

    _observers.append(note)
    try:
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            run()
    finally:
        _observers.remove(note)
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
