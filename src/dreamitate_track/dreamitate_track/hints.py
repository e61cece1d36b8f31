"""What a person or a detector says of a tool before it is tracked: boxes, masks or poses in some of the frames.

The JSON is the same in a file, on the topic and on the page (README, "Hints"). Steps are t = 1..12 and views 1, 2:

    {"brush": [{"step": 3, "view": 1, "box": [left, top, right, bottom]},
               {"step": 3, "view": 2, "mask": "mask.png"},
               {"step": 1, "pose": [[...], [...], [...], [0, 0, 0, 1]]}]}
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dreamitate_core import se3
from dreamitate_core.clip import Clip
from dreamitate_core.errors import DreamitateError, unknown
from dreamitate_core.numbers import read_array, read_count
from dreamitate_core.video import STEPS

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Place = tuple[int, int]
"""Step 0..11 and view 0..1."""

MOST_ENTRIES = 1000
LARGEST_MASK_BYTES = 4_000_000
SMALLEST_BOX_PX = 4.0
EMBEDDED = "data:image/png;base64,"


@dataclass(frozen=True)
class ToolHints:
    """What is said of one tool.

    boxes: (4,) left, top, right, bottom in pixels of the video; masks: (H, W), true on the tool; both by step and view.
    poses: transform_tool_to_reference (4, 4) by step 0..11.
    """

    boxes: dict[Place, Array] = field(default_factory=dict)
    masks: dict[Place, Mask] = field(default_factory=dict)
    poses: dict[int, Array] = field(default_factory=dict)


Hints = Mapping[str, ToolHints]


def read_hints(path: Path, clip: Clip) -> dict[str, ToolHints]:
    """Return the hints in a file; masks are PNG files beside it. Raises DreamitateError that names what is wrong."""
    try:
        text = Path(path).read_text()
    except FileNotFoundError:
        raise DreamitateError(f"There is no hints file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DreamitateError(f"The hints file {path} cannot be read: {error}.") from None
    return parse_hints(text, clip, str(path), Path(path).parent)


def parse_hints(text: str, clip: Clip, source: str, folder: Path | None = None) -> dict[str, ToolHints]:
    """Return the hints of a JSON text for a clip; without a folder masks must be embedded ("data:image/png;base64,").

    Raises DreamitateError that names the source, the entry and what is wrong with it.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DreamitateError(f"{source} is not JSON: {error}.") from None
    if not isinstance(data, dict) or not all(isinstance(entries, list) for entries in data.values()):
        raise DreamitateError(f'{source} must be like {{"tool": [{{"step": 1, "view": 1, "box": [10, 10, 60, 40]}}]}}.')
    if sum(len(entries) for entries in data.values()) > MOST_ENTRIES:
        raise DreamitateError(f"{source} holds more than {MOST_ENTRIES} entries.")
    known = [tool.name for tool in clip.tools]
    hints = {}
    for name, entries in data.items():
        if name not in known:
            raise unknown(f"tool in {source}", name, known)
        hints[name] = ToolHints()
        for number, entry in enumerate(entries):
            _add(hints[name], entry, clip, f"entry {number} of {name!r} in {source}", folder)
    return hints


def _add(hints: ToolHints, entry: Any, clip: Clip, source: str, folder: Path | None) -> None:
    """Put one entry where it belongs."""
    kinds = {"box", "mask", "pose"} & set(entry) if isinstance(entry, dict) else set()
    if len(kinds) != 1:
        raise DreamitateError(f"{source} must have exactly one of box, mask, pose.")
    step = read_count(entry.get("step"), f"The step of {source}", STEPS) - 1
    if "pose" in kinds:
        hints.poses[step] = se3.check_transform(
            read_array(entry["pose"], (4, 4), f"The pose of {source}"), f"The pose of {source}"
        )
        return
    place = step, read_count(entry.get("view"), f"The view of {source}", 2) - 1
    if "box" in kinds:
        hints.boxes[place] = _box(entry["box"], clip, source)
    else:
        hints.masks[place] = _mask(entry["mask"], clip, source, folder)


def _box(value: Any, clip: Clip, source: str) -> Array:
    """Return the box cut to the picture."""
    box = read_array(value, (4,), f"The box of {source}")
    box = np.clip(box, 0, [clip.video.width, clip.video.height] * 2)
    if (box[2:] - box[:2]).min() < SMALLEST_BOX_PX:
        raise DreamitateError(
            f"The box of {source} must be left, top, right, bottom, at least {SMALLEST_BOX_PX:g} pixels wide and high"
            f" inside the {clip.video.width}x{clip.video.height} picture; it is {value}."
        )
    return box


def _mask(value: Any, clip: Clip, source: str, folder: Path | None) -> Mask:
    """Return the mask of an embedded PNG, or of one beside the file."""
    if not isinstance(value, str):
        raise DreamitateError(f"The mask of {source} must be a text: a file's name or an embedded PNG.")
    if value.startswith(EMBEDDED):
        try:
            data = base64.b64decode(value.removeprefix(EMBEDDED), validate=True)
        except binascii.Error:
            raise DreamitateError(f"The mask of {source} is not base64.") from None
    elif folder is None:
        raise DreamitateError(f"The mask of {source} must be embedded ({EMBEDDED}...); files are not read here.")
    else:
        try:
            data = (folder / value).read_bytes()
        except (OSError, ValueError):
            raise DreamitateError(f"The mask {value} of {source} cannot be read.") from None
    image = None
    if 0 < len(data) <= LARGEST_MASK_BYTES:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    size = clip.video.height, clip.video.width
    if image is None or image.shape != size:
        raise DreamitateError(f"The mask of {source} must be a PNG of {size[1]}x{size[0]} pixels, white on the tool.")
    mask = np.asarray(image > 127)
    if not mask.any():
        raise DreamitateError(f"The mask of {source} is black everywhere; it must be white on the tool.")
    return mask


def hints_to_json(hints: Hints) -> str:
    """Return the JSON of hints, masks embedded."""
    data: dict[str, list[dict[str, Any]]] = {}
    for name, said in hints.items():
        entries: list[dict[str, Any]] = data.setdefault(name, [])
        for (step, view), box in sorted(said.boxes.items()):
            entries.append({"step": step + 1, "view": view + 1, "box": box.round(2).tolist()})
        for (step, view), mask in sorted(said.masks.items()):
            png = cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes()
            text = EMBEDDED + base64.b64encode(png).decode()
            entries.append({"step": step + 1, "view": view + 1, "mask": text})
        entries += [{"step": step + 1, "pose": pose.tolist()} for step, pose in sorted(said.poses.items())]
    return json.dumps(data, indent=1) + "\n"
