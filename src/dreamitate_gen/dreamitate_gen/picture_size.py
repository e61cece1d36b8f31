"""The size of the pictures that a small model sees."""

from dataclasses import dataclass

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
    section = task.section("small_model")
    try:
        size = PictureSize(int(section["width"]), int(section["height"]), float(section["region"]))
    except (KeyError, TypeError, ValueError):
        raise DreamitateError(
            f"small_model in config/tasks/{task.name}.yaml needs width and height in pixels and the region of the"
            f" photos, a share of them; it holds {section}."
        ) from None
    if size.width % 16 or size.height % 16 or not 0.1 <= size.region <= 1.0:
        raise DreamitateError(
            f"small_model in config/tasks/{task.name}.yaml: width and height must be multiples of 16 and the region"
            f" 0.1 to 1; they are {size.width}, {size.height} and {size.region:g}."
        )
    return size
