"""The `dreamitate` command: one subcommand per stage, and the whole rollout. Each imports only what it needs."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from dreamitate_core.errors import Cancelled, DreamitateError

COMMANDS = {
    "rollout": "One whole episode: look, dream, track, plan, move, judge.",
    "dream": "Two photos -> a dreamed clip folder.",
    "track": "A clip folder -> where the tool is in each frame.",
    "plan": "A tracked tool path -> a joint trajectory.",
    "demonstrate": "Render demonstrations with truth in the simulator.",
    "calibrate": "Pictures of a board -> where cameras and arm are.",
    "record": "Cameras and arm -> one bag per demonstration.",
    "approve": "Answer a rollout that waits before its arm moves.",
    "clips": "Bags of demonstrations -> clip folders.",
    "label": "Track all clips of a folder; sure tracks become labels.",
    "export": "Labelled clips -> a LeRobotDataset, and back.",
    "train": "Train a generator on clips.",
    "bench": "Measure a stage or the whole task.",
    "doctor": "Say what is there, what is missing and what to do.",
}

USER_ERROR, INTERRUPTED = 2, 130
ONE_THREAD = "OPENBLAS_NUM_THREADS"
"""Of NumPy and SciPy here and in what is started from here: our matrices are small, and threads that wait for each
other take the cores from those that work. What the user has set stays; torch has its own threads."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 for what the user can mend, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault(ONE_THREAD, "1")  # read when NumPy is loaded, which only the commands do
    try:
        options = _parser(arguments).parse_args(arguments)
        return int(options.run(options))
    except DreamitateError as error:
        _say(str(error))
        return USER_ERROR
    except (KeyboardInterrupt, Cancelled):
        _say("Interrupted.")
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what `main` prints."""
        raise DreamitateError(f"{message}. See: {self.prog} --help")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser; only the command that is asked for is imported."""
    parser = _Parser(
        prog="dreamitate",
        description="A robot does what a video model dreams. One command per stage; `rollout` does them all.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, description in COMMANDS.items():
        command = commands.add_parser(name, help=description, description=description)
        if name in arguments:
            module = importlib.import_module(f".commands.{name}", __package__)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def _say(text: str) -> None:
    print("dreamitate: " + " ".join(text.split()), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
