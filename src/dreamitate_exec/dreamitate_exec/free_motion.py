"""Ways through free space: the straight line in joint space, or a detour found by RRT-Connect."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.progress import Progress, quiet

from .collision import CollisionWorld, Contact

Array = NDArray[np.float64]

CHECK_STEP_M = 0.010
"""No point of the arm moves further between two checked configurations; half of it is at most the clearance."""
STRIDE_RAD = 0.4
TRIES = 300
SHORTCUTS = 40


class FreeSpace:
    """Joint space with its obstacles. reach_m: (dof,) how far from each joint's axis the arm and tool extend."""

    def __init__(self, world: CollisionWorld, reach_m: Array, lower: Array, upper: Array) -> None:
        self._world, self._reach_m = world, reach_m
        self._lower, self._upper = np.maximum(lower, -np.pi), np.minimum(upper, np.pi)

    def contact(self, positions: Array) -> Contact | None:
        """Return the first contact along the polyline of positions (N, dof); its index is that of the vertex before."""
        for index, (a, b) in enumerate(pairwise(positions)):
            steps = max(1, int(np.ceil(self._reach_m @ np.abs(b - a) / CHECK_STEP_M)))
            contact = self._world.first_contact(a + (b - a) * (np.arange(steps) / steps)[:, None])
            if contact is not None:
                return Contact(index, contact.names)
        last = self._world.first_contact(positions[-1:])
        return None if last is None else Contact(len(positions) - 1, last.names)

    def connect(self, start: Array, goal: Array, progress: Progress = quiet) -> Array | None:
        """Return the vertices (K, dof) of a free way from start to goal, both included, or None where none is found.

        Source: J. Kuffner, S. LaValle, RRT-Connect, 2000. The random numbers are the same every time.
        """
        if self.contact(np.stack([start, goal])) is None:
            return np.stack([start, goal])
        random = np.random.default_rng(0)
        trees = _Tree(start), _Tree(goal)
        lower, upper = (
            np.minimum(self._lower, np.minimum(start, goal)),
            np.maximum(self._upper, np.maximum(start, goal)),
        )
        for number in range(TRIES):
            progress("free motion", number / TRIES)
            reached = self._grow(trees[number % 2], random.uniform(lower, upper), once=True)
            if reached is None:
                continue
            target = trees[number % 2].vertices[reached]
            met = self._grow(trees[1 - number % 2], target, once=False)
            if met is not None and np.array_equal(trees[1 - number % 2].vertices[met], target):
                ends = (reached, met) if number % 2 == 0 else (met, reached)
                way = np.concatenate([trees[0].way(ends[0])[::-1], trees[1].way(ends[1])[1:]])
                return self._shorten(way, random)
        return None

    def _grow(self, tree: "_Tree", target: Array, once: bool) -> int | None:
        """Grow a tree towards a target, one stride or as far as is free; return its new vertex, or None."""
        at = tree.nearest(target)
        grown = None
        while True:
            way = target - tree.vertices[at]
            length = float(np.abs(way).max())
            if length == 0.0:
                return at
            vertex = target if length <= STRIDE_RAD else tree.vertices[at] + way * (STRIDE_RAD / length)
            if self.contact(np.stack([tree.vertices[at], vertex])) is not None:
                return grown
            at = grown = tree.add(vertex, at)
            if once:
                return grown

    def _shorten(self, way: Array, random: np.random.Generator) -> Array:
        for _ in range(SHORTCUTS):
            if len(way) <= 2:
                break
            i, j = np.sort(random.choice(len(way), 2, replace=False))
            if j > i + 1 and self.contact(way[[i, j]]) is None:
                way = np.concatenate([way[: i + 1], way[j:]])
        return way


class _Tree:
    def __init__(self, root: Array) -> None:
        self.vertices, self._parents = [root], [-1]

    def add(self, vertex: Array, parent: int) -> int:
        self.vertices.append(vertex)
        self._parents.append(parent)
        return len(self.vertices) - 1

    def nearest(self, target: Array) -> int:
        return int(np.argmin(np.abs(np.array(self.vertices) - target).max(axis=1)))

    def way(self, vertex: int) -> Array:
        """Return the vertices (K, dof) from one back to the root."""
        way = []
        while vertex >= 0:
            way.append(self.vertices[vertex])
            vertex = self._parents[vertex]
        return np.array(way)
