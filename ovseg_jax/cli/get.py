"""Downloads a published file, converts it and keeps both in the user's cache.

  ovseg get mask_adapter_large                   then: ovseg segment ... --model mask_adapter_large
  ovseg get sam_vit_b --to weights/sam           a weights directory where you want it
  ovseg get maft_plus_large --file maftp_l.pth   a copy that you have

`ovseg models` lists the names. A download that breaks off goes on with the same command; its
SHA-256 is recorded the first time and checked from then on. Nothing in a file is executed. A second
call is done at once. Where the licence forbids commercial use, it is shown and asked for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ovseg_jax.cli.options import add_overwrite, given_path
from ovseg_jax.foundation.errors import printable

if TYPE_CHECKING:
    from ovseg_jax.convert.getting import Wish
    from ovseg_jax.fetching.table import PublishedFile

REFUSED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("name", metavar="NAME", help="a published file (`ovseg models` lists them)")
    parser.add_argument(
        "--to",
        type=given_path,
        metavar="DIR",
        help="write the weights directory there (default: the user's cache, where --model NAME "
        "finds it)",
    )
    parser.add_argument(
        "--file", type=given_path, metavar="FILE", help="a copy of the file that is here already"
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="precision of the stored parameters",
    )
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument(
        "--accept-licence",
        action="store_true",
        help="keep to a licence that forbids commercial use, without being asked",
    )
    parser.add_argument(
        "--accept-changed",
        action="store_true",
        help="take the file though it is not the one that was downloaded first",
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        help="use only what is here; so does the variable HF_HUB_OFFLINE=1",
    )
    parser.add_argument(
        "--discard", action="store_true", help="remove the published file once it is converted"
    )
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Gets the file; returns the exit status, 1 where the user says no."""
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.convert.getting import Wish, get_model, kept
    from ovseg_jax.fetching.table import find_published

    names = ("file", "dtype", "accept_changed", "offline", "discard", "overwrite")
    wish = Wish(
        **{name: getattr(arguments, name) for name in names},
        accept_licence=arguments.accept_licence,
    )
    published = find_published(arguments.name)
    if arguments.to is None and (folder := kept(published.name, wish)):
        return _end(arguments.name, folder, arguments.to)
    _describe(published)
    accepted = _accepted(published, wish, arguments.yes)
    if accepted is None:
        return REFUSED
    with Progress() as progress:
        folder = get_model(published.name, _reporting(accepted, progress), arguments.to)
    return _end(arguments.name, folder, arguments.to)


def _describe(published: PublishedFile) -> None:
    from ovseg_jax.convert.getting import parts_of

    for part in parts_of(published):
        size = f", {part.size / 1e9:.2f} GB" if part.size else ""
        print(printable(f"{part.name}: {part.title} ({part.group}){size}"))
        print(printable(f"  from {part.address or part.source}"))
        print(printable(f"  licence: {part.licence}, as its publisher states"))


def _accepted(published: PublishedFile, wish: Wish, yes: bool) -> Wish | None:
    """Asks what has to be asked, where somebody can answer; None where the answer is no.

    Where nobody can, a licence that was not accepted is refused by `get_model`.
    """
    import dataclasses

    from ovseg_jax.convert.getting import restricted

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return wish
    for part in [] if wish.accept_licence else restricted(published):
        question = f"{part.licence} forbids commercial use of {part.name}. Do you keep to it?"
        if not _asked(question):
            return None
        wish = dataclasses.replace(wish, accept_licence=True)
    local = yes or wish.offline or wish.file is not None
    return wish if local or _asked("Download and convert?") else None


def _asked(question: str) -> bool:
    try:
        return input(printable(f"{question} [y/N] ")).strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _reporting(wish: Wish, progress: object) -> Wish:
    """Shows what happens, in megabytes."""
    import dataclasses

    def report(what: str):
        update = progress.task(printable(f"{what} (MB)" if what.startswith("down") else what))  # type: ignore[attr-defined]
        return lambda done, total: update(done // 10**6, total // 10**6)

    return dataclasses.replace(wish, report=report)


def _end(name: str, folder: Path, target: Path | None) -> int:
    print(printable(f"{name} is in {folder}"))
    print(printable(f"use it by --model {target or name}"))
    return 0
