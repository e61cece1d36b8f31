"""The objects that lie on the table, from `config/objects/<task>.yaml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.paths import config_dir
from dreamitate_core.yaml_file import read_mapping

SPLITS = ("train", "test")
SIZES = {"box": 3, "cylinder": 2, "ellipsoid": 3, "capsule": 2, "prism": 4, "sphere": 1, "bowl": 4}


@dataclass(frozen=True)
class Part:
    """A convex piece, or a bowl. size: metres, as the lists in `config/objects` say (a prism's first number counts its
    sides); base: (3,) metres, the middle of its base in the object's frame; colour: RGB 0..255; yaw: rad, how it is
    turned."""

    shape: str
    size: tuple[float, ...]
    base: tuple[float, float, float]
    colour: tuple[int, int, int]
    yaw: float = 0.0

    @property
    def height(self) -> float:
        """Metres."""
        return self.size[0] if self.shape == "capsule" else self.size[-1]

    @property
    def radius(self) -> float:
        """Metres from the part's own axis to its outermost point, seen from above."""
        if self.shape == "box":
            return float(np.hypot(self.size[0], self.size[1])) / 2.0
        if self.shape == "cylinder":
            return self.size[0] / 2.0
        return max(self.size[1:3] if self.shape == "prism" else self.size[:2]) / 2.0


@dataclass(frozen=True)
class ObjectKind:
    """An object: convex parts of one rigid body whose frame has its origin on the table, z up."""

    name: str
    mass_kg: float
    parts: tuple[Part, ...]

    @property
    def radius(self) -> float:
        """Metres from the object's axis to its outermost point, seen from above."""
        return max(part.radius + float(np.hypot(*part.base[:2])) for part in self.parts)

    @property
    def height(self) -> float:
        """Metres."""
        return max(part.base[2] + part.height for part in self.parts)


def load_objects(task_name: str, role: str, split: str, least: int = 1) -> list[ObjectKind]:
    """Return the objects of a role ("particles") in a split. Raises DreamitateError naming the entry that is wrong, and
    where there are fewer than `least`, a role or split that was renamed included."""
    if split not in SPLITS:
        raise unknown("split of objects", split, SPLITS)
    path = config_dir() / "objects" / f"{task_name}.yaml"
    if not path.is_file():
        raise DreamitateError(f"There is no object list {path} for task {task_name!r}.")
    lists = _parsed(path, path.stat().st_mtime_ns).get(role)
    entries = lists.get(split) if isinstance(lists, dict) else None
    if not isinstance(entries, list) or len(entries) < least:
        count = len(entries) if isinstance(entries, list) else "none"
        raise DreamitateError(f"{path}: {role}, {split}: at least {least} objects are needed, there are {count}.")
    try:
        return [_kind(entry) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise DreamitateError(f"{path}, {role}, {split}: an entry is missing or wrong: {error}.") from None


@lru_cache(maxsize=8)
def _parsed(path: Path, changed_ns: int) -> dict[str, Any]:
    """The list's contents; parsing takes longer than simulating a sweep, so it is done once."""
    return read_mapping(path)


def _kind(entry: dict) -> ObjectKind:
    name = entry["name"]
    parts = tuple(_strokes(entry) if "strokes_mm" in entry else (_part(name, part) for part in entry["parts"]))
    if not parts:
        raise DreamitateError(f"{name} has no parts.")
    return ObjectKind(name, float(entry["mass_g"]) * 1e-3, parts)


def _strokes(entry: dict) -> Iterator[Part]:
    """Bars that reach half their width beyond both ends, so that they meet without a gap."""
    width, height = (float(value) * 1e-3 for value in entry["stroke_mm"])
    red, green, blue = (int(value) for value in entry["colour"])
    for ends in entry["strokes_mm"]:
        x, y, to_x, to_y = (float(value) * 1e-3 for value in ends)
        size = (float(np.hypot(to_x - x, to_y - y)) + width, width, height)
        yaw = float(np.arctan2(to_y - y, to_x - x))
        yield Part("box", size, ((x + to_x) / 2.0, (y + to_y) / 2.0, 0.0), (red, green, blue), yaw)


def _part(owner: str, entry: dict) -> Part:
    shape, size = entry["shape"], [float(value) for value in entry["size_mm"]]
    if shape not in SIZES:
        raise unknown(f"shape of {owner}", shape, SIZES)
    if len(size) != SIZES[shape] or min(size) <= 0.0:
        raise DreamitateError(f"{owner}: a {shape} has {SIZES[shape]} positive sizes; these are {size}.")
    metres = [size[0], *(np.array(size[1:]) * 1e-3)] if shape == "prism" else np.array(size) * 1e-3
    x, y, z = (float(value) * 1e-3 for value in entry.get("at_mm", (0.0, 0.0, 0.0)))
    red, green, blue = (int(value) for value in entry["colour"])
    return Part(shape, tuple(map(float, metres)), (x, y, z), (red, green, blue))
