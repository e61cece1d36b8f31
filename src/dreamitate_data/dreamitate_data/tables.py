"""Tables of what became of things, as CSV: they appear under their name only when they are whole."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any


def write_table(path: Path, rows: Sequence[Any]) -> None:
    """Write rows, all instances of one dataclass, at least one. Raises OSError."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(rows[0])])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    partial.replace(path)
