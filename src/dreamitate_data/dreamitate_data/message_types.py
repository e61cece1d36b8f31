"""What messages are made of: read from the interface texts (.msg) that every ROS package installs in its share folder.

The texts go into the bag, so that any reader can decode it without the packages. Messages only: the names of actions'
hidden types (`Rollout_FeedbackMessage`) make mcap-ros2-support refuse the whole bag.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.base import TypesysError
from rosbags.typesys.store import Typestore

from dreamitate_core.errors import DreamitateError


def learn_type(store: Typestore, type_name: str) -> None:
    """Enter a type and all it is made of in `store`, from installed interface texts.

    Raises DreamitateError where a text is missing or cannot be read.
    """
    if type_name in store.fielddefs:
        return
    try:
        types = get_types_from_msg(_interface_text(type_name), type_name)
    except TypesysError as error:
        raise DreamitateError(f"The definition of {type_name} cannot be read: {error}.") from None
    for part in _parts(types[type_name][1]):
        learn_type(store, part)
    store.register(types)


def whole_definition(store: Typestore, type_name: str) -> str:
    """Return the text that bags carry: the type's own, then that of each type it is made of."""
    found = [type_name]
    for name in found:
        found += [part for part in dict.fromkeys(_parts(store.fielddefs[name][1])) if part not in found]
    texts = [f"MSG: {name}\n{_interface_text(name)}" for name in found[1:]]
    return f"\n{'=' * 80}\n".join([_interface_text(type_name), *texts])


def _parts(fields: list[Any]) -> Iterator[str]:
    for _, (kind, detail) in fields:
        if kind in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            kind, detail = detail[0]
        if kind == Nodetype.NAME:
            yield detail


def _interface_text(type_name: str) -> str:
    """Return the .msg text of a type `pkg/msg/Name`."""
    package, kind, name = type_name.split("/")
    if kind != "msg":
        raise DreamitateError(f"{type_name} is not a message (pkg/msg/Name), so it cannot be recorded.")
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix]
    places = [prefix / "share" / package / "msg" / f"{name}.msg" for prefix in [*prefixes, Path(sys.prefix)]]
    for place in places:
        if place.is_file():
            return place.read_text()
    raise DreamitateError(
        f"The definition {package}/msg/{name}.msg was not found in any share folder. "
        f"Install {package} (without ROS: make setup) or source its workspace."
    )
