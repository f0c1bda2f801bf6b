"""Runs an experiment from a config file; the same command again goes on where it stopped.

  ovseg train configs/toy/mask_adapter.py --workdir runs/a --optimizer.peak-lr 2e-4
  ovseg train configs/mask_adapter/ablations.py:concat --workdir runs/b      a named variant

Every field of the config is an option: `ovseg train CONFIG --help` lists them all. configs/... that
is not in the working folder is that of the package.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ovseg_jax.cli.errors import UsageError, run_program

PASSES_ON = True
"""Unknown options are fields of the config, `--help` after a config included."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("config", type=Path, nargs="?", help="config file, such as configs/**.py")
    parser.add_argument("--workdir", type=Path, help="where checkpoints and numbers go")
    parser.add_argument(
        "-h", "--help", action="store_true", help="this text; with a config, all its fields"
    )
    parser.set_defaults(parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains; returns the exit status."""
    if arguments.config is None:
        arguments.parser.print_help()
        return 0 if arguments.help else 2
    from ovseg_jax.cli.experiment import load_config, override
    from ovseg_jax.places import from_here

    options = [*arguments.rest, *(["--help"] if arguments.help else [])]
    config = override(load_config(arguments.config), options, f"train {arguments.config}")
    config = from_here(config)
    if arguments.workdir is None:
        raise UsageError("train needs --workdir DIR, for checkpoints and numbers")
    from ovseg_jax.training.loop import train

    train(config, arguments.workdir)
    return 0


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of `train.py`; ends the program with the exit status."""
    sys.exit(run_program(__doc__, add_arguments, run, argv))
