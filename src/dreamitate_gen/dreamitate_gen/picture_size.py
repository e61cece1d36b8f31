"""The size of the pictures that a small model sees."""

from dataclasses import dataclass
from typing import Any

from dreamitate_core.errors import DreamitateError
from dreamitate_core.task import Task


@dataclass(frozen=True)
class PictureSize:
    """What a small model sees: pictures of width x height pixels, of the middle region of the photos (a share)."""

    width: int
    height: int
    region: float = 1.0

    @property
    def folder(self) -> str:
        """The name of the folder with the packed clips."""
        return f"packed_{self.width}x{self.height}_{self.region:g}"


def picture_size(task: Task) -> PictureSize:
    """Return what the task's small model sees. Raises DreamitateError where its file does not say."""
    return size_of(task.section("small_model"), f"small_model in config/tasks/{task.name}.yaml")


def closer_size(task: Task) -> PictureSize | None:
    """Return what the task's small model sees in its closer look (`closer`), None where it takes none.

    Raises DreamitateError where its file says it wrongly.
    """
    section = task.section("small_model").get("closer")
    return None if section is None else size_of(section, f"small_model.closer in config/tasks/{task.name}.yaml")


def size_of(section: Any, name: str) -> PictureSize:
    """Return the size that a mapping says; `name`: where it stands. Raises DreamitateError where it says none."""
    try:
        size = PictureSize(int(section["width"]), int(section["height"]), float(section["region"]))
    except (KeyError, TypeError, ValueError):
        raise DreamitateError(
            f"{name} needs width and height in pixels and the region of the photos, a share of them; it holds"
            f" {section}."
        ) from None
    if size.width % 16 or size.height % 16 or not 0.1 <= size.region <= 1.0:
        raise DreamitateError(
            f"{name}: width and height must be multiples of 16 and the region 0.1 to 1; they are {size.width},"
            f" {size.height} and {size.region:g}."
        )
    return size
