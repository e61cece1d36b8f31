"""bfloat16 where it is faster: on GPUs that have it, and on the processors that convolve faster with it.

That a processor has instructions for bfloat16 does not say so: a Xeon that has them, but no matrix tiles, convolved in
bfloat16 at six tenths of float32's pace. So it is tried, once per process, for some 0.1 s.
"""

import time
from functools import cache

import torch
from torch.nn import functional

GAIN = 1.2
"""How many times as fast bfloat16 must be. Where it is no faster, all tries are far below, and say the same."""
TRIES = 8


def half_where_faster(device: torch.device) -> torch.autocast:
    """Return the context in which networks compute in bfloat16, if the device is faster with it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device.type))


@cache
def has_fast_bfloat16(device_type: str) -> bool:
    """Whether a device of this type ("cpu", "cuda") is faster with bfloat16 than with float32."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported()) and _gain() > GAIN


@torch.no_grad()
def _gain() -> float:
    """Return how many times as fast a convolution is in bfloat16, the fastest of several tries in turn."""
    times_s: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    for _ in range(TRIES):
        for dtype, measured in times_s.items():
            picture, weight = torch.ones(16, 64, 18, 32, dtype=dtype), torch.ones(64, 64, 3, 3, dtype=dtype)
            began = time.perf_counter()
            functional.conv2d(picture, weight, padding=1)
            measured.append(time.perf_counter() - began)
    return min(times_s[torch.float32]) / min(times_s[torch.bfloat16])
