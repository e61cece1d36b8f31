"""What a task asks of the planner: the `planning` section of `config/tasks/<task>.yaml`."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.task import Task

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PlanningSettings:
    """Limits in the table frame: metres, radians, seconds.

    The workspace holds the tool's tip. Its height above the table and the tilt of the tool's z axis are held
    (on_limit: clamp) or refused (refuse) where the task gives limits. Deviations bound what smoothing may change.
    free_axis: the tool's own axis through its tip about which the task leaves it free to turn, or None.
    tool_acceleration: what a hand is expected to do; sweeping demonstrations have 0.09 m/s^2 and 0.6 rad/s^2 (rms, per
    axis). clear_height_m: of what stands on the table, over which arm and tool stay on the way to the path and home.
    free_speed: share of the arm's speed and acceleration limits used where the tool is above the table.
    """

    workspace_lower_m: Array
    workspace_upper_m: Array
    tip_height_lower_m: float = -np.inf
    tip_height_upper_m: float = np.inf
    tilt_limit_rad: float = np.inf
    on_limit: str = "refuse"
    free_axis: Array | None = None
    approach_height_m: float = 0.08
    clear_height_m: float = 0.0
    score_lower: float = 0.2
    bridged_frames: int = 2
    tool_speed_limit_m_s: float = 1.5
    tool_turn_limit_rad_s: float = 8.0
    tool_acceleration_m_s2: float = 0.15
    tool_acceleration_rad_s2: float = 0.7
    deviation_limit_m: float = 0.010
    deviation_limit_rad: float = 0.12
    free_speed: float = 0.8
    slowdown_limit: float = 3.0


def planning_settings(task: Task) -> PlanningSettings:
    """Return the task's planning settings. Raises DreamitateError for an entry that is unknown or wrong."""
    section: dict[str, Any] = dict(task.section("planning"))
    known = {field.name for field in fields(PlanningSettings)}
    for key in section:
        if key not in known:
            raise unknown(f"planning setting of task {task.name!r}", key, known)
    for key in ("workspace_lower_m", "workspace_upper_m", "free_axis"):
        if section.get(key) is not None:
            section[key] = np.array(section[key], float)
    try:
        settings = PlanningSettings(**section)
    except TypeError as error:
        raise DreamitateError(f"The planning section of task {task.name!r} is incomplete: {error}.") from None
    if settings.on_limit not in ("clamp", "refuse"):
        raise unknown("on_limit", settings.on_limit, ("clamp", "refuse"))
    if not np.all(settings.workspace_lower_m < settings.workspace_upper_m):
        raise DreamitateError(f"The workspace of task {task.name!r} is empty: lower must be below upper.")
    return settings
