"""What lies on the table in one episode, and how it is lit. Each task registers how to make and judge its scenes."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError
from dreamitate_core.registry import Registry
from dreamitate_core.task import Task

from .judge import Verdict
from .objects import ObjectKind
from .observation import Observation

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Placed:
    """An object on the table. role: what it is to the task ("particle"); x, y: metres, yaw: rad, in the table frame;
    z: metres from the table top to the object's base."""

    kind: ObjectKind
    role: str
    x: float
    y: float
    yaw: float
    z: float = 0.0


@dataclass(frozen=True)
class Mark:
    """A flat printed star. x, y, radius: metres to its centre and its points; yaw: rad; colour: RGB 0..255."""

    x: float
    y: float
    yaw: float
    radius: float
    colour: tuple[int, int, int]


@dataclass(frozen=True)
class Look:
    """Light and cloth. light_direction: (3,) unit, the way the light travels; light_colour, ambient: RGB 0..1;
    cloth_seed: of its wrinkles; cloth_grey: mean brightness 0..255; wrinkle: their contrast 0..255; sheen: 0..1."""

    light_direction: tuple[float, float, float]
    light_colour: tuple[float, float, float]
    ambient: tuple[float, float, float]
    cloth_seed: int
    cloth_grey: float
    cloth_tint: tuple[float, float, float]
    wrinkle: float
    sheen: float


@dataclass(frozen=True)
class Scene:
    """A scene: enough to rebuild everything about it. split: which objects it was made of; goal: where the first
    object shall end, in tasks that show it as a mask."""

    task: Task
    seed: int
    split: str
    objects: tuple[Placed, ...]
    marks: tuple[Mark, ...]
    look: Look
    goal: Placed | None = None

    @property
    def heights_m(self) -> Array:
        """The objects' heights (n,)."""
        return np.array([placed.kind.height for placed in self.objects])

    def as_seen(self, seen: Observation) -> "Scene":
        """Return the scene with its objects where they are now, upright."""
        now = zip(self.objects, seen.position, seen.yaw, strict=True)
        objects = []
        for placed, (x, y, middle), yaw in now:
            z = max(0.0, float(middle) - placed.kind.height / 2.0)
            objects.append(replace(placed, x=float(x), y=float(y), z=z, yaw=float(yaw)))
        return replace(self, objects=tuple(objects))

    def with_role(self, role: str) -> list[Placed]:
        """Return the objects of that role, in order."""
        return [placed for placed in self.objects if placed.role == role]


@dataclass(frozen=True)
class ToolMotion:
    """How tools move. time_s: (N,) from the clip's t = 1 on; transform_tool_to_table: (N, 4, 4) of the task's one tool,
    (tools, N, 4, 4) of several; on_the_way: that it only takes things to where another motion can take them to the goal
    from."""

    time_s: Array
    transform_tool_to_table: Array
    text: str
    on_the_way: bool = False


@dataclass(frozen=True)
class SceneKind:
    """A task's own part of the simulator.

    make(task, seed, split): a scene; ways(scene): the tool motions that may solve it, best first;
    judge(scene, seen): the verdict on what was observed;
    is_exemplary(verdict): whether a demonstration that ended so is worth learning from.
    """

    make: Callable[[Task, int, str], Scene]
    ways: Callable[[Scene], list[ToolMotion]]
    judge: Callable[[Scene, Observation], Verdict]
    is_exemplary: Callable[[Verdict], bool]


scene_kinds: Registry[SceneKind] = Registry("task scene")


def scene_kind(task: Task) -> SceneKind:
    """Return the task's part of the simulator. Its module registers it: the one of this package that is called like the
    task, or the one that the task's file names (`scene: my_tasks.nudge`). Raises DreamitateError where there is none.
    """
    module = str(task.settings.get("scene", f"{__package__}.{task.name}"))
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        raise DreamitateError(
            f"Task {task.name!r} has the scene module {module!r}, which cannot be imported: {error}."
            " Put its folder on PYTHONPATH, or mend `scene:` in the task's file."
        ) from None
    return scene_kinds.get(task.name)


def make_scene(task: Task, seed: int, split: str) -> Scene:
    """Return the scene of that seed, made of the objects of `split` ("train" or "test").

    Raises DreamitateError for an unknown task or split, or an unreadable object list.
    """
    return scene_kind(task).make(task, seed, split)


def random_look(random: np.random.Generator) -> Look:
    """Return a random light and a random black cloth."""
    # The light comes from the person's side, so that the parked arm throws its shadow out of the pictures.
    azimuth, elevation = random.uniform(0.0, np.pi), np.deg2rad(random.uniform(45.0, 80.0))
    horizontal = np.cos(elevation)
    warmth = random.uniform(-1.0, 1.0)
    colour = np.array([1.0 + 0.08 * warmth, 1.0, 1.0 - 0.12 * warmth])
    light = random.uniform(0.55, 0.8) * colour
    ambient = random.uniform(0.4, 0.55) * colour
    return Look(
        light_direction=(horizontal * np.cos(azimuth), horizontal * np.sin(azimuth), -float(np.sin(elevation))),
        light_colour=tuple(light),
        ambient=tuple(ambient),
        cloth_seed=int(random.integers(2**31)),
        cloth_grey=random.uniform(16.0, 34.0),
        cloth_tint=tuple(random.uniform(0.95, 1.05, 3)),
        wrinkle=random.uniform(3.0, 10.0),
        sheen=random.uniform(0.0, 0.25),
    )
