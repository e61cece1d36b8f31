"""`dreamitate bench tasks ...`: measurements, each with its own options."""

import argparse
from importlib import import_module
from importlib.util import find_spec

from dreamitate_core.errors import DreamitateError

MEASUREMENTS = ("tasks", "dream", "track", "damage", "plan", "tolerance", "record", "calibrate")
"""Modules of dreamitate_bench, each with `DESCRIPTION`, `add_arguments(parser)` and `run(options) -> exit code`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per measurement that is there."""
    if find_spec("dreamitate_bench") is None:
        raise DreamitateError("The measurements need dreamitate_bench. Run `make setup`, or build the workspace.")
    benches = parser.add_subparsers(title="measurements", metavar="WHAT", required=True)
    for name in MEASUREMENTS:
        if find_spec(f"dreamitate_bench.{name}") is not None:
            module = import_module(f"dreamitate_bench.{name}")
            command = benches.add_parser(name, help=module.DESCRIPTION, description=module.DESCRIPTION)
            module.add_arguments(command)
            command.set_defaults(measure=module.run)


def run(options: argparse.Namespace) -> int:
    """Run the measurement that was chosen."""
    return int(options.measure(options))
