"""Errors that a user can mend, and the one that says the user asked to stop."""

from collections.abc import Iterable


class DreamitateError(Exception):
    """A problem that the user can mend: the text names the thing, the value, what is allowed and what to do."""


class NoDemonstration(DreamitateError):  # noqa: N818 - an answer, not a fault
    """The simulated person knows no (other) way that does the task in a scene."""


class Cancelled(Exception):  # noqa: N818 - a request that was granted, not an error
    """The caller asked to stop; raised by its progress callback and passed through by the work."""


def unknown(kind: str, name: object, known: Iterable[str]) -> DreamitateError:
    """Return the error for a `name` that is not among the `known` names of a `kind`."""
    return DreamitateError(f"Unknown {kind} {str(name)!r}. Known: {', '.join(sorted(known)) or 'none'}.")
