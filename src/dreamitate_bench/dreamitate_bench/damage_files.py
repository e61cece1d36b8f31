"""Damage to a clip folder on disk: files that are missing, cut short, scrambled, or that say something absurd."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator

ABSURD: tuple[Any, ...] = (None, "x", "", -1, 0, 1e308, math.nan, math.inf, [], {}, True, [[]], "../../x", 10**30)


def damage_folder(rng: Rng, folder: Path) -> str:
    """Damage one file of a clip folder; return what was done to which."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    json_files = [path for path in files if path.suffix == ".json"]
    how = str(rng.choice(["missing", "short", "scrambled", "empty", "absurd", "absurd", "absurd"]))
    path = json_files[rng.integers(len(json_files))] if how == "absurd" else files[rng.integers(len(files))]
    data = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "short":
        path.write_bytes(data[: rng.integers(len(data))])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "scrambled":
        broken = np.frombuffer(data, np.uint8).copy()
        where = rng.integers(0, len(broken), 1 + len(broken) // 200)
        broken[where] = rng.integers(0, 256, len(where))
        path.write_bytes(broken.tobytes())
    else:
        path.write_text(json.dumps(_absurd(rng, json.loads(data))))
    return f"{how} {path.name}"


def _absurd(rng: Rng, value: Any) -> Any:
    """Return the JSON value with one thing in it, however deep, replaced by an absurd one."""
    inner = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    if not len(inner) or rng.random() < 0.15:
        return ABSURD[rng.integers(len(ABSURD))]
    key = inner[rng.integers(len(inner))]
    value[key] = _absurd(rng, value[key])
    return value
