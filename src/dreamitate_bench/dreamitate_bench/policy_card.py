"""The card beside a trained policy: what it is, what it learnt from, and where it differs from the paper's."""

from pathlib import Path
from typing import Any

import numpy as np

CARD = """# Diffusion Policy, {task}

The paper's baseline on the demonstrations of the video model: {clips} clips ({clips_lost} more were left out, because
the tracker was not sure of the tools in all 12 frames), {epochs:g} epochs, {seen} samples, {hours:.2f} hours.

- Two ResNet-18 (transformers' `ResNetModel`), one per camera, photos of 384x224 (clips of {width}x{height}),
  standardised; features of all places kept (no pooling; the paper averages them over the photo but in sweeping).
  They begin untrained: no pretrained weights were at hand, which the paper's had. GroupNorm in place of BatchNorm.
- 1D U-Net over the 12 poses (position and two axes of each tool, in the table frame), channels {channels} (the
  original's on real pictures: [512, 1024, 2048]), scaled and shifted (FiLM) by the photos' features; 100 levels of
  noise, cosine schedule, the path itself estimated from the noisy one (the original: the noise); {draws} noises per
  photo and step; 16 steps of DDIM.
- Learnt from the poses that our tracker found in the demonstrations, not from the simulator's, which teach the video
  model's image encoder.
- In place of random crops, which would hide where on the table things are: photos and poses moved together on the table
  by up to 45 and 30 mm{turned}{mirrored}, and other light, as for the video model.
- AdamW, {learning_rate:g} (the original: 1e-4), batch {batch} (16), cosine rate after {warm_up} steps (500); these are
  averaged weights, in float16.

Learning curve: `curve.csv`. Sources: {git_revision}.
"""


def write_card(folder: Path, info: dict[str, Any]) -> None:
    """Write `README.md`. info: of `model.json`."""
    mirrored = " (and mirrored, half of the time)" if info["mirrored"] else ""
    turned = f", and turned by up to {np.degrees(info['turn_rad']):.0f} degrees" if info["turn_rad"] else ""
    width, height = info["clip_size"]
    said = {
        **info["training"],
        **info,
        "width": width,
        "height": height,
        "mirrored": mirrored,
        "turned": turned,
    }
    (folder / "README.md").write_text(CARD.format(**said, hours=info["elapsed_s"] / 3600))
