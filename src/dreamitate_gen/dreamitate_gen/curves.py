"""The learning curve of a run, as `curve.csv` and for TensorBoard, and the pictures of its dreams."""

import csv
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from dreamitate_core.clip import write_image

SHOWN = (1, 4, 8, 12)
"""Time steps on a sheet."""


class Curves:
    """Writes into the folder of a run, going on where an earlier part of it stopped."""

    def __init__(self, folder: Path, step: int) -> None:
        self.folder, self.path = folder, folder / "curve.csv"
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)
        if step == 0:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file():
            rows = list(csv.reader(self.path.open(newline="")))
            kept = [row for row in rows[1:] if int(row[0]) <= step]
            csv.writer(self.path.open("w", newline="")).writerows([rows[0], *kept])

    def add(self, step: int, values: dict[str, float]) -> None:
        """Add one row; every row has the same names."""
        is_new = not self.path.is_file()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow(["step", *values])
            writer.writerow([step, *(f"{value:.6g}" for value in values.values())])
        for name, value in values.items():
            self.board.add_scalar(name, value, step)

    def add_sheet(self, step: int, truth: Tensor, dream: Tensor) -> Path:
        """Write a sheet of two clips (25, 3, H, W) in 0..1: each view's truth above its dream; return its path."""
        rows = []
        for first in (0, 12):  # the frame of camera 1's t = 0; the one before camera 2's t = 1
            rows += [torch.cat([clip[first + t] for t in SHOWN], 2) for clip in (truth, dream)]
        picture = (torch.cat(rows, 1).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
        path = self.folder / "sheets" / f"{step:06d}.png"
        path.parent.mkdir(exist_ok=True)
        write_image(path, np.ascontiguousarray(picture.permute(1, 2, 0).numpy()))
        self.board.add_image("dream", picture, step)
        return path

    def close(self) -> None:
        """Write out what is waiting."""
        self.board.close()
