"""ROS domains on this machine: find a free one, and keep it while a graph runs."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dreamitate_core.errors import DreamitateError

DOMAIN = "ROS_DOMAIN_ID"
LAST_DOMAIN = 101
"""Above it, the ports of DDS meet those that Linux hands out."""
_FIRST_PORT, _PORTS = 7400, 250  # OMG DDSI-RTPS 2.2, section 9.6.1: a domain's ports


@contextmanager
def held_domain(environment: dict[str, str]) -> Iterator[int]:
    """Hold a domain: the one that the environment names, else a free one, so that no two runs share one.

    Raises DreamitateError where the named one is no number from 0 to 101 or is in use on this machine.
    """
    named = environment.get(DOMAIN, "")
    if named and not (named.isascii() and named.isdigit() and int(named) <= LAST_DOMAIN):
        raise DreamitateError(f"{DOMAIN} must be a number from 0 to {LAST_DOMAIN}; it is {named!r}.")
    offset = os.getpid()
    candidates = [int(named)] if named else [1 + (offset + step) % LAST_DOMAIN for step in range(LAST_DOMAIN)]
    for domain in candidates:
        lock = _lock(domain)
        if lock is None:
            continue
        try:
            if not _busy_ports(domain):
                yield domain
                return
        finally:
            os.close(lock)
    if named:
        raise DreamitateError(
            f"{DOMAIN}={named} is busy: other ROS nodes run in it on this machine. "
            f"Unset {DOMAIN} to have a free one chosen, or name another."
        )
    raise DreamitateError(f"All ROS domains from 1 to {LAST_DOMAIN} are busy on this machine. End some ROS graphs.")


def _lock(domain: int) -> int | None:
    """Return a descriptor that holds the domain against other runs until it is closed; None where one has it."""
    folder = Path(tempfile.gettempdir()) / f"dreamitate-domains-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder / str(domain), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _busy_ports(domain: int) -> list[int]:
    """Return the UDP ports of the domain that some process of this machine listens on."""
    first = _FIRST_PORT + _PORTS * domain
    ports: set[int] = set()
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        ports.update(int(line.split()[1].rpartition(":")[2], 16) for line in lines)
    return sorted(port for port in ports if first <= port < first + _PORTS)
