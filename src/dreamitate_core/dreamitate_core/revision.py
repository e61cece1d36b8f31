"""Which state of the sources made a result."""

import subprocess
from pathlib import Path


def git_revision() -> str:
    """Return the commit of the sources, with `-changed` where files differ from it; empty outside a repository."""
    commit = git("rev-parse", "HEAD").strip()
    if not commit:
        return ""
    return commit + ("-changed" if git("status", "--porcelain", "--untracked-files=no").strip() else "")


def git(*arguments: str) -> str:
    """Return what git says of the repository this file is in, or nothing."""
    try:
        top = ["git", "-C", str(Path(__file__).resolve().parents[3])]
        return subprocess.run([*top, *arguments], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
