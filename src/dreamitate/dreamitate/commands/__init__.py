"""One module per command: `DESCRIPTION`, `add_arguments(parser)`, `run(arguments) -> exit code`."""
