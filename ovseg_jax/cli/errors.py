"""What users see when something is wrong: one line that says what, and exit status 2."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.watching import tell_of_logs
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.errors import OvsegError, OvsegWarning, printable

TRACEBACK = "OVSEG_TRACEBACK"
"""Environment variable; when set, errors keep their traceback."""
UNREAD = 141
"""Exit status where nobody reads on: 128 and the number of the signal of a broken pipe."""
PATHS = ("model", "generator", "data_root", "data_prepared", "tokenizer", "clip")
"""Options that hold a path, or something else such as "toy", and so are no `Path`."""


class UsageError(OvsegError, ValueError):
    """Options that do not go together; the message says what to give instead."""


def is_users(error: BaseException) -> bool:
    """Whether an error is about what the user gave: the package's own family, and files."""
    return isinstance(error, OvsegError | OSError)


def guarded(function: Callable[..., int | None], *arguments: Any) -> int:
    """Calls a command; errors of the user become a line on stderr and status 2.

    A reader that has seen enough, such as `head`, is no error: the command ends quietly with 141,
    as shells say of programs that a broken pipe ends. A defect of the program keeps its traceback,
    which is what a bug report needs. Devices that are not there are no defect, wherever JAX was
    first asked for them.
    """
    try:
        with _plain_warnings():
            status = function(*arguments) or 0
            sys.stdout.flush()  # else a reader that is gone shows at exit only
            return status
    except KeyboardInterrupt:
        print("ovseg: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _is_without_reader():
            return UNREAD
        problem = error if is_users(error) else devices.problem()
        if problem is None or os.environ.get(TRACEBACK):
            tell_of_logs(error)
            raise
        report(problem)
        return 2


def _is_without_reader() -> bool:
    """Whether nobody reads what is printed; then the rest goes nowhere, so the end is quiet."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # streams of tests; Windows
        poll, streams = select.poll(), (sys.stdout.fileno(), sys.stderr.fileno())
        for stream in streams:
            poll.register(stream, 0)
        gone = [stream for stream, state in poll.poll(0) if state & select.POLLERR]
        for stream in gone:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        return bool(gone)
    return False


def run_program(
    description: str | None,
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
    return guarded(run_on_paths, run, arguments)


def run_on_paths(
    run: Callable[[argparse.Namespace], int | None], options: argparse.Namespace
) -> int | None:
    """Runs a command unless one of its paths is an address such as gs://bucket/run.

    Raises:
        ovseg_jax.inputs.places.PlaceError: One is; a folder "gs:" would be written.
    """
    from ovseg_jax.inputs.places import local

    for name, value in vars(options).items():
        for path in value if isinstance(value, list | tuple) else [value]:
            if isinstance(path, Path) or (name in PATHS and path):
                local(path, f"--{name.replace('_', '-')}")
    return run(options)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Shows the package's own warnings as lines, without the place in the program."""
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Any, category: type, *place: Any) -> None:
            if issubclass(category, OvsegWarning):
                print(f"ovseg: warning: {message}", file=sys.stderr, flush=True)
            elif not _forgotten(str(message)):
                usual(message, category, *place)

        warnings.simplefilter("always", OvsegWarning)
        warnings.showwarning = show
        yield


def _forgotten(warning: str) -> bool:
    """Whether it is about a damaged program in the cache, which is removed; JAX compiles anew."""
    if "persistent compilation cache" not in warning:
        return False
    from ovseg_jax.disk.programs import forget_damaged  # JAX is there already: it warns

    return forget_damaged(warning)


def report(error: BaseException) -> None:
    """Prints one error."""
    print(f"ovseg: error: {printable(error)}", file=sys.stderr)
