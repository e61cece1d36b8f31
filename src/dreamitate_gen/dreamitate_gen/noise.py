"""Noise: EDM's levels, the two preconditionings, and the loss weights (Karras et al. 2022; SVD's report 2023)."""

import math

import torch
from torch import Tensor

SVD_P_MEAN, SVD_P_STD = 0.7, 1.6
"""Log-normal noise levels of Stable Video Diffusion."""


def sample_sigma(count: int, p_mean: float, p_std: float, generator: torch.Generator) -> Tensor:
    """Return log-normal noise levels (count,)."""
    return torch.exp(p_mean + p_std * torch.randn(count, generator=generator))


def input_scale(sigma: Tensor) -> Tensor:
    """Return c_in for latents of unit standard deviation."""
    return 1 / torch.sqrt(sigma**2 + 1)


def noise_condition(sigma: Tensor) -> Tensor:
    """Return SVD's time step, 0.25 ln sigma."""
    return 0.25 * torch.log(sigma)


def denoised(prediction: str, output: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
    """Return the estimate of the clean latents from the network's output.

    prediction: "x0" where the output is the estimate, "v_prediction" as SVD; sigma broadcasts over the latents.
    """
    if prediction == "x0":
        return output
    return noisy / (sigma**2 + 1) - output * sigma / torch.sqrt(sigma**2 + 1)


def loss_weight(prediction: str, sigma: Tensor) -> Tensor:
    """Return the weight of the squared error of the clean estimate; "x0" caps it, for low noise is not its business."""
    weight = (sigma**2 + 1) / sigma**2
    return weight.clamp(max=4.0) if prediction == "x0" else weight


def sigmas(schedule: str, steps: int, sigma_min: float, sigma_max: float) -> list[float]:
    """Return steps + 1 falling noise levels, the last zero. schedule: "karras" (SVD's) or "log_uniform"."""
    return {"karras": karras_sigmas, "log_uniform": log_uniform_sigmas}[schedule](steps, sigma_min, sigma_max)


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float = 7.0) -> list[float]:
    """Return steps + 1 falling noise levels, the last zero."""
    if steps == 1:
        return [sigma_max, 0.0]
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return [(high + i / (steps - 1) * (low - high)) ** rho for i in range(steps)] + [0.0]


def log_uniform_sigmas(steps: int, sigma_min: float, sigma_max: float) -> list[float]:
    """Return steps + 1 falling noise levels at equal ratios, the last zero."""
    ratio = math.log(sigma_min / sigma_max) / max(steps - 1, 1)
    return [sigma_max * math.exp(i * ratio) for i in range(steps)] + [0.0]
