"""`dreamitate bench tasks ...`: measurements, each with its own options."""

import argparse

from dreamitate_core.errors import DreamitateError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per measurement."""
    try:
        from dreamitate_bench import tasks
    except ModuleNotFoundError as missing:
        raise DreamitateError(
            f"The measurements need {missing.name}. Run `make setup`, or build the workspace."
        ) from None
    benches = parser.add_subparsers(title="measurements", metavar="WHAT", required=True)
    command = benches.add_parser("tasks", help=tasks.DESCRIPTION, description=tasks.DESCRIPTION)
    tasks.add_arguments(command)
    command.set_defaults(measure=tasks.run)


def run(options: argparse.Namespace) -> int:
    """Run the measurement that was chosen."""
    return int(options.measure(options))
