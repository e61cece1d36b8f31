"""The version of this code, for model cards."""

from pathlib import Path


def revision() -> str:
    """Return the git revision this code comes from, or "unknown"."""
    head = Path(__file__).resolve().parents[3] / ".git" / "HEAD"
    if not head.is_file():
        return "unknown"
    text = head.read_text().strip()
    if not text.startswith("ref: "):
        return text
    ref = head.parent / text.removeprefix("ref: ")
    return ref.read_text().strip() if ref.is_file() else "unknown"
