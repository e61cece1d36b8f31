"""Remove the shared memory that killed ROS nodes left.

Fast DDS gives each node a segment of the size that the DDS profile says and removes it when the node ends; that of a
node that was killed stays until the machine is restarted, and a hundred of them fill its memory. Next to each segment
lies a lock file that its owner holds while it lives: one that can be locked belongs to nobody any more. This is what
`fastdds shm clean` does, for machines that have no `fastdds` command.
"""

import fcntl
import os
import time
from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 - where Linux keeps shared memory
LOCK_ENDING = "_el"
YOUNGEST_S = 10.0
"""A segment that was made this lately may be its owner's still without being locked."""


def remove_left_segments(folder: Path = FOLDER) -> int:
    """Remove the segments of this user's dead nodes; return how many bytes that freed."""
    freed = 0
    for lock in folder.glob(f"fastdds_*{LOCK_ENDING}"):
        if "_port" not in lock.name:  # ports are shared by nodes, and Fast DDS mends them itself
            freed += _remove_if_left(lock)
    return freed


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
