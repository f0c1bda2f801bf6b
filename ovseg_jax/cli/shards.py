"""Shards of a folder of photos: who does which, what is done already, and that all do the same.

Which shard a photo belongs to follows from the name of its results alone, by a hash: so machines
need not agree on anything, nor list the photos at one time, and photos that come later move no
others (but those of the same file name, which are then named by their folders). A photo is done
when the journal of the output folder says that all its results were made from it, and they are
there. The first shard notes in `job.json` what is done with the photos; another model, vocabulary
or task in the same folder is refused, since its photos would count as done.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.disk.atomic import TEMPORARY, OutputError, reason
from ovseg_jax.disk.journal import Entry, FolderJournal, append_journal, mark_of
from ovseg_jax.disk.json_text import JsonError, parse_json
from ovseg_jax.disk.outputs import JOB, OutputFolder

Named = Sequence[tuple[Path, str]]
"""Photos, each with the stem of its results."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One of several equal parts of the photos.

    Attributes:
        number: From 1 to `count`.
        count: How many there are.
    """

    number: int
    count: int

    def __str__(self) -> str:
        """As the command line has it, "3/8"."""
        return f"{self.number}/{self.count}"

    def holds(self, stem: str) -> bool:
        """Whether the photo whose results start so belongs here."""
        digest = hashlib.sha256(os.fsencode(stem)).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1


def read_shard(text: str) -> Shard:
    """Reads "3/8".

    Raises:
        argparse.ArgumentTypeError: It is not of that form, or no number from 1 to the count.
    """
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard; give 1/8 to 8/8 for eight")
    return Shard(int(found[1]), int(found[2]))


def add_shard(parser: argparse.ArgumentParser) -> None:
    """Adds --shard."""
    parser.add_argument(
        "--shard",
        type=read_shard,
        metavar="I/N",
        help="do one of N parts of the photos, 1/N to N/N, which may run side by side and write to "
        "one folder; photos that are done are not done again, so the same command goes on where it "
        "was stopped (1/1: all photos)",
    )


def left_to_do(
    photos: Named, shard: Shard, out: Path, names_of: Callable[[Path, Path, str], Iterable[str]]
) -> tuple[list[tuple[Path, str]], int]:
    """Returns the photos of a shard that are not done, and how many are.

    Args:
        photos: All photos, of all shards.
        shard: Which.
        out: The folder of the results.
        names_of: Returns the names of a photo's results, given the folder, the photo and its stem.
    """
    mine = [(photo, stem) for photo, stem in photos if shard.holds(stem)]
    journal, folder = FolderJournal(out), OutputFolder(out)

    def is_done(photo: Path, stem: str) -> bool:
        seen = folder.seen_from_here(photo)
        return all(
            any(entry.source == seen for entry in journal.entries_of(name)[-1:])
            and (out / name).is_file()
            for name in names_of(out, photo, stem)
        )

    rest = [(photo, stem) for photo, stem in mine if not is_done(photo, stem)]
    return rest, len(mine) - len(rest)


def begin_job(out: Path, job: dict[str, Any]) -> None:
    """Notes what is done with the photos of a folder, or checks that it is the same.

    Args:
        out: The folder of the results.
        job: What is done, ready for JSON.

    Raises:
        UsageError: The results there were made in another way; names what differs.
        OutputError: The disk refuses, or the note cannot be read.
    """
    path, text = out / JOB, json.dumps(job, indent=1, sort_keys=True)
    if not path.exists() and _wrote_first(path, text):
        return
    try:
        found = parse_json(path.read_bytes(), str(path))
    except (OSError, JsonError) as error:
        raise OutputError(f"{path} cannot be read: {error}; choose another --out") from error
    known = found if isinstance(found, dict) else {}
    wanted = json.loads(text)
    differ = sorted(
        key for key in known.keys() | wanted.keys() if known.get(key) != wanted.get(key)
    )
    if differ:
        raise UsageError(
            f"{path} says that this folder's results were made with another {', '.join(differ)}; "
            "choose another --out, or give the same options"
        )


def _wrote_first(path: Path, text: str) -> bool:
    """Makes the note unless another shard was quicker; it appears whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=TEMPORARY)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            append_journal(path.parent, [Entry(JOB, mark_of(Path(name)), "the options")])
            os.link(name, path)  # fails where something is, which a rename does not
        except FileExistsError:
            return False
        finally:
            os.unlink(name)
    except OSError as error:
        raise OutputError(f"{path} could not be written: {reason(path, error)}") from error
    return True
