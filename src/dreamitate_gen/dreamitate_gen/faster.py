"""Faster dreams with Stable Video Diffusion: settings of the task's `generator` section or of `model.json`.

`channels_last`: true lays pictures out as channels-last; `compile`: true compiles the UNet at its first step;
`quantize`: int8 keeps the UNet's linear layers in 8 bits and multiplies in them (needs torchao); `cache_every`: n
computes the deep blocks of the UNet in every nth step only. Attention is torch's fused one, diffusers' own choice, in
any case.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from dreamitate_core.errors import DreamitateError, unknown

QUANTIZATIONS = ("int8",)


def make_faster(unet: Any, vae: Any, settings: dict[str, Any]) -> None:
    """Change the networks as the settings say. Raises DreamitateError for settings that do not exist or go together."""
    every = settings.get("cache_every", 1)
    if not isinstance(every, int) or isinstance(every, bool) or every < 1:
        raise DreamitateError(f"cache_every must be a whole number from 1 on, not {every!r}.")
    if every > 1 and float(settings.get("guidance", 1.0)) > 1.0:
        raise DreamitateError("cache_every needs guidance 1.0: with more, two different results would share the cache.")
    if every > 1 and settings.get("compile", False):
        raise DreamitateError("cache_every and compile do not go together; choose one.")
    if settings.get("channels_last", False):
        for network in (unet, vae):
            _channels_last(network)
    if (name := settings.get("quantize")) is not None:
        _quantize(unet, str(name))
    if every > 1:
        DeepCache(unet, every)
    if settings.get("compile", False):
        unet.compile()


def _channels_last(network: nn.Module) -> None:
    """Lay the weights of all convolutions out as channels-last; the pictures follow them."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
        elif isinstance(module, nn.Conv3d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last_3d)


def _quantize(unet: nn.Module, name: str) -> None:
    if name not in QUANTIZATIONS:
        raise unknown("quantize", name, list(QUANTIZATIONS))
    try:
        torchao = import_module("torchao.quantization")  # not among our requirements: it warns at each import
    except ImportError as error:
        raise DreamitateError(f"quantize: {name} needs torchao ({error}). Run `pip install torchao`.") from None
    torchao.quantize_(unet, torchao.Int8DynamicActivationInt8WeightConfig())


class DeepCache:
    """Computes a UNet's deep blocks in every nth step only; between, what they gave last stands in for them.

    Always computed: the first block down and the last up, which hold the finest details. (Ma, Fang, Wang: DeepCache,
    CVPR 2024.) A step whose noise is not lower than the one before begins a new dream.
    """

    def __init__(self, unet: Any, every: int) -> None:
        self.every, self.step, self.noise = every, -1, float("-inf")
        self._kept: dict[nn.Module, Any] = {}
        unet.register_forward_pre_hook(self._count, with_kwargs=True)
        for block in [*unet.down_blocks[1:], unet.mid_block, *unet.up_blocks[:-1]]:
            block.forward = self._unless_kept(block, block.forward)

    def _count(self, unet: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        timestep: Tensor = kwargs["timestep"] if "timestep" in kwargs else args[1]
        noise = float(timestep.max())
        self.step = self.step + 1 if noise < self.noise else 0
        self.noise = noise

    def _unless_kept(self, block: nn.Module, compute: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **kwargs: Any) -> Any:
            if self.step % self.every == 0:
                self._kept[block] = compute(*args, **kwargs)
            return self._kept[block]

        return forward
