"""Runs an experiment from a config file; the same command again goes on where it stopped.

  ovseg train configs/toy/mask_adapter.py --workdir runs/a --optimizer.peak-lr 2e-4
  ovseg train configs/mask_adapter/ablations.py:concat --workdir runs/b      a named variant

Every field of the config is an option: `ovseg train CONFIG --help` lists them all. configs/... that
is not in the working folder is that of the package.

Ctrl-C and SIGTERM save at the next step and end with status 130 and 75: give the same command
again. Status 3 says that a loss or gradient was not finite, 4 that no step came to an end in time
(step.watchdog_seconds). See docs/training.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from ovseg_jax.cli.errors import UsageError, report, run_program
from ovseg_jax.cli.options import add_field_help, add_hosts, given_path, help_status
from ovseg_jax.cli.watching import add_progress, keep_logs_back
from ovseg_jax.export.formats import FORMATS
from ovseg_jax.foundation.errors import printable

PASSES_ON = True
"""Unknown options are fields of the config, `--help` after a config included."""
DIVERGED = 3
"""Exit status of a run whose loss or gradient was not finite; giving it again would not help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "config", type=given_path, nargs="?", help="config file, such as configs/**.py"
    )
    parser.add_argument("--workdir", type=given_path, help="where checkpoints and numbers go")
    parser.add_argument(
        "--resume-anyway",
        action="store_true",
        help="go on although fields differ that change the model or the stream, or from a "
        "checkpoint without hashes",
    )
    add_hosts(parser)
    add_progress(parser)
    parser.add_argument(
        "--profile",
        metavar="FIRST:LAST",
        help="trace these steps into WORKDIR/profile, such as 20:25",
    )
    parser.add_argument(
        "--keep-compiled",
        action="store_true",
        help="keep compiled programs in the user's cache, so that the next start need not compile",
    )
    parser.add_argument(
        "--check-export",
        choices=FORMATS,
        metavar="FORMAT",
        help="refuse a model that `ovseg export` could not write: "
        f"{', '.join(FORMATS)}. Takes seconds; nothing is written",
    )
    add_field_help(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns the exit status."""
    if arguments.config is None:
        return help_status(arguments)
    keep_logs_back(arguments.progress)
    from ovseg_jax.cli.experiment import config_of

    config = config_of(arguments, "train")
    if arguments.workdir is None:
        raise UsageError("train needs --workdir DIR, for checkpoints and numbers")
    if arguments.check_export:
        _check_export(config, arguments.check_export)
    if arguments.keep_compiled:
        from ovseg_jax.disk.programs import keep_programs

        keep_programs()
    return _train(config, arguments)


def _check_export(config: Any, format: str) -> None:
    """Lowers the model as it will answer, so that what cannot be exported fails now."""
    from ovseg_jax.export.writing import Wish, check_export
    from ovseg_jax.loading import build

    method = config.model.method.answering
    model = dataclasses.replace(config.model, method=method)
    check_export(model, build.method(model), Wish(format))


def _train(config: Any, arguments: argparse.Namespace) -> int:
    """Trains, unless nothing is left to do; heavy libraries are imported behind that question."""
    from ovseg_jax.training import finished, record
    from ovseg_jax.training.stopping import Interruption, StopRequest

    workdir, resume_anyway = arguments.workdir, arguments.resume_anyway
    with StopRequest().listening() as stop:
        record.accepted_changes(workdir, config, anyway=resume_anyway)
        if said := finished.summary(workdir, config):
            print(printable(said))
            return 0
        from ovseg_jax.training import hosts
        from ovseg_jax.training.health import DivergenceError
        from ovseg_jax.training.loop import train
        from ovseg_jax.training.profiling import steps_of

        traced = steps_of(arguments.profile, config.num_steps) if arguments.profile else range(0)
        hosts.connect(arguments.hosts)
        options = {"resume_anyway": resume_anyway, "progress": arguments.progress}
        try:
            train(config, workdir, stop=stop, profile=traced, **options)
        except Interruption as interruption:
            print(f"ovseg: {interruption}", file=sys.stderr)
            return interruption.status
        except DivergenceError as error:
            report(error)
            return DIVERGED
    return 0


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of `train.py`; ends the program with the exit status."""
    sys.exit(run_program(__doc__, add_arguments, run, argv))
