"""Writes the weights of any checkpoint of a run, for example of one that was stopped.

  ovseg weights runs/a weights/a                 the newest checkpoint
  ovseg weights runs/a weights/a_2000 --step 2000

A finished run has the weights of its last step under weights/ and is a model as it is.
"""

from __future__ import annotations

import argparse

from ovseg_jax.cli.options import add_overwrite, given_path
from ovseg_jax.foundation.errors import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "workdir", metavar="run", type=given_path, help="what `ovseg train` writes to"
    )
    parser.add_argument("target", type=given_path, help="the weights directory to write")
    parser.add_argument("--step", type=int, help="which checkpoint (default: the newest)")
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes the weights; returns the exit status."""
    from ovseg_jax.training.export import export_weights

    options = {"overwrite": arguments.overwrite}
    step = export_weights(arguments.workdir, arguments.target, arguments.step, **options)
    print(printable(f"step {step} of {arguments.workdir} written to {arguments.target}"))
    return 0
