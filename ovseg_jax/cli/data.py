"""Prepares data sets for training and scoring; see `data/README.md` for which there are.

  ovseg data prepare PHOTOS                            a folder of your own: what is in there?
  ovseg data build photo_set --manual-dir PHOTOS       its records
  ovseg data build coco_panoptic --manual-dir COCO --data-dir RECORDS

`ovseg train` and `ovseg evaluate` prepare what is missing by themselves.
"""

from __future__ import annotations

import argparse

PASSES_ON = True
"""Unknown options are those of the action, `--help` included."""
ACTIONS = {
    "build": "write the records of a data set",
    "prepare": "understand a folder of your own photos and annotations",
}
"""Each is a module of `data/` with a `main`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "action",
        choices=tuple(ACTIONS),
        nargs="?",
        help="; ".join(f"{name}: {what}" for name, what in ACTIONS.items()),
    )
    parser.add_argument("-h", "--help", action="store_true", help="this text; or of an action")
    parser.set_defaults(parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs an action; returns the exit status."""
    if arguments.action is None:
        arguments.parser.print_help()
        return 0 if arguments.help else 2
    from ovseg_jax.inputs.builders import reader

    options = [*arguments.rest, *(["--help"] if arguments.help else [])]
    reader(arguments.action).main(options, f"ovseg data {arguments.action}")
    return 0
