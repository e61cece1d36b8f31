"""Two arms that move at the same time must not touch each other."""

from collections.abc import Sequence
from itertools import pairwise

import coal
import numpy as np
from numpy.typing import NDArray

from dreamitate_core.arms import ArmSetup

from .chain import Chain
from .collision import TOOL, CollisionWorld

Array = NDArray[np.float64]

ARMS_CLEARANCE_M, TOOLS_CLEARANCE_M = 0.030, 0.012
CHECK_STEP_M = 0.005
"""No point of either arm moves further between two checked configurations, so the two come no nearer than 20 mm, and
their tools, which hold small things between them, no nearer than 2 mm."""


class ArmsApart:
    """Two arms with their tools. Positions (N, dof of both): the first arm's joints, then the second's."""

    def __init__(
        self,
        arms: Sequence[ArmSetup],
        chains: Sequence[Chain],
        worlds: Sequence[CollisionWorld],
        reaches_m: Sequence[Array],
    ) -> None:
        self._dof, self._reaches_m = chains[0].dof, reaches_m
        self._bodies = [_Body(*each) for each in zip(arms, chains, worlds, strict=True)]
        self._request = coal.CollisionRequest()
        self._request.num_max_contacts = 1

    def contact(self, positions: Array) -> tuple[int, str] | None:
        """Return the vertex before the first contact along a polyline, and what touches what; None where nothing."""
        parts, vertices = [], []
        for index, (a, b) in enumerate(pairwise(positions)):
            move = np.abs(b - a)
            far = max(self._reaches_m[0] @ move[: self._dof], self._reaches_m[1] @ move[self._dof :])
            steps = max(1, int(np.ceil(far / CHECK_STEP_M)))
            parts.append(a + (b - a) * (np.arange(steps) / steps)[:, None])
            vertices += [index] * steps
        dense = np.concatenate([*parts, positions[-1:]])
        first = self._first(dense)
        return None if first is None else ([*vertices, len(positions) - 1][first[0]], first[1])

    def _first(self, positions: Array) -> tuple[int, str] | None:
        one, two = self._bodies
        places = one.places(positions[:, : self._dof]), two.places(positions[:, self._dof :])
        middles = [body.middles(place) for body, place in zip(self._bodies, places, strict=True)]
        between = np.linalg.norm(middles[0][:, :, None] - middles[1][:, None], axis=-1)
        near = between < one.radii[:, None] + two.radii + ARMS_CLEARANCE_M
        for index, i, j in np.argwhere(near):
            both_tools = one.is_tool[i] and two.is_tool[j]
            self._request.security_margin = TOOLS_CLEARANCE_M if both_tools else ARMS_CLEARANCE_M
            result = coal.CollisionResult()
            coal.collide(
                one.shapes[i],
                _pose(places[0][index, i]),
                two.shapes[j],
                _pose(places[1][index, j]),
                self._request,
                result,
            )
            if result.isCollision():
                return int(index), f"{one.names[i]} touches {two.names[j]}"
        return None


class _Body:
    """An arm's shapes in the table frame."""

    def __init__(self, arm: ArmSetup, chain: Chain, world: CollisionWorld) -> None:
        self._chain, self._base, moved = chain, arm.transform_base_to_table, world.arm_shapes
        self.shapes = [item.geometry for item in moved]
        self.is_tool = [item.name == TOOL for item in moved]
        self.names = [f"{arm.name} {world.name_of(item)}" for item in moved]
        self._joints = np.array([item.parentJoint for item in moved])
        self._placements = np.stack([item.placement.homogeneous for item in moved])
        for shape in self.shapes:
            shape.computeLocalAABB()
        self._centres = np.stack([np.append(shape.aabb_center, 1.0) for shape in self.shapes])
        self.radii = np.array([shape.aabb_radius for shape in self.shapes])

    def places(self, position: Array) -> Array:
        """Return transform_shape_to_table (N, shapes, 4, 4)."""
        frames = self._chain.joints(position)
        fixed = np.broadcast_to(np.eye(4), (len(frames), 1, 4, 4))
        return np.asarray(self._base @ np.concatenate([fixed, frames], axis=1)[:, self._joints] @ self._placements)

    def middles(self, places: Array) -> Array:
        """Return the centres (N, shapes, 3) of the spheres around the shapes."""
        return np.asarray((places @ self._centres[..., None])[..., :3, 0])


def _pose(transform: Array) -> coal.Transform3s:
    return coal.Transform3s(transform[:3, :3], transform[:3, 3])
