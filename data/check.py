"""Checks the files of a data set: `ovseg data check NAME DIR [--config C]`.

Reads every file once and tells all problems together: of each kind how many, the first five files,
the likely cause and what to do; then what would be read. Nothing is written. Exit status 1 where
training or scoring would fail or be wrong, 0 where there are notes only or nothing at all.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path

from data.build import NAMES, module_of
from data.checks.examine import examine
from data.checks.report import told
from ovseg_jax.foundation.errors import printable
from ovseg_jax.inputs.builders import has_open_configs
from ovseg_jax.inputs.places import local


def main(argv: Sequence[str] | None = None, program: str | None = None) -> int:
    """Parses the command line, checks the folder and prints what was found.

    Args:
        argv: The arguments; those of the process when None.
        program: What usage messages call the program.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with the set's files")
    parser.add_argument("--config", default="", help="builder config (default: the first)")
    options = parser.parse_args(argv)
    _check_options(parser, options)
    if not module_of(options.name).Builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        print(f"{options.name} is made by a program; there are no files to check")
        return 0
    report = examine(options.name, options.folder, options.config)
    for line in told(report):
        print(printable(line))
    return int(report.is_fatal)


def _check_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    folder, module = local(options.folder), module_of(options.name)
    known = module.Builder.builder_configs
    if options.config and options.config not in known and not has_open_configs(module):
        names = ", ".join(known)
        parser.error(f"--config: {options.name} has no {options.config!r}; known: {names}")
    if not folder.is_dir():
        siblings = folder.absolute().parent
        names = [x.name for x in siblings.iterdir() if x.is_dir()] if siblings.is_dir() else []
        near = difflib.get_close_matches(folder.name, names, n=1)
        hint = f"; perhaps you meant {siblings / near[0]}" if near else ""
        parser.error(printable(f"there is no folder {folder}{hint}"))


if __name__ == "__main__":
    raise SystemExit(main())
