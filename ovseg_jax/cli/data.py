"""Prepares data sets for training and scoring; see `data/README.md` for which there are.

  ovseg data check coco_panoptic COCO                  tells everything that is wrong with files
  ovseg data build photo_set --manual-dir PHOTOS       a folder of your own
  ovseg data build coco_panoptic --manual-dir COCO --data-dir RECORDS
  ovseg data show photo_set PHOTOS --out sheet.png     draws labels over some photos

`check` writes nothing, and its exit status is 1 where training or scoring would be wrong.
`ovseg train` and `ovseg evaluate` prepare what is missing by themselves.
"""

from __future__ import annotations

import argparse

from ovseg_jax.errors import first_few

PASSES_ON = True
"""Unknown options are those of the action, `--help` included."""
ACTIONS = {
    "check": "check: tell all that is wrong with files",
    "build": "build: prepare a data set",
    "show": "show: draw some of its photos with labels",
}
"""Each is a module of `data/`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("action", choices=ACTIONS, nargs="?", help=first_few(ACTIONS.values()))
    parser.add_argument("-h", "--help", action="store_true", help="this text; or of an action")
    parser.set_defaults(parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs an action; returns the exit status."""
    if arguments.action is None:
        arguments.parser.print_help()
        return 0 if arguments.help else 2
    from ovseg_jax.inputs.builders import reader

    options = [*arguments.rest, *(["--help"] if arguments.help else [])]
    return reader(arguments.action).main(options, f"ovseg data {arguments.action}") or 0
