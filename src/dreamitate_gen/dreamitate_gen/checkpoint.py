"""Exact resume: weights, moving average, optimiser and random state, in safetensors and JSON."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dreamitate_core.errors import DreamitateError


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    random: torch.Generator,
    counters: dict[str, Any],
) -> None:
    """Write the state of a training run; it replaces the last one only when it is whole."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tensors = {f"model/{name}": value for name, value in model.state_dict().items()}
    if average is not None:
        tensors |= {f"average/{name}": value for name, value in average.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in state.items() if isinstance(value, Tensor)}
    tensors["random"] = random.get_state()
    save_file({name: value.contiguous() for name, value in tensors.items()}, partial / "state.safetensors")
    (partial / "counters.json").write_text(json.dumps(counters) + "\n")
    last = _last(folder)
    shutil.rmtree(last, ignore_errors=True)
    if folder.exists():
        folder.rename(last)
    partial.rename(folder)
    shutil.rmtree(last, ignore_errors=True)


def load_checkpoint(
    folder: Path,
    model: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    random: torch.Generator,
) -> dict[str, Any]:
    """Restore what `save_checkpoint` wrote and return the counters; {} where there is no checkpoint.

    Raises DreamitateError for another network's.
    """
    if not folder.is_dir():
        folder = _last(folder)  # a kill fell between the two renames
    if not folder.is_dir():
        return {}
    tensors = load_file(folder / "state.safetensors")
    try:
        model.load_state_dict(_part(tensors, "model/"))
        if average is not None:
            average.load_state_dict(_part(tensors, "average/"))
    except RuntimeError as error:
        raise DreamitateError(
            f"The checkpoint in {folder} belongs to another network ({str(error).splitlines()[0]})"
            " Train into another folder, or remove this one."
        ) from None
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer/").items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    random.set_state(tensors["random"])
    counters: dict[str, Any] = json.loads((folder / "counters.json").read_text())
    return counters


def _last(folder: Path) -> Path:
    """Where the checkpoint before this one is while it is replaced."""
    return folder.with_name(f".{folder.name}.last")


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
