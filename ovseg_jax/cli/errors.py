"""What users see when something is wrong: one line that says what, and exit status 2."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

TRACEBACK = "OVSEG_TRACEBACK"
"""Environment variable; when set, errors keep their traceback."""


class UsageError(ValueError):
    """Options that do not go together; the message says what to give instead."""


def is_users(error: BaseException) -> bool:
    """Whether an error is about what the user gave: the package's own classes, and files."""
    ours = type(error).__module__.split(".")[0] == "ovseg_jax"
    return ours or isinstance(error, OSError)


def guarded(function: Callable[[Any], int | None], *arguments: Any) -> int:
    """Calls a command; errors of the user become a line on stderr and status 2.

    A defect of the program keeps its traceback, which is what a bug report needs.
    """
    try:
        return function(*arguments) or 0
    except KeyboardInterrupt:
        print("ovseg: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if not is_users(error) or os.environ.get(TRACEBACK):
            raise
        report(error)
        return 2


def run_program(
    description: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], int],
    argv: Sequence[str] | None,
) -> int:
    """Runs one subcommand as a program of its own; unknown options become `arguments.rest`."""
    parser = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add_arguments(parser)
    arguments, arguments.rest = parser.parse_known_args(argv)
    return guarded(run, arguments)


def report(error: BaseException) -> None:
    """Prints one error."""
    print(f"ovseg: error: {error}", file=sys.stderr)
