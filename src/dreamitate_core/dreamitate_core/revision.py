"""Which state of the sources made a result."""

import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
"""Of the repository."""


def git_revision() -> str:
    """Return the commit of the sources, with `-changed` where files differ from it; empty outside a repository."""
    commit = git("rev-parse", "HEAD").strip()
    if not commit:
        return ""
    return commit + ("-changed" if git("status", "--porcelain", "--untracked-files=no").strip() else "")


def untracked(folder: str) -> list[Path]:
    """Return the files below a folder of the repository that git does not know yet and does not ignore, sorted."""
    return sorted(TOP / name for name in git("ls-files", "--others", "--exclude-standard", "--", folder).splitlines())


def git(*arguments: str) -> str:
    """Return what git says of the repository this file is in, or nothing."""
    try:
        return subprocess.run(
            ["git", "-C", str(TOP), *arguments], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
