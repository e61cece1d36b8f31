"""`dreamitate bench tasks ...`: measurements, each with its own options."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add one subcommand per measurement."""
    from dreamitate_bench import tasks

    benches = parser.add_subparsers(title="measurements", metavar="WHAT", required=True)
    command = benches.add_parser("tasks", help=tasks.DESCRIPTION, description=tasks.DESCRIPTION)
    tasks.add_arguments(command)
    command.set_defaults(measure=tasks.run)


def run(options: argparse.Namespace) -> int:
    """Run the measurement that was chosen."""
    return int(options.measure(options))
