"""First step of a calibration: the board in every picture, and what is wrong with the pictures where it is not."""

from dataclasses import dataclass, field

import numpy as np

from dreamitate_core.camera import Camera
from dreamitate_core.errors import DreamitateError
from dreamitate_core.progress import Progress, quiet

from .board import Board, Seen
from .shots import VIEWS, Shots, read_picture


class CalibrationError(DreamitateError):
    """The pictures do not make a calibration that can be trusted; the text says why, with the number."""


@dataclass
class Found:
    """What was found. seen: by moment and view (0 or 1); sizes: width, height by view; bad: why, by `view/name`."""

    seen: dict[str, dict[int, Seen]] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    bad: dict[str, str] = field(default_factory=dict)


def find_boards(shots: Shots, board: Board, progress: Progress = quiet) -> Found:
    """Return where the board is in every picture.

    Raises CalibrationError where the pictures show another board, are mirrored, or are of several sizes.
    """
    found = Found()
    complaints: list[str] = []
    for number, name in enumerate(shots.names):
        progress("finding the board", number / len(shots.names))
        for view, folder in enumerate(VIEWS):
            path = shots.path(folder, name)
            if path is None:
                found.bad[f"{folder}/{name}"] = "there is no such picture"
                continue
            picture = read_picture(path)
            _check_size(found, shots.cameras.get(folder), view, picture.shape[1], picture.shape[0], path.name)
            seen = board.find(picture)
            if seen is not None:
                found.seen.setdefault(name, {})[view] = seen
                continue
            why = board.complaint(picture) if len(complaints) < 3 else ""
            found.bad[f"{folder}/{name}"] = why or "the board was not found: hidden, cut off, blurred or too far away"
            complaints += [why] if why else []
    _check_board(found, board, complaints)
    return found


def _check_size(found: Found, camera: Camera | None, view: int, width: int, height: int, name: str) -> None:
    expected = found.sizes.setdefault(view, (width, height))
    if (width, height) != expected:
        raise CalibrationError(
            f"{VIEWS[view]}/{name} has {width}x{height} pixels, the pictures before it {expected[0]}x{expected[1]}."
        )
    if camera and (camera.width, camera.height) != (width, height):
        raise CalibrationError(
            f"{VIEWS[view]}'s pictures have {width}x{height} pixels, its cameras.json says {camera.width}x"
            f"{camera.height}. Record both at one resolution."
        )


def _check_board(found: Found, board: Board, complaints: list[str]) -> None:
    pictures = [seen for views in found.seen.values() for seen in views.values()]
    if complaints and (not pictures or (len(complaints) >= 3 and len(pictures) < len(found.bad))):
        raise CalibrationError(f"{len(found.bad)} pictures are of no use: in the first, {complaints[0]}.")
    if not pictures:
        raise CalibrationError(
            f"The board ({board.text}) was found in none of {len(found.bad)} pictures. "
            "Is it in view, and is --board right?"
        )
    for seen in sorted(pictures, key=lambda seen: -len(seen.marker_ids))[:3]:
        wrong = board.layout_complaint(seen.marker_ids, seen.marker_pixels)
        if wrong:
            raise CalibrationError(f"The pictures show another board than {board.text}: {wrong}.")
    ids = np.unique(np.concatenate([seen.ids for seen in pictures]))
    rows = np.unique(ids // (board.columns - 1))
    if len(rows) < board.rows - 1:
        raise CalibrationError(
            f"Of the board's {board.rows - 1} rows of corners only {len(rows)} were seen in any picture. "
            f"Is it a board of {board.columns}x{len(rows) + 1} squares?"
        )
