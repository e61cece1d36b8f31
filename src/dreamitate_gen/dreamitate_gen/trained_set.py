"""Which of the UNet's parameters are trained.

`attention` (the paper's): every parameter of every TransformerSpatioTemporalModel, which are the UNet's modules named
`attentions`: their norms and projections, spatial and temporal transformer blocks with feed-forward layers, the
embedding of the frame's number, and the mix of space and time. Of SVD's 1,525 million parameters these are 770 million.
`lora`: low-rank additions to the query, key, value and output projections of the same blocks. `full`: all.
"""

from typing import Any

import peft
import torch
from diffusers.models.transformers.transformer_temporal import TransformerSpatioTemporalModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from dreamitate_core.errors import unknown

TRAINED_SETS = ("attention", "lora", "full")
PROJECTIONS = ["to_q", "to_k", "to_v", "to_out.0"]


def choose_trained(unet: nn.Module, name: str, lora_rank: int) -> dict[str, nn.Parameter]:
    """Freeze all but the named set and return it by parameter name; `lora` adds its layers to the UNet."""
    if name not in TRAINED_SETS:
        raise unknown("set of trained parameters", name, list(TRAINED_SETS))
    if name == "lora":
        config = peft.LoraConfig(r=lora_rank, lora_alpha=lora_rank, target_modules=PROJECTIONS)
        peft.inject_adapter_in_model(config, unet)
    attentions = [n + "." for n, m in unet.named_modules() if isinstance(m, TransformerSpatioTemporalModel)]
    chosen = {}
    for path, parameter in unet.named_parameters():
        in_attention = any(path.startswith(prefix) for prefix in attentions)
        trained = {"attention": in_attention, "lora": ".lora_" in path, "full": True}[name]
        parameter.requires_grad_(trained)
        if trained:
            chosen[path] = parameter
    return chosen


@torch.no_grad()
def plain_state(unet: nn.Module) -> dict[str, Tensor]:
    """Return the UNet's weights under stock names, low-rank additions added in."""
    state = {
        name.replace(".base_layer.", "."): value for name, value in unet.state_dict().items() if ".lora_" not in name
    }
    for name, module in unet.named_modules():
        if isinstance(module, LoraLayer):
            layer: Any = module
            state[f"{name}.weight"] = layer.base_layer.weight + layer.get_delta_weight("default")
    return state
