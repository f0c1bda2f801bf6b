"""Writes the answers of a folder in the formats of other tools, without the model.

  ovseg reformat out --format coco,labelme

Each format has a folder of its name in the folder of the answers; docs/outputs.md says what each
holds. Answers are those that `ovseg segment` wrote there, in one run, several, or shards.
"""

from __future__ import annotations

import argparse

from ovseg_jax.cli.options import add_formats, add_overwrite, given_path
from ovseg_jax.foundation.errors import counted, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "answers", type=given_path, metavar="FOLDER", help="the --out of `ovseg segment`"
    )
    add_formats(parser, required=True)
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes the files; returns the exit status."""
    from ovseg_jax.inference.formats.folder import reformat

    files = reformat(arguments.answers, arguments.format, overwrite=arguments.overwrite)
    for name in dict.fromkeys(arguments.format):
        folder = arguments.answers / name
        found = sum(folder in path.parents for path in files)
        print(printable(f"{counted(found, 'file')} -> {folder}"))
    return 0
