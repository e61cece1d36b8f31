"""Large networks take turns on the device: the one that computes is there, the others wait in the CPU's memory."""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from torch import nn


class TakeTurns(ModelHook):
    """Brings a network onto the device before it computes, and sends the others away."""

    def __init__(self, networks: Sequence[nn.Module], device: torch.device) -> None:
        self.networks, self.device = list(networks), device

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Change places; arguments stay as they are."""
        for other in self.networks:
            if other is not module:
                other.to("cpu")
        module.to(self.device)
        return args, kwargs


def take_turns(networks: Sequence[nn.Module], device: torch.device) -> None:
    """Let the networks take turns from now on. diffusers' `encode` and `decode` call the hook as `forward` does."""
    for network in networks:
        add_hook_to_module(network, TakeTurns(networks, device))
