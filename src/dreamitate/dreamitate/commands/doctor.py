"""`dreamitate doctor`."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments: none."""


def run(options: argparse.Namespace) -> int:
    """Say what is there and what is missing; exit code 1 if the embedded rollout cannot run."""
    from ..checks import all_checks

    failed = []
    for check in all_checks():
        mark = "ok     " if check.ok else ("MISSING" if check.needed else "absent ")
        print(f"{mark}  {check.name:15} {check.said}", flush=True)
        if not check.ok and check.needed:
            failed.append(check.name)
    if failed:
        print(f"The embedded rollout cannot run here: {', '.join(failed)}.")
        return 1
    print("The embedded rollout can run here.")
    return 0
