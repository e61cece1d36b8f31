"""The dream against Diffusion Policy, scene by scene: both are shown the same ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from .tasks_report import NAMES, SAID, bootstrap_interval

SAME = (
    "Both are shown the same photos of the same scenes; their paths go through the same planner, arms and verdict;"
    " where a path is refused before anything has moved, both may try again, equally often."
)
DIFFERENT = (
    "What differs: the dream's image encoder is taught by the simulator's exact poses of the tools, the policy by our"
    " tracker's; the dream takes the path on which most of several looks at the photos agree, the policy draws one;"
    " a tracker can doubt a dream, which is then drawn again, and nothing doubts the policy's path but the planner."
)


def mcnemar_p(dream_alone: int, policy_alone: int) -> float:
    """Return the p-value of McNemar's exact test, two-sided: how likely so large a difference is by chance between two
    that are equally good, given the scenes that only one of them did."""
    either = dream_alone + policy_alone
    return float(binomtest(dream_alone, either, 0.5).pvalue) if either else 1.0


def compare(dream: Mapping[str, Any], policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many scenes "both", the "dream" alone, the "policy" alone and "neither" did, McNemar's "p", and of the
    figures that are averaged "differences": the mean of dream minus policy and its 95 % bootstrap interval.

    dream, policy: reports of cells (`tasks_report.summarise`); scenes that only one of them was shown do not count.
    """
    dreamt, other = dream["results"], policy["results"]
    pairs = [(dreamt[seed], other[seed]) for seed in dreamt if seed in other]
    done = [(bool(one["success"]), bool(other["success"])) for one, other in pairs]
    dream_alone, policy_alone = done.count((True, False)), done.count((False, True))
    differences = {}
    for name in NAMES:
        both = [(one["figures"][name], other["figures"][name]) for one, other in pairs if _have(name, one, other)]
        if both:
            values = [one - other for one, other in both]
            differences[name] = float(np.mean(values)), bootstrap_interval(values)
    return {
        "both": done.count((True, True)),
        "dream": dream_alone,
        "policy": policy_alone,
        "neither": done.count((False, False)),
        "p": mcnemar_p(dream_alone, policy_alone),
        "differences": differences,
    }


def paired_lines(pairs: Mapping[str, dict[str, Any]]) -> Sequence[str]:
    """Return the report's section. pairs: what `compare` found, by task."""
    if not pairs:
        return []
    lines = ["## Dream against Diffusion Policy, scene by scene", "", SAME, DIFFERENT, ""]
    lines += ["| Task | both | dream alone | policy alone | neither | p (McNemar) | dream - policy |", "|---" * 7 + "|"]
    for task, found in pairs.items():
        counts = [str(found[name]) for name in ("both", "dream", "policy", "neither")]
        shown = "; ".join(_difference(name, *value) for name, value in found["differences"].items())
        lines.append(f"| {' | '.join([task, *counts, format(found['p'], '.2g'), shown or '-'])} |")
    return [*lines, ""]


def _have(name: str, *results: Mapping[str, Any]) -> bool:
    return all(name in result["figures"] for result in results)


def _difference(name: str, mean: float, interval: tuple[float, float] | None) -> str:
    """Return `mIoU 0.210 (0.150 to 0.270)`."""
    said = SAID[name]
    return f"{NAMES[name]} {said(mean)}" + (f" ({said(interval[0])} to {said(interval[1])})" if interval else "")
