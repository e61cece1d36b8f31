"""What trials looked like: a strip of pictures for each, and contact sheets of those that succeeded and that failed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from dreamitate.glimpses import SHOWN, SIZE, Glimpse
from dreamitate_core.camera import Image
from dreamitate_core.clip import read_image, write_image

MOST_ROWS = 6
GAP, CAPTION = 4, 22
LETTER_PX = 13
INK = (30, 34, 42)
SHEETS = {True: "successes.png", False: "failures.png"}


def write_strip(folder: Path, seed: int, seen: Glimpse) -> None:
    """Write `<seed>.jpg`: photo, some frames of the path, end; white where a trial did not come so far."""
    white = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    path = seen.path or [white] * len(SHOWN)
    end = white if seen.end is None else seen.end
    write_image(folder / f"{seed}.jpg", _joined([seen.photo, *path, end]))


def write_sheets(folder: Path, results: Mapping[int, Mapping[str, Any]]) -> list[Path]:
    """Write contact sheets of the first trials that succeeded and of the first that failed, and return their files.

    folder: where the strips are; results: by seed. A sheet that nothing belongs on is removed.
    """
    written = []
    for success, name in SHEETS.items():
        rows = [
            (read_image(strip), _caption(seed, result))
            for seed, result in results.items()
            if bool(result["success"]) is success and (strip := folder / f"{seed}.jpg").is_file()
        ][:MOST_ROWS]
        if rows:
            _sheet(rows).save(folder / name, optimize=True)
            written.append(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    return written


def _caption(seed: int, result: Mapping[str, Any]) -> str:
    said = f"seed {seed}" + ("" if result["success"] else f": {result['failed_stage']}: {result['reason']}")
    return " ".join(said.split())


def _sheet(rows: Sequence[tuple[Image, str]]) -> PillowImage.Image:
    """Return the strips under each other, each below its caption, in 256 colours."""
    width, height = rows[0][0].shape[1], rows[0][0].shape[0]
    sheet = PillowImage.new("RGB", (width, len(rows) * (height + CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(LETTER_PX)
    for index, (strip, caption) in enumerate(rows):
        top = index * (height + CAPTION)
        while pen.textlength(caption, font) > width - 2 * GAP:
            caption = caption.removesuffix("...")[:-1] + "..."
        pen.text((GAP, top + GAP), caption, INK, font)
        sheet.paste(PillowImage.fromarray(strip), (0, top + CAPTION))
    return sheet.quantize(256, dither=PillowImage.Dither.NONE)


def _joined(pictures: Sequence[Image]) -> Image:
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], axis=1)
