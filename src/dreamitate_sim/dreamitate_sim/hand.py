"""A person's hand and forearm that hold a tool by its upright handle. Only to be seen: physics does not touch them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3

from .gl import mujoco
from .world import ACTOR_GROUP

Array = NDArray[np.float64]

SKIN_COLOURS = ((255, 219, 190), (240, 194, 156), (224, 172, 130), (198, 140, 98), (160, 106, 70), (115, 74, 48))
SLEEVE_COLOURS = ((45, 45, 50), (120, 120, 125), (215, 213, 208), (100, 60, 45), (70, 65, 60))
GRIP_HEIGHT_M = 0.165
"""Height over the tip at which the middle of the fist holds the handle."""
WRIST_M = 0.062
"""From the handle's axis to the wrist."""


@dataclass(frozen=True)
class Person:
    """Who holds the tool. side: +1 for a right hand, -1 for a left one; elbow: (3,) metres in the table frame, where
    the elbow is while the hand is over the table's middle; skin, sleeve: RGB 0..255; sleeve_from_m: bare forearm."""

    side: int
    elbow: tuple[float, float, float]
    skin: tuple[int, int, int]
    sleeve: tuple[int, int, int]
    sleeve_from_m: float
    size: float


def random_people(random: np.random.Generator, transform_tool_to_table: Array) -> list[Person]:
    """Return the hands that hold the tools, of one random person on the table's -y side.

    transform_tool_to_table: (tools, N, 4, 4), the tools' paths. One tool is pushed by the hand that comes from behind
    it; where it travels along y, either hand will do. Of two tools, the first is in the left hand.
    """
    step = np.diff(transform_tool_to_table[0, :, :2, 3], axis=0)
    travel = step.sum(axis=0) / max(float(np.linalg.norm(step, axis=1).sum()), 1e-9)
    side = 1 if random.uniform(-0.3, 0.3) > travel[0] else -1
    person = _random_person(random, side)
    if len(transform_tool_to_table) == 1:
        return [person]
    x, y, z = person.elbow
    return [replace(person, side=hand, elbow=(hand * abs(x), y, z)) for hand in (-1, 1)]


def _random_person(random: np.random.Generator, side: int) -> Person:
    skin = SKIN_COLOURS[random.integers(len(SKIN_COLOURS))]
    shade = random.uniform(0.94, 1.03)
    red, green, blue = (min(int(value * shade), 255) for value in skin)
    return Person(
        side=side,
        elbow=(side * random.uniform(0.38, 0.46), random.uniform(-0.38, -0.30), random.uniform(0.17, 0.22)),
        skin=(red, green, blue),
        sleeve=SLEEVE_COLOURS[random.integers(len(SLEEVE_COLOURS))],
        sleeve_from_m=random.uniform(0.08, 0.30),
        size=random.uniform(0.85, 1.0),
    )


def add_hand(spec: mujoco.MjSpec, number: int, person: Person, handle_radius_m: float) -> None:
    """Add the bodies `hand_<number>` and `forearm_<number>`, which `place_hand` moves."""
    hand = spec.worldbody.add_body(name=f"hand_{number}", mocap=True)
    forearm = spec.worldbody.add_body(name=f"forearm_{number}", mocap=True)
    skin = np.array(person.skin) / 255.0
    size, mirror = person.size, float(person.side)
    around = handle_radius_m + 0.007 * size
    # Palm behind the handle (+x points to the wrist), four fingers around it, the thumb over them.
    _add_ellipsoid(hand, (around + 0.008, 0.004 * mirror, 0.0), np.array((0.017, 0.026, 0.036)) * size, skin)
    for index, z in enumerate(np.array((-0.026, -0.009, 0.008, 0.025)) * size):
        shade = skin * (0.97 + 0.02 * (index % 2))
        _add_capsule(hand, (0.014, 0.026 * mirror, z), (-0.5 * around, around * mirror, z), 0.0085 * size, shade)
        _add_capsule(
            hand, (-0.5 * around, around * mirror, z), (-around, -0.3 * around * mirror, z), 0.008 * size, shade
        )
    thumb = np.array((-0.3 * around, -around * mirror, 0.022 * size))
    _add_capsule(hand, (0.030, -0.018 * mirror, 0.010), thumb, 0.009 * size, skin)
    _add_capsule(hand, thumb, (-around, -0.1 * around * mirror, 0.030 * size), 0.008 * size, skin)
    _add_capsule(hand, (0.032, 0.002 * mirror, 0.0), (WRIST_M, 0.0, 0.0), 0.021 * size, skin)
    # The forearm's z axis runs from the wrist to the elbow.
    _add_capsule(forearm, (0.0, 0.0, 0.0), (0.0, 0.0, 0.14), 0.022 * size, skin)
    _add_capsule(forearm, (0.0, 0.0, 0.12), (0.0, 0.0, 0.60), 0.029 * size, skin)
    sleeve = np.array(person.sleeve) / 255.0
    _add_capsule(forearm, (0.0, 0.0, person.sleeve_from_m + 0.03), (0.0, 0.0, 0.62), 0.034 * size, sleeve)


def place_hand(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    number: int,
    person: Person,
    transform_tool_to_table: Array,
    handle_axis: Array,
    grip: Array | None = None,
) -> None:
    """Move a hand so that it holds the tool. handle_axis: (2, 3) two points on the handle's axis, tool frame.

    grip: (3,) the middle of the fist, tool frame; without one, it is GRIP_HEIGHT_M above the table.
    """
    foot, top = se3.transform_points(transform_tool_to_table, handle_axis)
    axis = (top - foot) / np.linalg.norm(top - foot)
    if grip is None:
        grip = foot + axis * (GRIP_HEIGHT_M - foot[2]) / axis[2]
    else:
        grip = se3.transform_points(transform_tool_to_table, grip[None])[0]
    elbow = np.array(person.elbow) + (0.8 * grip[0], 0.6 * grip[1], 0.0)
    to_elbow = elbow - grip
    x = to_elbow - axis * (to_elbow @ axis)
    x /= np.linalg.norm(x)
    transform_hand = se3.make_transform(np.stack([x, np.cross(axis, x), axis], axis=-1), grip)
    wrist = grip + WRIST_M * x
    z = (elbow - wrist) / np.linalg.norm(elbow - wrist)
    across = np.cross((0.0, 0.0, 1.0), z)
    across /= np.linalg.norm(across)
    transform_forearm = se3.make_transform(np.stack([across, np.cross(z, across), z], axis=-1), wrist)
    for name, transform in (("hand", transform_hand), ("forearm", transform_forearm)):
        index = model.body(f"{name}_{number}").mocapid[0]
        data.mocap_pos[index] = transform[:3, 3]
        data.mocap_quat[index] = np.roll(se3.to_quaternion_xyzw(transform), 1)


def _add_ellipsoid(body: mujoco.MjsBody, centre: tuple, half_size: Array, colour: Array) -> None:
    _unseen_by_physics(body.add_geom(type=mujoco.mjtGeom.mjGEOM_ELLIPSOID, pos=centre, size=half_size), colour)


def _add_capsule(
    body: mujoco.MjsBody, end_a: tuple | Array, end_b: tuple | Array, radius: float, colour: Array
) -> None:
    ends = np.concatenate([end_a, end_b])
    geom = body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=ends, size=[radius, 0.0, 0.0])
    _unseen_by_physics(geom, colour)


def _unseen_by_physics(geom: mujoco.MjsGeom, colour: Array) -> None:
    geom.rgba = [*np.clip(colour, 0.0, 1.0), 1.0]
    geom.contype = geom.conaffinity = 0
    geom.group = ACTOR_GROUP
