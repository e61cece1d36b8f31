"""What is checked before any process of a rollout starts."""

from collections.abc import Mapping
from pathlib import Path

from dreamitate_core.errors import DreamitateError

from . import checks


def check_rollout(values: Mapping[str, str]) -> None:
    """Raise DreamitateError for the first thing that a rollout with these arguments needs and does not find."""
    needed = [checks.ros(), checks.messages()]
    if values["generator"] == "svd":
        needed.append(checks.weights(values["task"], Path(values["model"]) if values["model"] else None))
    if values["hardware"] == "sim":
        needed.append(checks.software_gl())
    for check in needed:
        if not check.ok:
            raise DreamitateError(check.said)
    if values["generator"] == "replay" and values["replay"] and not Path(values["replay"]).is_dir():
        raise DreamitateError(f"There is no clip folder {values['replay']} for generator:=replay.")
