"""How well covariance and score predict the error, as a picture."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from .track_table import WHOLE_DEGREES, WHOLE_MM, visible_frames

Row = dict[str, Any]


def plot(rows: dict[str, dict[int, Row]], path: Path) -> None:
    """Draw, per condition: share of errors inside the covariance's ellipsoids, and share of near poses by score."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    expected = np.linspace(0.02, 0.98, 25)
    edges = np.linspace(0, 1, 6)
    for name, of_name in rows.items():
        frames = visible_frames([row["joint"] for row in of_name.values()])
        left.plot(expected, [(frames["surprise"] < chi2.ppf(share, 6)).mean() for share in expected], label=name)
        near = (frames["mm"] < WHOLE_MM) & (frames["degrees"] < WHOLE_DEGREES)
        bins = np.clip(np.digitize(frames["score"], edges) - 1, 0, 4)
        filled = [b for b in range(5) if (bins == b).sum() >= 5]
        right.plot([(edges[b] + edges[b + 1]) / 2 for b in filled], [near[bins == b].mean() for b in filled], "o-")
    left.plot((0, 1), (0, 1), "k:", linewidth=1)
    left.set(xlabel="expected share inside the covariance's ellipsoid", ylabel="measured share")
    right.set(xlabel="score", ylabel=f"share within {WHOLE_MM:g} mm and {WHOLE_DEGREES:g} degrees", ylim=(0, 1.05))
    left.legend(fontsize=7)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
