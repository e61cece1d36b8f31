"""A planned motion: joints over time, and where the tool goes with them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .arrays import write_arrays
from .errors import DreamitateError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """A timed joint trajectory.

    time_s: (N,) from the start; position, velocity, acceleration: (N, dof) rad, rad/s, rad/s^2;
    transform_tool_to_table: (N, 4, 4); waypoint_time_s: (M,) when the tracked poses are met;
    waypoint_transform_tool_to_table: (M, 4, 4) the poses that the plan aims at; notes: what the planner changed.
    """

    joint_names: list[str]
    time_s: Array
    position: Array
    velocity: Array
    acceleration: Array
    transform_tool_to_table: Array
    waypoint_time_s: Array
    waypoint_transform_tool_to_table: Array
    notes: list[str] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """From the first to the last sample."""
        return float(self.time_s[-1] - self.time_s[0])


_ARRAYS = (
    "time_s",
    "position",
    "velocity",
    "acceleration",
    "transform_tool_to_table",
    "waypoint_time_s",
    "waypoint_transform_tool_to_table",
)


def write_plan(path: Path, plan: Plan) -> None:
    """Write `plan.npz`."""
    arrays: dict[str, NDArray[np.generic]] = {name: getattr(plan, name) for name in _ARRAYS}
    texts = {"joint_names": np.array(plan.joint_names), "notes": np.array(plan.notes, dtype=np.str_)}
    write_arrays(path, {**texts, **arrays})


def read_plan(path: Path) -> Plan:
    """Return the plan in a `plan.npz`. Raises DreamitateError where it is missing or wrong."""
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in _ARRAYS}
            return Plan([str(n) for n in data["joint_names"]], notes=[str(n) for n in data["notes"]], **arrays)
    except FileNotFoundError:
        raise DreamitateError(f"There is no plan file {path}.") from None
    except (KeyError, ValueError, OSError, AttributeError) as error:
        raise DreamitateError(f"{path} cannot be read as a plan: {error}.") from None
