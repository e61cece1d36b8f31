"""Remove the shared memory and the locks that killed ROS nodes left.

Fast DDS gives each node a segment of the size that the DDS profile says and removes it when the node ends; that of a
node that was killed stays until the machine is restarted, and a hundred of them fill its memory. Next to each segment
lies a lock file that its owner holds while it lives: one that can be locked belongs to nobody any more. This is what
`fastdds shm clean` does, for machines that have no `fastdds` command.

A node that looks for another one's port holds that port's lock, a named semaphore, for up to a second; where it is
killed meanwhile, the lock stays locked. Nodes that meet it later wait two seconds, then replace it, all at once, and
may then not hear each other.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory
LOCK_ENDING = "_el"
YOUNGEST_S = 10.0
"""A segment that was made this lately may be its owner's still without being locked."""
LOCK_HELD_AT_MOST_S = 1.5
"""Fast DDS takes a lock that is held for longer than two seconds to be a dead node's."""
_LOOK_EVERY_S = 0.02
"""A semaphore that is only looked at tells nobody when it changes."""
_COUNT_BYTES = 4
"""A semaphore of glibc begins with its count: 0 where it is locked."""


def remove_left_segments(folder: Path = FOLDER) -> int:
    """Remove the segments of this user's dead nodes; return how many bytes that freed."""
    freed = 0
    for lock in folder.glob(f"fastdds_*{LOCK_ENDING}"):
        if "_port" not in lock.name:  # ports are shared by nodes, and Fast DDS mends them itself
            freed += _remove_if_left(lock)
    return freed


def remove_left_locks(folder: Path = FOLDER) -> int:
    """Remove the locks of this user's nodes that stay locked for longer than a living node's; return how many."""
    locked = {path: number for path in folder.glob("sem.fastdds_port*_mutex") if (number := _locked_inode(path))}
    until_s = time.monotonic() + LOCK_HELD_AT_MOST_S
    while locked and time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S)
        locked = {path: number for path, number in locked.items() if _locked_inode(path) == number}
    for path in locked:
        path.unlink(missing_ok=True)
    return len(locked)


def _locked_inode(path: Path) -> int:
    """Return which file it is, 0 where no lock of this user's is held; looked at, not tried, for nodes may want it."""
    try:
        status = path.stat()
        held = status.st_uid == os.getuid() and int.from_bytes(path.read_bytes()[:_COUNT_BYTES], sys.byteorder) == 0
        return status.st_ino if held else 0
    except OSError:  # gone, or not ours to read
        return 0


def _remove_if_left(lock: Path) -> int:
    try:
        status = lock.stat()
        if status.st_uid != os.getuid() or time.time() - status.st_mtime < YOUNGEST_S:
            return 0
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # gone, or not ours to open
        return 0
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        segment = lock.with_name(lock.name.removesuffix(LOCK_ENDING))
        size = segment.stat().st_size if segment.exists() else 0
        segment.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
        return size
    except BlockingIOError:  # its owner lives
        return 0
    finally:
        os.close(descriptor)
