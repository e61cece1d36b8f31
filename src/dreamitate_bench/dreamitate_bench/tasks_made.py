"""When, on which machines and of which sources trials were made: results of several runs stand in one report."""

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any

Made = dict[str, Any]
"""from, to: ISO dates; git_revisions, machines: texts; versions: of libraries, all that there were."""


def provenance_now() -> dict[str, Any]:
    """Return date, commit, machine and versions."""
    from dreamitate import provenance

    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "git_revision": provenance.git_revision(),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }


def made_now() -> Made:
    """Return it for a trial that ends now, here."""
    now = provenance_now()
    machine = now["machine"]
    return {
        "from": now["date"],
        "to": now["date"],
        "git_revisions": [now["git_revision"] or "unknown"],
        "machines": [f"{machine['processor']}, {machine['cores']} cores"],
        "versions": [now["versions"]],
    }


def merged(parts: Iterable[Made]) -> Made:
    """Return it for all trials together; {} where nothing is known of any."""
    known = [part for part in parts if part]
    if not known:
        return {}
    lists = {
        name: list({str(entry): entry for part in known for entry in part[name]}.values())
        for name in ("git_revisions", "machines", "versions")
    }
    return {"from": min(part["from"] for part in known), "to": max(part["to"] for part in known), **lists}
