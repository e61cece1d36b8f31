"""Trains a tiny SVD for two steps, for the test that starts it with `accelerate launch`.

python train_svd.py DATA BASE OUT
"""

import sys
from dataclasses import replace
from pathlib import Path

from dreamitate_core.task import load_task
from dreamitate_gen.svd_train import SvdSettings, train_svd

data, base, out = (Path(text) for text in sys.argv[1:])
task = load_task("sweeping")
small = {"width": 64, "height": 32, "steps": 2}
task = replace(task, settings={**task.settings, "generator": {**task.section("generator"), **small}})
train_svd(task, data, base, out, SvdSettings(steps=2, batch=2, augmentations=2, sheet_every=0, warm_up=0))
