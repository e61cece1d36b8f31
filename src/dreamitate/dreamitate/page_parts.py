"""The parts that a rollout's page is put together from, as HTML with pictures and videos inside it."""

import base64
import html
from pathlib import Path
from typing import Any

import cv2

from dreamitate_core.clip import read_image

from .run_folder import CANCELED, COMPLETED, STAGES

STAGE_LABELS = {"photos": "Look", "dream": "Dream", "track": "Track", "plan": "Plan", "execute": "Execute"}
_CONTROLS = 'onmouseenter="this.controls=true" onmouseleave="this.controls=false"'


def missing(stage: str, record: dict[str, Any]) -> str:
    """Return the box that stands where a stage's product would be, with the reason."""
    failed = record.get("failed_stage")
    order = ("photos", *STAGES)
    if failed == stage:
        why = f"{STAGE_LABELS[stage]} failed: {record.get('reason') or 'no reason was given'}"
    elif failed in order and stage in order and order.index(failed) < order.index(stage):
        why = f"Not reached: {STAGE_LABELS[failed].lower()} failed before."
    elif record.get("ended") == CANCELED:
        why = "Not reached: the rollout was stopped before."
    elif record.get("ended") == COMPLETED:
        why = "Not kept by this rollout."
    else:
        why = f"Missing: {record.get('reason') or 'the rollout was cut off before.'}"
    return f'<div class="missing">{html.escape(why)}</div>'


def card(title: str, content: str) -> str:
    """Return a box with a title, which is put in as it is, and HTML in it."""
    return f'<section class="card"><h2>{title}</h2>{content}</section>'


def video(path: Path, stage: str, record: dict[str, Any]) -> str:
    """Return both cameras' video inside the page, or why there is none of that stage."""
    if not path.is_file():
        return missing(stage, record)
    source = f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode()}"
    return f'<video src="{source}" autoplay loop muted playsinline {_CONTROLS}></video>{view_labels()}'


def picture(path: Path, text: str, kind: str = "", jpeg: bool = False) -> str:
    """Return a picture inside the page; large photos as JPEG."""
    if jpeg:
        image = cv2.imencode(".jpg", cv2.cvtColor(read_image(path), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
        data, form = image[1].tobytes(), "jpeg"
    else:
        data, form = path.read_bytes(), "jpeg" if path.suffix == ".jpg" else "png"
    source = f"data:image/{form};base64,{base64.b64encode(data).decode()}"
    return f'<img class="{kind}" src="{source}" alt="{html.escape(text)}">'


def view_labels() -> str:
    """Return what stands under two pictures side by side."""
    return '<div class="views"><span>camera 1</span><span>camera 2</span></div>'


def table(rows: dict[str, Any]) -> str:
    """Return a table of names and values."""
    cells = (
        f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(str(value))}</td></tr>" for name, value in rows.items()
    )
    return f"<table>{''.join(cells)}</table>"


def size_in_words(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{max(1, round(size / 2**10))} KiB"
