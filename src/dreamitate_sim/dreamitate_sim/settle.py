"""Loose things come to rest: where a scene's beads lie once they have fallen into place."""

from dataclasses import replace

from .gl import mujoco
from .observation import Witness
from .scene import Scene
from .world import TIMESTEP_S, build_world, scene_rig

SETTLE_S = 1.0


def settled(scene: Scene, role: str) -> Scene:
    """Return the scene with the objects of that role where physics lets them rest; nothing else is moved."""
    spec = build_world(scene, scene_rig(scene))
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, nstep=round(SETTLE_S / TIMESTEP_S))
    middles = Witness(model, data, scene.heights_m, []).observation().position
    objects = []
    for placed, (x, y, z) in zip(scene.objects, middles, strict=True):
        if placed.role == role:
            placed = replace(placed, x=float(x), y=float(y), z=float(z) - placed.kind.height / 2.0)
        objects.append(placed)
    return replace(scene, objects=tuple(objects))
