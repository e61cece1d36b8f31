"""Tasks: what is to be done, with which tool, arm and cameras, from `config/tasks/<name>.yaml`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DreamitateError, unknown
from .paths import config_dir
from .video import STEPS
from .yaml_file import read_mapping


@dataclass(frozen=True)
class Task:
    """A task. settings: the whole file, from which each stage reads its own section."""

    name: str
    description: str
    robot: str
    tools: list[str]
    rig: str
    clip_duration_s: float
    settings: dict[str, Any]

    @property
    def fps(self) -> float:
        """Time steps per second of the clip: the clip's length over its 12 steps."""
        return STEPS / self.clip_duration_s

    @property
    def shows_goal(self) -> bool:
        """Whether the object's final place is blended into the pictures as a mask (`goal: mask` in the file)."""
        return self.settings.get("goal") == "mask"

    @property
    def attempts(self) -> int:
        """How many dreams in a row a rollout may take (paper section 4.5: the best of 4)."""
        return int(self.settings.get("attempts", 1))

    @property
    def best_by(self) -> str:
        """The verdict's figure that says which attempt is the best, "" in tasks with one attempt."""
        return str(self.settings.get("best_by", ""))

    @property
    def best_way_share(self) -> float:
        """How often a demonstration takes the best of a scene's ways (`best_way_share` in the file); else the next."""
        return float(self.settings.get("best_way_share", 0.5))

    @property
    def turn_rad(self) -> float:
        """By how much a demonstration may be turned on the table, either way, and still be one (`turn_rad`), rad."""
        return float(self.settings.get("turn_rad", 0.0))

    @property
    def surface_height_m(self) -> float:
        """How high above the table the surfaces are that tell most on photos (`surface_height_m`), metres: photos of a
        demonstration that is moved on the table are exact there."""
        return float(self.settings.get("surface_height_m", 0.0))

    @property
    def mirrored(self) -> bool:
        """Whether a demonstration under x -> -x is one, too (`mirrored` in the file)."""
        return bool(self.settings.get("mirrored", False))

    def section(self, name: str) -> dict[str, Any]:
        """Return a stage's section of the file. Raises DreamitateError where it is missing."""
        section = self.settings.get(name)
        if not isinstance(section, dict):
            raise DreamitateError(f"Task {self.name!r} lacks the section {name!r} in config/tasks/{self.name}.yaml.")
        return section

    def number(self, section: str, name: str) -> float:
        """Return a number of a section. Raises DreamitateError where it is missing or none."""
        value = self.section(section).get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DreamitateError(
                f"{section} in config/tasks/{self.name}.yaml needs the number {name}; it is"
                f" {'missing' if value is None else repr(value)}."
            )
        return float(value)

    @property
    def dream_size(self) -> tuple[int, int]:
        """Width and height, pixels, of its dreams and demonstrations. Raises DreamitateError where they are missing."""
        width, height = (self.number("generator", name) for name in ("width", "height"))
        return int(width), int(height)


def task_names() -> list[str]:
    """Return the names of the tasks in the configuration, sorted."""
    return sorted(file.stem for file in _folder().glob("*.yaml"))


def rollout_task_names() -> list[str]:
    """Return the names of the tasks that can be rolled out whole: all but those whose file says `rollout: false`."""
    return [name for name in task_names() if load_task(name).settings.get("rollout", True)]


def load_task(name: str) -> Task:
    """Return the task of that name. Raises DreamitateError: unknown (with the known names) or unreadable."""
    if name not in task_names():
        raise unknown("task", name, task_names())
    path = _folder() / f"{name}.yaml"
    settings = read_mapping(path)
    try:
        _check(settings, path)
        return Task(
            name=name,
            description=settings["description"],
            robot=settings["robot"],
            tools=list(settings["tools"]),
            rig=settings["rig"],
            clip_duration_s=float(settings["clip_duration_s"]),
            settings=settings,
        )
    except (TypeError, ValueError) as error:
        raise DreamitateError(f"{path} is not a task file: {error}") from None
    except KeyError as missing:
        raise DreamitateError(f"{path} lacks {missing}.") from None


def _check(settings: dict[str, Any], path: Path) -> None:
    """Raise DreamitateError for a length, goal, attempts, share, turn, mirror or height that makes no sense."""
    duration = settings.get("clip_duration_s", 1.0)
    if isinstance(duration, bool) or not isinstance(duration, int | float) or not 0.0 < duration < math.inf:
        raise DreamitateError(f"{path}: clip_duration_s must be a number of seconds above 0; it is {duration!r}.")
    mirrored = settings.get("mirrored", False)
    if not isinstance(mirrored, bool):
        raise DreamitateError(f"{path}: mirrored must be true or false; it is {mirrored!r}.")
    if settings.get("goal", "mask") != "mask":
        raise unknown(f"goal in {path}", settings["goal"], ["mask"])
    attempts = settings.get("attempts", 1)
    if not isinstance(attempts, int) or attempts < 1:
        raise DreamitateError(f"{path}: attempts must be a whole number from 1 on; it is {attempts!r}.")
    share = settings.get("best_way_share", 0.5)
    if not isinstance(share, int | float) or not 0.0 < share <= 1.0:
        raise DreamitateError(f"{path}: best_way_share must be a number above 0 and at most 1; it is {share!r}.")
    turn = settings.get("turn_rad", 0.0)
    if not isinstance(turn, int | float) or not 0.0 <= turn <= 3.1416:
        raise DreamitateError(f"{path}: turn_rad must be a number of radians from 0 to 3.1416; it is {turn!r}.")
    height = settings.get("surface_height_m", 0.0)
    if isinstance(height, bool) or not isinstance(height, int | float) or not 0.0 <= height <= 0.3:
        raise DreamitateError(f"{path}: surface_height_m must be a number of metres from 0 to 0.3; it is {height!r}.")
    if attempts > 1 and not settings.get("best_by"):
        raise DreamitateError(f"{path}: with {attempts} attempts, best_by must name the figure that decides.")


def _folder() -> Path:
    return config_dir() / "tasks"
