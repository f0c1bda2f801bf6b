"""Prepares data sets for training and scoring; see `data/README.md` for which there are.

  ovseg data prepare PHOTOS                            a folder of your own: what is in there?
  ovseg data check coco_panoptic COCO                  tells everything that is wrong with files
  ovseg data build photo_set --manual-dir PHOTOS       writes the records
  ovseg data build coco_panoptic --manual-dir COCO --data-dir RECORDS
  ovseg data show photo_set PHOTOS --out sheet.png     draws labels over some photos

`check` writes nothing, and its exit status is 1 where training or scoring would be wrong.
`ovseg train` and `ovseg evaluate` prepare what is missing by themselves.
"""

from __future__ import annotations

import argparse

PASSES_ON = True
"""Unknown options are those of the action, `--help` included."""
ACTIONS = {
    "prepare": "understand a folder of your own photos and annotations",
    "check": "tell all that is wrong with files",
    "build": "write the records of a data set",
    "show": "draw some of its photos with labels",
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
    return reader(arguments.action).main(options, f"ovseg data {arguments.action}") or 0
