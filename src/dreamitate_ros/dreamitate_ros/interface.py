"""What a node offers, said once: its parameters, topics, services and actions, as plain data.

The nodes declare their parameters from it, and the README's table is made from it.
"""

from dataclasses import dataclass

LATCHED = "latched"
"""Reliable, transient local, depth 1: who comes late still gets the last one."""
LATCHED_EACH = "latched, one per tool"
"""The same with depth 2: who comes late gets the last one of each of two tools or arms."""
SENSOR = "sensor data"
"""Best effort, volatile, depth 5: a late image is worth nothing."""
RELIABLE = "reliable"
"""Reliable, volatile, depth 10."""

Value = bool | int | float | str


@dataclass(frozen=True)
class Parameter:
    """A ROS parameter: a number's `limits` are inclusive, a text's `choices` are all that is allowed."""

    name: str
    default: Value
    description: str
    unit: str = ""
    limits: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = True


@dataclass(frozen=True)
class Topic:
    """A topic by its relative name; `{1,2}` in a name stands for both cameras."""

    name: str
    type: str
    description: str
    qos: str = RELIABLE

    def names(self) -> list[str]:
        """Return the topic's names, one per camera where it stands for both."""
        return [self.name.replace("{1,2}", camera) for camera in "12"] if "{1,2}" in self.name else [self.name]


@dataclass(frozen=True)
class Served:
    """A service or an action that a node serves, by its relative name."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class NodeInterface:
    """All that a node offers to others."""

    name: str
    package: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    publishes: tuple[Topic, ...] = ()
    subscribes: tuple[Topic, ...] = ()
    services: tuple[Served, ...] = ()
    actions: tuple[Served, ...] = ()
    calls: tuple[Served, ...] = ()

    @property
    def executable(self) -> str:
        """The name of the program in `lib/<package>/`, which is also the module in the package."""
        return f"{self.name}_node"
