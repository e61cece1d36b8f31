"""Where a model lies: a folder of this machine, or a repository of the Hugging Face hub."""

from pathlib import Path

from dreamitate_core.errors import DreamitateError

WANTED = ["model_index.json", "model.json", "*.safetensors", "*/*.json", "*/*.safetensors"]
NOT_WANTED = ["*.fp16.safetensors", "svd*.safetensors"]
"""The same weights again: in half precision, and as one file."""


def local_folder(source: Path) -> Path:
    """Return the folder of a model; `owner/name` that is no folder here is fetched from the hub, or from its cache.

    Raises DreamitateError that names the folders where it was looked for.
    """
    if source.is_dir() or not is_hub_id(source):
        return source
    from huggingface_hub import constants, snapshot_download

    try:
        return Path(snapshot_download(str(source), allow_patterns=WANTED, ignore_patterns=NOT_WANTED))
    except (OSError, ValueError) as error:  # the hub's own errors derive from these
        reason = str(error).strip().splitlines()[0]
        raise DreamitateError(
            f"There is no model {str(source)!r}: no folder {source.absolute()}, nothing of that name in the hub's cache"
            f" {constants.HF_HUB_CACHE}, and it could not be fetched from the hub ({reason})"
            " Are you offline? Download it where there is a network, and name its folder."
        ) from None


def is_hub_id(source: Path) -> bool:
    """Whether it reads as `owner/name`."""
    return not source.is_absolute() and len(source.parts) == 2 and source.parts[0] not in (".", "..", "models", "runs")
