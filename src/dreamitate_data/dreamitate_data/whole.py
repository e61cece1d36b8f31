"""A folder that appears under its name only when it is whole."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dreamitate_core.errors import DreamitateError


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a folder to write in; it becomes `out` at the end, or is removed where something is raised.

    Raises DreamitateError where `out` is there already or cannot be written.
    """
    if out.exists():
        raise DreamitateError(f"{out} is there already and is not overwritten. Give another name, or remove it.")
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(out)
    except OSError as error:
        raise DreamitateError(f"{out} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
