"""Lines on stdout and stderr, for commands that begin before Typer is imported."""

import sys


def say(line: str = "") -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{line}\n")


def complain(line: str) -> None:
    """Write a line to stderr."""
    sys.stderr.write(f"{line}\n")
