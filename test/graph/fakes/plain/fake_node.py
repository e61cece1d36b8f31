"""A process that behaves as a node does towards its supervisor, without ROS. Its parameters say what it does."""

import os
import signal
import sys
import time
from pathlib import Path

parameters = dict(text.split(":=", 1) for text in sys.argv if ":=" in text)
name, behaviour, diary = (parameters[key].strip("'") for key in ("name", "behaviour", "diary"))


def note(text: str) -> None:
    """Append a line to the diary that all processes share."""
    with Path(diary).open("a") as file:
        file.write(f"{name} {text}\n")


def say(text: str) -> None:
    """Tell the supervisor."""
    os.write(int(os.environ["DREAMITATE_READY_FD"]), f"{text}\n".encode())


note(f"pid {os.getpid()}")
if behaviour == "fails":
    say("failed There is no such thing. Make one.")
    sys.exit(2)
if behaviour == "never ready":
    signal.pause()
if behaviour == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:  # a child of its own, which must go too
        note(f"pid {os.getpid()}")
        signal.pause()
if behaviour == "ends":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
say("ready")
if behaviour == "deaf":
    while True:
        time.sleep(3600)
if behaviour == "ends":
    signal.sigwait([signal.SIGUSR1])
    sys.exit(5)
note(f"told {sys.stdin.readline().strip()}")
